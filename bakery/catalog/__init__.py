"""Which releases there are, where, and what `latest` points at: one file for each image."""

__all__ = ["catalog", "ids", "model", "promotions", "record", "values"]
