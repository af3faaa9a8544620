"""The stories of a release: published, checked, promoted, launched and pruned, in every place at once."""

__all__ = [
    "bake",
    "import_",
    "launch",
    "launch_order",
    "preview",
    "promote",
    "prune",
    "publish",
    "rebuild",
    "regions",
    "render",
    "validate",
]
