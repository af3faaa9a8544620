"""Clouds, a package each; none knows another."""
