"""The stories of a release: published, checked, promoted, launched and pruned, in every place at once."""

__all__ = [
    "bake",
    "import_",
    "import_plan",
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
