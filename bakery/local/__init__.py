"""The stories of this machine: plan, bake, verify, render, and whether it has all that they need."""

__all__ = ["bake", "certs", "checks", "doctor", "find", "plan", "render", "verify"]
