"""The report: a folder of pages about all images and each release, which a browser shows without a server."""

__all__ = ["site"]
