"""Scaleway: every call to it is made here, and none of its answers or error words is read elsewhere."""

__all__ = ["account", "cloud", "credentials", "sketch"]
