"""Boxes and the Vagrantfile: a baked image as a machine for one's own desk."""

__all__ = ["box_catalog", "boxes", "machine", "vagrantfile"]
