"""What one release holds, asked of a machine that runs it, and kept as one file beside the catalog."""

__all__ = [
    "changelog",
    "collect",
    "diff",
    "differences",
    "foreseen",
    "forms",
    "kept",
    "manifest",
    "provenance",
    "sbom",
    "sides",
    "signature",
]
