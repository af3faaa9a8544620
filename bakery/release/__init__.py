"""The stories of a release: published, checked, promoted, launched and pruned, in every place at once."""

__all__ = [
    "bake",
    "catalog_commit",
    "foresight",
    "import_",
    "launch",
    "launch_order",
    "matrix",
    "nightly",
    "preview",
    "promote",
    "prune",
    "publish",
    "rebuild",
    "regions",
    "render",
    "validate",
    "verify",
]
