"""What Packer is given and told: templates, settings, fingerprint, and the program itself."""

__all__ = ["build", "engine", "fingerprint", "render", "settings", "workspace"]
