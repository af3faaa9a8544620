"""A base out of the package archive: what is asked of mmdebstrap, and a disk that firmware can read."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bakery import archive, basedisk, bases, process
from bakery.bases import Arch, BaseName
from bakery.console import Console

LINE = "deb [signed-by=/usr/share/keyrings/x.gpg] http://mirror.example/debian bookworm main"
RECIPE = archive.Recipe(
    base=bases.base(BaseName.DEBIAN_12), arch=Arch.AMD64, sources=(LINE,), packages=("nginx=1.22.*", "docker.io")
)


def test_every_package_is_unpacked_once_with_its_pin() -> None:
    included = included_packages(archive.mmdebstrap_argv(RECIPE, tree=Path("/t")))
    assert included == sorted(set(included))
    assert {"nginx=1.22.*", "docker.io", "linux-image-cloud-amd64", "cloud-init", "openssh-server"} <= set(included)


def included_packages(argv: list[str]) -> list[str]:
    return next(option for option in argv if option.startswith("--include=")).partition("=")[2].split(",")


def test_the_archives_are_this_machines_own() -> None:
    argv = archive.mmdebstrap_argv(RECIPE, tree=Path("/t"))
    assert argv[-3:] == ["bookworm", "/t", LINE]
    assert RECIPE.uris() == ["http://mirror.example/debian"]


@pytest.mark.parametrize(("uid", "mode", "inside"), [(0, "root", False), (1000, "unshare", True)])
def test_without_root_everything_runs_in_mmdebstraps_namespace(
    monkeypatch: pytest.MonkeyPatch, uid: int, mode: str, inside: bool
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    assert f"--mode={mode}" in archive.mmdebstrap_argv(RECIPE, tree=Path("/t"))
    assert (archive.mke2fs_argv(Path("/d"), tree=Path("/t"))[:2] == ["mmdebstrap", "--unshare-helper"]) is inside


def test_a_tree_becomes_a_disk_with_an_efi_loader_and_a_root_file_system(tmp_path: Path) -> None:
    tree, raw, esp = tmp_path / "tree", tmp_path / "disk.raw", tmp_path / "esp.img"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/hostname").write_text("localhost\n")
    archive.make_esp(esp, work=tmp_path)
    archive.make_disk(raw, tree=tree, esp=esp)
    table = json.loads(process.run(["sfdisk", "--json", str(raw)]).output)["partitiontable"]
    assert [part["name"] for part in table["partitions"]] == ["esp", "root"]
    assert table["partitions"][0]["type"] == "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
    start = table["partitions"][1]["start"] * table["sectorsize"]
    found = process.run(["debugfs", "-R", "cat /etc/hostname", f"{raw}?offset={start}"]).output
    assert found.splitlines()[-1] == "localhost"
    listed = process.run(["mdir", "-b", "-i", f"{raw}@@{table['partitions'][0]['start'] * 512}", "::EFI/BOOT"]).output
    assert "BOOTX64.EFI" in listed
    assert raw.stat().st_blocks * 512 < 80e6


def test_a_base_is_made_once_for_equal_archives_and_anew_when_they_change(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built: list[Path] = []

    def build(recipe: archive.Recipe, *, out: Path, console: Console) -> None:
        built.append(out)
        out.write_text("a disk")

    monkeypatch.setattr(archive, "build", build)
    release = "http://mirror.example/debian/dists/bookworm/InRelease"

    def ask(recipe: archive.Recipe, digest: str) -> basedisk.BaseDisk:
        others = {"https://nginx.org/packages/debian/dists/bookworm/InRelease": f"changes with {digest}"}
        return basedisk.from_archive(recipe, digests={release: digest, **others}, console=Console())

    first = ask(RECIPE, "1")
    assert ask(RECIPE, "1") == first
    assert len(built) == 1
    assert first.sha256 == basedisk.sha256(first.path)
    assert ask(RECIPE, "2").path != first.path
    assert ask(replace(RECIPE, packages=()), "1").path != first.path
    assert len(built) == 3
    assert basedisk.cached(RECIPE.base, Arch.AMD64) is not None


def test_a_base_that_no_bake_began_with_for_weeks_goes_when_a_new_one_comes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(archive, "build", lambda recipe, *, out, console: out.write_text("a disk"))
    release = "http://mirror.example/debian/dists/bookworm/InRelease"
    old, used = (basedisk.from_archive(RECIPE, digests={release: day}, console=Console()).path for day in "12")
    for disk in (old, used):
        os.utime(disk, (0, 0))
    basedisk.from_archive(RECIPE, digests={release: "2"}, console=Console())
    new = basedisk.from_archive(RECIPE, digests={release: "3"}, console=Console()).path
    assert {path.name for path in new.parent.glob("*.qcow2")} == {used.name, new.name}
    assert not old.with_suffix(".json").exists()


def test_an_interrupted_build_leaves_no_base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def build(recipe: archive.Recipe, *, out: Path, console: Console) -> None:
        out.write_text("half a d")
        raise KeyboardInterrupt

    monkeypatch.setattr(archive, "build", build)
    with pytest.raises(KeyboardInterrupt):
        basedisk.from_archive(RECIPE, digests={}, console=Console())
    assert [path.suffix for path in (tmp_path / "dokku-bakery/bases").iterdir()] == [".lock"]
