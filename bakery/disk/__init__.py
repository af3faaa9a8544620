"""Disk images: the bases that a bake begins with, and what is read from, written to and known of a qcow2."""

__all__ = ["archive", "artifact", "base", "blocks", "boot_mode", "digests", "qemu_img"]
