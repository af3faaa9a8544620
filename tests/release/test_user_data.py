"""User-data is handed on as cloud-init reads it, and refused where it would be ignored."""

import gzip
from pathlib import Path

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.release import user_data

CONFIG = b"#cloud-config\npackages: [htop]\n"


def told(folder: Path, content: bytes) -> bytes:
    (folder / "data").write_bytes(content)
    return user_data.read(folder / "data")


def refusal(folder: Path, content: bytes) -> BakeryError:
    with pytest.raises(BakeryError) as caught:
        told(folder, content)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    return caught.value


@pytest.mark.parametrize(
    "content",
    [
        "#!/bin/sh\necho ü\n".encode(),
        CONFIG,
        b"#include\nhttps://example.com/more\n",
        b"## template: jinja\n#cloud-config\n{{ x }}: 1\n",
        b"Content-Type: multipart/mixed; boundary=x\nMIME-Version: 1.0\n\n--x--\n",
    ],
    ids=("script", "cloud-config", "include", "jinja", "multipart"),
)
def test_every_form_of_cloud_init_is_taken_as_it_is(content: bytes, tmp_path: Path) -> None:
    assert told(tmp_path, content) == content


def test_gzip_is_taken_as_it_is(tmp_path: Path) -> None:
    packed = gzip.compress(CONFIG, mtime=0)
    assert told(tmp_path, packed) == packed


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + CONFIG, CONFIG.replace(b"\n", b"\r\n")])
def test_what_editors_add_is_taken_out(content: bytes, tmp_path: Path) -> None:
    assert told(tmp_path, content) == CONFIG


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"domain: apps.example.com\n", "cloud-init would ignore it: it begins with 'domain: apps.example.com'"),
        (gzip.compress(b"domain: x\n", mtime=0), "cloud-init would ignore it: it begins with 'domain: x'"),
        (b"", "it is empty"),
        (b"#cloud-config\npackages:\n\t- htop\n", "line 3: cloud-init would ignore it, since it is no YAML"),
        (b"#cloud-config\nborn: 2026-02-30\n", "there is a value that cannot be: day is out of range for month"),
        (b"#cloud-config\nx: " + b"[" * 5000, "there is a value that cannot be: maximum recursion depth exceeded"),
        (b"#cloud-config\n- htop\n", "cloud-init would ignore it: no key: value in it"),
        (b"\xff", "not UTF-8 text"),
        (CONFIG.decode().encode("utf-16"), "not UTF-8 text"),
        (gzip.compress(CONFIG, mtime=0)[:-9], "gzip that cannot be unpacked: it is cut off"),
        (b"#!" + b"x" * 16383, "16385 bytes, and EC2 takes 16384"),
    ],
    ids=(
        "no form",
        "packed, no form",
        "empty",
        "tabs",
        "no date",
        "too deep",
        "a list",
        "no UTF-8",
        "UTF-16",
        "cut off",
        "too long",
    ),
)
def test_what_a_machine_would_not_take_is_refused_with_the_reason(content: bytes, problem: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, content)
    assert problem in error.message
    assert error.hint


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BakeryError, match="No such file or directory"):
        user_data.read(tmp_path / "nothing")


def test_the_largest_is_taken(tmp_path: Path) -> None:
    assert len(told(tmp_path, b"#!" + b"x" * 16382)) == user_data.LARGEST
