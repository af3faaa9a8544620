"""Command lines for disk images: values in, argument lists out."""

from pathlib import Path

_CONVERT = ("qemu-img", "convert", "-W", "-m", "8")


def overlay_argv(backing: Path, *, out: Path, size_gb: int) -> list[str]:
    """Return the command that makes *out*, a disk of *size_gb* (2^30 bytes) that stores what differs from *backing*."""
    return ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(backing), "-F", "qcow2", str(out), f"{size_gb}G"]


def to_qcow2_argv(source: Path, *, source_format: str, out: Path, is_compressed: bool) -> list[str]:
    """Return the command that converts a disk to qcow2, leaving out what is empty; -W lets every core compress."""
    compression = ["-c", "-o", "compression_type=zstd"] if is_compressed else []
    return [*_CONVERT, "-f", source_format, "-O", "qcow2", *compression, str(source), str(out)]


def to_zlib_argv(source: Path, *, out: Path, source_format: str = "qcow2") -> list[str]:
    """Return the command that packs a disk as qcow2 so that every reader of qcow2 can unpack it, old ones too."""
    return [*_CONVERT, "-f", source_format, "-O", "qcow2", "-c", "-o", "compression_type=zlib", str(source), str(out)]


def info_argv(disk: Path) -> list[str]:
    """Return the command that says as JSON what a qcow2 disk is; `virtual-size` is how many bytes a machine sees."""
    return ["qemu-img", "info", "--output=json", "-f", "qcow2", str(disk)]


def to_raw_argv(source: Path, *, out: Path, source_format: str = "qcow2") -> list[str]:
    """Return the command that unpacks a disk, with holes where nothing is."""
    return [*_CONVERT, "-f", source_format, "-O", "raw", str(source), str(out)]


def check_argv(disk: Path) -> list[str]:
    """Return the command that checks a qcow2 disk's tables; its exit code is 0 when they are whole."""
    return ["qemu-img", "check", "-q", "-f", "qcow2", str(disk)]


def map_argv(disk: Path) -> list[str]:
    """Return the command that lists a qcow2 disk's extents as JSON: start and length in bytes, what is data or zero."""
    return ["qemu-img", "map", "--output=json", "-f", "qcow2", str(disk)]


def nbd_argv(disk: Path, *, socket: Path, connections: int) -> list[str]:
    """Return the command that serves a qcow2 disk for reading; it ends by itself with the last of its connections."""
    return ["qemu-nbd", "--read-only", "-f", "qcow2", f"--shared={connections}", f"--socket={socket}", str(disk)]
