"""What Packer is given and told: templates, settings, fingerprint, and the program itself."""
