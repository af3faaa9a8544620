"""Disk images: the bases that a bake begins with, and what is read from, written to and known of a qcow2."""
