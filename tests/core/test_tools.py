import os
import re
from pathlib import Path

import pytest

from bakery.core import process, tools
from bakery.core.tools import Tool

KNOWN = tools.read()


def tool(name: str, *commands: str) -> Tool:
    return Tool(name=name, debian=f"{name}-deb", homebrew="-", purpose="p", commands=commands, elsewhere="-")


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    return path


@pytest.mark.parametrize("row", KNOWN, ids=lambda row: row.short_name)
def test_every_tool_says_what_for_and_which_package(row: Tool) -> None:
    assert row.purpose
    assert re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", row.debian)
    assert row.commands


def test_the_table_serves_every_command_of_doctor() -> None:
    served = {command for row in KNOWN for command in row.commands}
    assert {"bake", "verify", "up", "test"} <= served


def test_running_every_check_needs_what_the_commands_need() -> None:
    for row in KNOWN:
        assert any(command.startswith("test") for command in row.commands), row.name


def test_a_program_is_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    put(tmp_path / "oven")
    assert tool("oven").find() == str(tmp_path / "oven")
    assert tool("no-oven").find() is None


def test_a_program_in_sbin_is_found_though_a_users_path_leaves_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(process, "SYSTEM_FOLDERS", (str(tmp_path),))
    put(tmp_path / "mke2fs")
    assert tool("mke2fs").find() == str(tmp_path / "mke2fs")


def test_a_file_is_found_in_any_of_its_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    firmware = put(tmp_path / "gems/oven-1.2/firmware")
    assert tool("/nowhere/at/all|~/gems/oven-*/firmware").find() == str(firmware)
    assert tool("/nowhere/at/all|~/gems/stove-*/firmware").find() is None


def test_what_is_missing_depends_on_the_situation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [tool("a", "up"), tool("b", "up-libvirt"), tool("c", "up-rootless"), tool("d", "bake")]
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert [row.name for row in tools.missing_for("up", rows)] == ["a", "b"]
    put(tmp_path / "VBoxManage")
    assert [row.name for row in tools.missing_for("up", rows)] == ["a"]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert [row.name for row in tools.missing_for("up", rows)] == ["a", "c"]


def test_the_hint_is_the_command_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    hint = tools.install_hint([tool("b"), tool("a"), tool("a")])
    assert hint == "sudo apt-get install --no-install-recommends a-deb b-deb"
