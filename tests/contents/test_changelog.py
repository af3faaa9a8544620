"""The changelog has every release, the newest first, with what it brought; what cannot be told again stays."""

import re
from pathlib import Path

import pytest

from bakery.catalog import catalog
from bakery.catalog.catalog import Catalog
from bakery.contents import changelog, kept
from bakery.core.console import Console
from bakery.definition.bases import Arch
from tests.catalog.test_catalog import BAKED, NEW, OLD, OLDEST, latest, release
from tests.conftest import Golden
from tests.manifests import a_manifest, a_package


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    return tmp_path / "catalog"


def change(known: Catalog) -> None:
    catalog.change("host", lambda _: known, is_rehearsal=False, console=Console())


def release_with(name: str, openssl: str, *, arch: Arch = Arch.AMD64) -> None:
    one = release(name, arch=arch)
    catalog.change("host", lambda known: known.with_release(one), is_rehearsal=False, console=Console())
    manifest = a_manifest(release=name, arch=arch, packages=(a_package("openssl", openssl, arch=str(arch)),))
    kept.write(kept.of_release("host", name, arch, is_rehearsal=False), manifest)


def forget(name: str) -> None:
    """Do as `prune` does."""
    known = catalog.read("host", is_rehearsal=False)
    kept.remove(kept.of_release("host", name, Arch.AMD64, is_rehearsal=False))
    change(known.without(known.find(name, Arch.AMD64)))


def written() -> str:
    changelog.write("host", is_rehearsal=False, console=Console())
    return changelog.path_of("host", is_rehearsal=False).read_text()


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.*)$", text, re.MULTILINE)


def section(text: str, name: str) -> str:
    return text.split(f"## {name} amd64\n")[1].split("\n## ", maxsplit=1)[0]


def test_it_is_in_the_catalogs_folder_by_the_images_name(folder: Path) -> None:
    assert changelog.path_of("host", is_rehearsal=False) == folder / "host.md"


def test_releases_are_there_with_what_they_brought_the_newest_first(golden: Golden) -> None:
    for name, openssl in ((OLDEST, "3.0.14-1"), (OLD, "3.0.15-1"), (NEW, "3.0.15-1")):
        release_with(name, openssl)
    catalog.change("host", lambda known: latest(known, OLD), is_rehearsal=False, console=Console())
    text = written()
    assert headings(text) == [f"{name} amd64" for name in (NEW, OLD, OLDEST)]
    assert f"Since {OLDEST}: packages: 1 upgraded." in section(text, OLD)
    assert "nothing differs" in section(text, NEW)
    golden("contents/changelog.md", text)


def test_writing_it_again_changes_nothing() -> None:
    release_with(OLDEST, "1")
    release_with(OLD, "2")
    assert written() == written()


def test_how_a_release_stands_is_told_anew_and_what_it_brought_is_not() -> None:
    release_with(OLDEST, "1")
    release_with(OLD, "2")
    before = section(written(), OLD)
    catalog.change("host", lambda known: latest(known, OLD), is_rehearsal=False, console=Console())
    promoted = section(written(), OLD)
    assert "**latest** in eu-west-2" not in before
    assert "**latest** in eu-west-2" in promoted
    known = catalog.read("host", is_rehearsal=False)
    change(known.with_bad([OLD], Arch.AMD64, since=BAKED))
    assert "**bad** since 2026-01-31 04:05 UTC" in section(written(), OLD)
    assert section(written(), OLD).partition("\n\n")[2].partition("\n\n")[2] in before


def test_what_was_written_of_a_pruned_release_and_of_the_one_after_it_stays() -> None:
    for name, openssl in ((OLDEST, "1"), (OLD, "2"), (NEW, "3")):
        release_with(name, openssl)
    before = written()
    forget(OLDEST)
    forget(OLD)
    after = written()
    assert headings(after) == headings(before)
    assert section(after, OLD) == section(before, OLD)
    assert section(after, NEW) == section(before, NEW)


def test_each_architecture_is_compared_with_itself() -> None:
    release_with(OLDEST, "1")
    release_with(OLD, "9", arch=Arch.ARM64)
    release_with(NEW, "2")
    text = written()
    assert headings(text) == [f"{NEW} amd64", f"{OLD} arm64", f"{OLDEST} amd64"]
    assert f"Since {OLDEST}: packages: 1 upgraded." in section(text, NEW)


def test_a_release_without_a_manifest_is_told_as_such_and_compared_over() -> None:
    release_with(OLDEST, "1")
    catalog.change("host", lambda known: known.with_release(release(OLD)), is_rehearsal=False, console=Console())
    release_with(NEW, "2")
    assert changelog.UNKNOWN in section(written(), OLD)
    assert f"Since {OLDEST}: packages: 1 upgraded." in section(written(), NEW)
    forget(OLDEST)
    release_with(OLD, "1")
    assert "1 package" in section(written(), OLD)


def test_a_manifest_that_cannot_be_read_leaves_it_as_it_is_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    release_with(OLDEST, "1")
    before = written()
    kept.of_release("host", OLDEST, Arch.AMD64, is_rehearsal=False).write_text("{")
    assert written() == before
    assert "the changelog of host stays as it is: " in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release_with(OLDEST, "1")
    (folder / "host.md").mkdir()
    changelog.write("host", is_rehearsal=False, console=Console())
    assert "the changelog of host stays as it is: " in capsys.readouterr().err
