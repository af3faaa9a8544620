"""AWS: every call to it is made here, and none of its answers or error codes is read elsewhere."""

__all__ = ["account", "cloud", "sketch"]
