"""The stories of a release: published, checked, promoted, launched and pruned, in every place at once."""
