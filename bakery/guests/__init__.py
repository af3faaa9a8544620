"""Machines on this machine, emulated or native: started, reached over SSH, and verified by the image tests."""

__all__ = ["accelerator", "filesystems", "guest", "health", "native", "qemu", "seed", "suite", "verify"]
