"""What a cloud is to the rest: what is wanted of a place, what was seen there, and what differs."""

__all__ = ["converging", "inventory", "naming", "place", "reconcile", "values"]
