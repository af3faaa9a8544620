"""A base out of the package archive: what is asked of mmdebstrap, and a disk that firmware can read."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bakery.core import process
from bakery.core.console import Console
from bakery.definition import bases
from bakery.definition.bases import Arch, BaseName
from bakery.disk import acl, archive, base

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


@pytest.mark.parametrize(("uid", "mode", "inside"), [(0, "root", []), (1000, "unshare", ["mmdebstrap"])])
def test_without_root_everything_runs_in_mmdebstraps_namespace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uid: int, mode: str, inside: list[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    ran: list[list[str]] = []
    shared: list[int] = []
    monkeypatch.setattr(acl, "let_in", lambda _, *, uid: shared.append(uid))

    def run(argv: list[str], *, env: dict[str, str] | None = None, **_: object) -> process.Finished:
        ran.append(argv)
        if argv[-1] == LINE:
            assert env == {"SOURCE_DATE_EPOCH": ""}
            shipped(Path(argv[-2]), "curl", made_s=2)
        told = "Inode count: 12\nBlock size: 4096\n" if "dumpe2fs" in argv else ""
        if "/proc/self/uid_map" in argv:
            told = "I: a word of mmdebstrap's\n         0     100000      65536\n"
        return process.Finished(argv=tuple(argv), exit_code=0, output=told)

    monkeypatch.setattr(process, "run", run)
    archive.build(RECIPE, out=tmp_path / "disk.qcow2", console=Console())
    assert shared == ([100000] if uid else [])
    assert f"--mode={mode}" in next(argv for argv in ran if argv[-1] == LINE)
    for program in ("find", "perl", "mke2fs", "rm"):
        found = [argv for argv in ran if program in argv[:3]]
        assert found
        assert all(argv[: argv.index(program)][:1] == inside for argv in found)


def shipped(tree: Path, package: str, *, made_s: int) -> None:
    """Put what dpkg keeps of a package into *tree*."""
    sums = tree / f"var/lib/dpkg/info/{package}.md5sums"
    sums.parent.mkdir(parents=True, exist_ok=True)
    sums.write_text("")
    os.utime(sums, (made_s, made_s))


def test_what_was_made_here_is_as_old_as_the_newest_package_and_packages_files_keep_their_date(tmp_path: Path) -> None:
    shipped(tmp_path, "curl", made_s=1_600_000_000)
    shipped(tmp_path, "nginx", made_s=1_700_000_000)
    (tmp_path / "curl").write_text("")
    os.utime(tmp_path / "curl", (1_600_000_000, 1_600_000_000))
    (tmp_path / "ld.so.cache").write_text("")
    (tmp_path / "nowhere").symlink_to("missing")
    epoch_s = archive.newest_package_s(tmp_path)
    process.run(archive.date_tree_argv(tmp_path, epoch_s=epoch_s))
    assert epoch_s == 1_700_000_000
    assert (tmp_path / "curl").stat().st_mtime == 1_600_000_000
    assert {(tmp_path / name).lstat().st_mtime for name in ("ld.so.cache", "nowhere", "var", ".")} == {epoch_s}


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

    def ask(recipe: archive.Recipe, digest: str) -> base.BaseDisk:
        others = {"https://nginx.org/packages/debian/dists/bookworm/InRelease": f"changes with {digest}"}
        return base.from_archive(recipe, digests={release: digest, **others}, console=Console())

    first = ask(RECIPE, "1")
    assert ask(RECIPE, "1") == first
    assert len(built) == 1
    assert first.sha256 == base.sha256(first.path)
    assert ask(RECIPE, "2").path != first.path
    assert ask(replace(RECIPE, packages=()), "1").path != first.path
    assert len(built) == 3
    assert base.cached(RECIPE.base, Arch.AMD64) is not None
    for damage in ("", "{}", "[]"):
        first.path.with_suffix(".json").write_text(damage)
        assert ask(RECIPE, "1") == first
    first.path.with_suffix(".json").unlink()
    assert ask(RECIPE, "1") == first
    assert len(built) == 3


def test_a_base_that_no_bake_began_with_for_weeks_goes_when_a_new_one_comes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(archive, "build", lambda recipe, *, out, console: out.write_text("a disk"))
    release = "http://mirror.example/debian/dists/bookworm/InRelease"
    old, used = (base.from_archive(RECIPE, digests={release: day}, console=Console()).path for day in "12")
    for disk in (old, used):
        os.utime(disk, (0, 0))
    base.from_archive(RECIPE, digests={release: "2"}, console=Console())
    new = base.from_archive(RECIPE, digests={release: "3"}, console=Console()).path
    assert {path.name for path in new.parent.glob("*.qcow2")} == {used.name, new.name}
    assert not old.with_suffix(".json").exists()


def test_an_interrupted_build_leaves_no_base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def build(recipe: archive.Recipe, *, out: Path, console: Console) -> None:
        out.write_text("half a d")
        raise KeyboardInterrupt

    monkeypatch.setattr(archive, "build", build)
    with pytest.raises(KeyboardInterrupt):
        base.from_archive(RECIPE, digests={}, console=Console())
    assert [path.suffix for path in (tmp_path / "dokku-bakery/bases").iterdir()] == [".lock"]
