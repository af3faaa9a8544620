"""A qcow2 disk is read in EBS's blocks: every one right, in order, and no program or thread left behind."""

import hashlib
import itertools
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode
from bakery.disk import nbd, qemu_img
from bakery.disk.blocks import BLOCK_SIZE, READ_AHEAD, ZERO_DIGEST, ZEROS, opened

KB, MB, GB = 2**10, 2**20, 2**30
SIZE = 3 * GB + 512
"""Neither whole GiB nor whole blocks."""

chance = random.Random(5)
NOISE = chance.randbytes(300 * KB)
TEXT = b"".join(b"line %d of a text that packs well\n" % number for number in range(40000))
DATA = {
    0: TEXT[: 100 * KB],
    700 * KB: NOISE,
    3 * MB + 64 * KB: TEXT[: 10 * KB],
    3 * MB + 320 * KB: NOISE[: 64 * KB],
    1 * GB - 192 * KB: TEXT[: 400 * KB],
    SIZE - 100: b"the very end".rjust(100, b"."),
}
"""By offset: extents that share a block, one that begins within a block, one that is over two of them."""

INDEXES = (0, 1, 6, 2047, 2048, 6144)
KINDS = {"plain": [], "zlib": ["-c", "-o", "compression_type=zlib"], "zstd": ["-c", "-o", "compression_type=zstd"]}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("disk") / "disk.raw"
    with path.open("wb") as file:
        file.truncate(SIZE)
        for offset, data in DATA.items():
            file.seek(offset)
            file.write(data)
    return path


@pytest.fixture(scope="module")
def disks(raw: Path) -> dict[str, Path]:
    made = {kind: raw.with_name(f"{kind}.qcow2") for kind in KINDS}
    for kind, options in KINDS.items():
        process.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", *options, str(raw), str(made[kind])])
    return made


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test a folder for temporary files, and look that nothing is left in it and no thread runs."""
    # Below /tmp: the name of a unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="blocks-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)
        assert list(Path(folder).iterdir()) == []
        assert [thread for thread in threading.enumerate() if thread.name.startswith("disk")] == []


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Give the process ids of the qemu-nbd that are started, and look that all have ended."""
    started: list[int] = []
    real = process.background

    @contextmanager
    def noting(argv: list[str], *, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
        with real(argv, log=log) as child:
            if argv[0] == "qemu-nbd":
                started.append(child.pid)
            yield child

    monkeypatch.setattr(process, "background", noting)
    yield started
    assert started
    assert not [pid for pid in started if is_running(str(pid))]


def block_of(raw: Path, index: int) -> bytes:
    with raw.open("rb") as file:
        file.seek(index * BLOCK_SIZE)
        return file.read(BLOCK_SIZE).ljust(BLOCK_SIZE, b"\0")


@pytest.mark.parametrize("connections", [1, 2, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_the_blocks_with_data_are_found_and_are_those_of_the_disk(
    raw: Path, disks: dict[str, Path], kind: str, connections: int, servers: list[int]
) -> None:
    with opened(disks[kind], connections=connections) as disk:
        assert tuple(disk.indexes) == INDEXES
        found = list(disk.blocks(disk.indexes))
    wanted = [block_of(raw, index) for index in INDEXES]
    assert [block.data for block in found] == wanted
    assert [block.digest for block in found] == [hashlib.sha256(data).digest() for data in wanted]
    assert not any(block.is_zero for block in found)


def test_a_volume_has_room_for_the_whole_disk(disks: dict[str, Path]) -> None:
    with opened(disks["zstd"]) as disk:
        assert disk.size_gb == 4


def test_a_disk_of_whole_gib_needs_no_more(tmp_path: Path) -> None:
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(tmp_path / "empty.qcow2"), "3G"])
    with opened(tmp_path / "empty.qcow2") as disk:
        assert disk.size_gb == 3
        assert tuple(disk.indexes) == ()
        assert list(disk.blocks(disk.indexes)) == []


def test_what_is_behind_the_end_is_zeros(raw: Path, disks: dict[str, Path]) -> None:
    with opened(disks["zlib"]) as disk:
        assert disk.read(6144) == (b"the very end".rjust(100, b".")).rjust(512, b"\0").ljust(BLOCK_SIZE, b"\0")
        assert disk.read(6145) == ZEROS


@pytest.mark.parametrize("packing", ["", "-c"])
def test_a_block_of_zeros_that_takes_room_is_given_and_said_to_be_zeros(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "zeros.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "8M"])
    writes = [option for offset in ("0", "1M") for option in ("-c", f"write {packing} -P 0 {offset} 64k")]
    process.run(["qemu-io", "-f", "qcow2", *writes, "-c", f"write {packing} -P 7 2M 64k", str(path)])
    with opened(path) as disk:
        found = [(block.index, block.is_zero, block.digest == ZERO_DIGEST) for block in disk.blocks(disk.indexes)]
    assert found == [(0, True, True), (2, True, True), (4, False, False)]


def test_blocks_that_are_known_to_be_zeros_are_left_out_and_may_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "zeros.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "8M"])
    process.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 0 1M", "-c", "write -z 0 512k", str(path)])
    with opened(path) as disk:
        assert tuple(disk.indexes) == (1,)
        assert [block.is_zero for block in disk.blocks([0, 1, 9])] == [True, False, True]


def test_room_that_was_set_aside_and_never_written_is_known_to_be_zeros(tmp_path: Path) -> None:
    path = tmp_path / "aside.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", str(path), "8M"])
    process.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 5M 64k", str(path)])
    with opened(path) as disk:
        assert tuple(disk.indexes) == (10,)


def test_a_disk_is_read_through_its_backing_file(raw: Path, disks: dict[str, Path], tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.qcow2"
    process.run(qemu_img.overlay_argv(disks["zstd"], out=overlay, size_gb=5))
    process.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 4M 64k", "-c", "write -z 0 1M", str(overlay)])
    with opened(overlay) as disk:
        assert tuple(disk.indexes) == (6, 8, 2047, 2048, 6144)
        assert disk.read(2047) == block_of(raw, 2047)
        assert disk.size_gb == 5


def test_blocks_come_in_the_order_they_are_asked_for(raw: Path, disks: dict[str, Path]) -> None:
    order = [2048, 0, 5, 2048, *range(30), 1] * 3
    with opened(disks["zlib"], connections=4) as disk:
        assert [(block.index, block.data) for block in disk.blocks(order)] == [
            (index, block_of(raw, index)) for index in order
        ]


def test_only_a_few_blocks_are_read_ahead(disks: dict[str, Path]) -> None:
    asked: list[int] = []

    def endless() -> Iterator[int]:
        for index in itertools.count():
            asked.append(index)
            yield index

    with opened(disks["zlib"]) as disk:
        blocks = disk.blocks(endless())
        for _ in range(5):
            next(blocks)
        assert len(asked) == 5 + READ_AHEAD


def test_reading_may_stop_early_and_begin_again(raw: Path, disks: dict[str, Path], servers: list[int]) -> None:
    with opened(disks["zlib"]) as disk:
        for _ in range(3):
            blocks = disk.blocks(itertools.count())
            assert next(blocks).data == block_of(raw, 0)
            blocks.close()  # type: ignore[attr-defined]
        forgotten = disk.blocks(itertools.count())
        next(forgotten)
        assert disk.read(1) == block_of(raw, 1)


def test_two_readers_do_not_wait_for_one_another(disks: dict[str, Path]) -> None:
    with opened(disks["zstd"], connections=1) as disk:
        one, two = disk.blocks(itertools.count()), disk.blocks(itertools.count())
        assert [next(one).index, next(two).index, next(one).index, next(two).index] == [0, 0, 1, 1]


def test_an_error_of_the_body_goes_through_and_ends_the_server(disks: dict[str, Path], servers: list[int]) -> None:
    def fail() -> None:
        with opened(disks["zlib"]) as disk:
            next(disk.blocks(itertools.count()))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


CHILD = """
import sys
from contextlib import contextmanager
from pathlib import Path
from bakery.disk.blocks import opened
from bakery.core import process
process.interrupt_on_sigterm()
with opened(Path(sys.argv[1])) as disk:
    while True:
        for block in disk.blocks(disk.indexes):
            print(block.index, flush=True)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_server(disks: dict[str, Path], temporary: Path, sent: signal.Signals) -> None:
    with reading(disks["zlib"], temporary) as ours:
        pid = server_of(ours.pid)
        ours.send_signal(sent)
        assert ours.wait(10) != 0
        assert not is_running(pid)


def test_a_server_does_not_outlive_a_reader_that_was_killed(disks: dict[str, Path], temporary: Path) -> None:
    with reading(disks["zlib"], temporary) as ours:
        pid = server_of(ours.pid)
        ours.kill()
        wait_until(lambda: not is_running(pid))
    for left in temporary.glob("bakery-*"):
        (left / "qemu-nbd.log").unlink()
        left.rmdir()


def reading(disk: Path, temporary: Path) -> "subprocess.Popen[bytes]":
    """Return a process that reads *disk* over and over, as soon as it does."""
    ours = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(disk)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert ours.stdout is not None
    assert ours.stdout.readline() == b"0\n"
    # Nobody reads on: what it prints must not fill the pipe.
    threading.Thread(target=ours.stdout.read, daemon=True).start()
    return ours


def server_of(pid: int) -> str:
    return process.run(["pgrep", "-P", str(pid), "qemu-nbd"]).output


def is_running(pid: str) -> bool:
    """Return whether a process runs; one that ended and that nobody waited for yet does not."""
    state = process.run(["ps", "-o", "stat=", "-p", pid], is_checked=False).output
    return state != "" and not state.startswith("Z")


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_that_was_killed_half_way_is_one_error(disks: dict[str, Path], servers: list[int]) -> None:
    with opened(disks["zlib"]) as disk:
        blocks = disk.blocks(itertools.cycle(INDEXES))
        next(blocks)
        os.kill(servers[0], signal.SIGKILL)
        with pytest.raises(BakeryError, match=r"qemu-nbd ended while it read .*zlib\.qcow2") as caught:
            list(blocks)
        assert caught.value.exit_code is ExitCode.FAILED
        with pytest.raises(BakeryError, match="qemu-nbd ended"):
            disk.read(0)


def assert_is_damage(error: BakeryError, path: Path) -> None:
    assert error.exit_code is ExitCode.IMPOSSIBLE
    assert error.message.startswith(f"{path} is no whole qcow2 image: ")
    assert "\n" not in error.message
    assert error.hint.startswith("./inv bake --force")


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.6, 0.8, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_was_cut_is_refused(disks: dict[str, Path], tmp_path: Path, kind: str, part: float) -> None:
    cut = tmp_path / "cut.qcow2"
    content = disks[kind].read_bytes()
    cut.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(BakeryError) as caught, opened(cut):
        pass
    assert_is_damage(caught.value, cut)


def test_what_is_no_disk_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    for path, reason in (tmp_path / "text", "Image is not in qcow2 format"), (tmp_path / "none", "No such file"):
        with pytest.raises(BakeryError, match=f"image: {reason}") as caught, opened(path):
            pass
        assert_is_damage(caught.value, path)


def packed_at(content: bytearray, offset: int) -> int:
    """Return where in a qcow2 file the packed cluster of byte *offset* begins: QEMU, docs/interop/qcow2.txt."""

    def number(at: int) -> int:
        return int.from_bytes(content[at : at + 8], "big")

    in_table, table = offset // (64 * KB) % 8192, offset // (512 * MB)
    entry = number((number(number(40) + 8 * table) & 0x00FFFFFFFFFFFE00) + 8 * in_table)
    assert entry >> 62 == 1
    return entry & 2**54 - 1


@pytest.mark.parametrize("kind", ["zlib", "zstd"])
def test_data_that_does_not_unpack_is_an_error_half_way(
    disks: dict[str, Path], tmp_path: Path, kind: str, servers: list[int]
) -> None:
    path = tmp_path / "flipped.qcow2"
    content = bytearray(disks[kind].read_bytes())
    begin = packed_at(content, 1 * GB)
    content[begin : begin + 64] = bytes(byte ^ 0xFF for byte in content[begin : begin + 64])
    path.write_bytes(content)
    with opened(path) as disk:
        blocks = disk.blocks(disk.indexes)
        assert [next(blocks).index for _ in range(4)] == [0, 1, 6, 2047]
        with pytest.raises(BakeryError, match=f"byte {1 * GB} cannot be read: Input/output error") as caught:
            next(blocks)
        assert_is_damage(caught.value, path)
        assert b"the very end" in disk.read(6144), "the connection is still good"


def test_a_missing_qemu_nbd_is_exit_code_3(
    disks: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "qemu-img").symlink_to(process.find("qemu-img"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(process, "SYSTEM_FOLDERS", ())
    with pytest.raises(BakeryError, match="qemu-nbd is not installed") as caught, opened(disks["zlib"]):
        pass
    assert caught.value.exit_code is ExitCode.MISSING


def test_a_qemu_nbd_that_does_not_start_says_why(disks: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu_img, "nbd_argv", lambda *disk, **how: ["qemu-nbd", "-f", "qcow2", "/not/there"])
    with (
        pytest.raises(BakeryError, match=r"qemu-nbd did not start: qemu-nbd: .*/not/there.*No such file") as caught,
        opened(disks["zlib"]),
    ):
        pass
    assert caught.value.exit_code is ExitCode.FAILED


GREETING = struct.pack(">QQH", nbd.NBDMAGIC, nbd.IHAVEOPT, 3)
EXPORT = struct.pack(">QH", 4096, 0)


def answered(*answers: bytes) -> nbd.Connection:
    """Return a connection to a server that has sent these answers and gone."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"".join(answers))
        theirs.shutdown(socket.SHUT_WR)
        connection = nbd.Connection(ours)
        connection.read(0, 512)
        return connection


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ((b"SSH-2.0-OpenSSH_9.2 and more of it\n",), "does not speak NBD's fixed newstyle"),
        ((struct.pack(">QQH", nbd.NBDMAGIC, nbd.IHAVEOPT, 0),), "does not speak NBD's fixed newstyle"),
        ((GREETING,), "closed the connection"),
        ((GREETING, EXPORT, struct.pack(">IIQ", nbd.REPLY_MAGIC, 0, 0)), "answers to something else"),
        ((GREETING, EXPORT, struct.pack(">IIQ", 7, 0, 1)), "answers to something else"),
        ((GREETING, EXPORT, struct.pack(">IIQ", nbd.REPLY_MAGIC, 0, 1), bytes(511)), "closed the connection"),
    ],
)
def test_a_server_that_breaks_the_protocol_is_not_believed(answers: tuple[bytes, ...], problem: str) -> None:
    with pytest.raises(ConnectionError, match=problem):
        answered(*answers)


def test_a_server_that_cannot_read_says_why() -> None:
    with pytest.raises(OSError, match="Input/output error"):
        answered(GREETING, EXPORT, struct.pack(">IIQ", nbd.REPLY_MAGIC, 5, 1))
