"""What a cloud gives, for whoever tells a story about one: an account, its places, and what a machine there is."""

__all__ = ["account", "baking", "machine", "place", "prices", "several", "shipment", "sketch"]
