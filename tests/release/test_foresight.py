"""A release is held against what a bake now would make: by the definition, git and the archives' lists alone."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bakery import ROOT
from bakery.catalog import catalog
from bakery.contents import diff, foreseen, kept, provenance
from bakery.contents.diff import Order
from bakery.contents.foreseen import NEVER
from bakery.contents.manifest import Manifest
from bakery.contents.provenance import Origin
from bakery.core import checkout
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases, layers
from bakery.definition.bases import Arch, BaseFrom, BaseName
from bakery.disk import artifact
from bakery.local import plan as local_plan
from bakery.release import foresight, plan
from bakery.sources import apt
from bakery.sources.apt import AptSource, Mirrors
from tests.catalog.test_catalog import OLD, release
from tests.loopback import Loopback, serving
from tests.manifests import a_manifest, a_package

SUITES = ("bookworm", "bookworm-security")
HOLDS = {"bash": "5.2", "nginx": "1.22.1", "openssl": "3.0.15"}


class Shop:
    """Definitions in a folder of their own, and the archive that all their packages come from."""

    def __init__(self, folder: Path, archive: Loopback) -> None:
        self.folder, self.archive = folder, archive
        self.define()
        self.offer()

    def define(self, text: str = 'packages = ["bash"]\n') -> None:
        (self.folder / "host.toml").write_text(f'base = "debian-12"\nsteps = ["system", "nginx"]\n{text}')

    def offer(self, fields: str = "", **versions: str) -> None:
        """Let the archive have what the releases hold, but for what is told; all that is newer is for security."""
        told = HOLDS | versions
        self.archive.add_suite("/debian", SUITES[0], {name: [one] for name, one in told.items() if one}, fields=fields)
        newer = {name: [one] for name, one in versions.items() if one and name in HOLDS} or {"none": ["1"]}
        self.archive.add_suite("/debian", SUITES[1], newer, fields=fields)

    @property
    def fingerprint(self) -> str:
        return plan.stacked(layers.chain("host"), bases.base("debian-12"))[-1].fingerprint


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "images"
    folder.mkdir()
    monkeypatch.setattr("bakery.definition.layers.chain.__kwdefaults__", {"folder": folder, "arch": None})
    for name in ("whole", "file_of"):
        monkeypatch.setattr(f"bakery.definition.layers.{name}.__kwdefaults__", {"folder": folder})
    with serving() as archive:
        own = tuple(AptSource(uri=f"{archive.url}/debian", suite=suite, components=("main",)) for suite in SUITES)
        monkeypatch.setattr(apt, "mirrors_for", lambda _: Mirrors(origin=apt.Origin.HOST, sources=own))
        yield Shop(folder, archive)


def keep(shop: Shop, *, commit: str = "", steps: tuple[str, ...] = (), **values: Any) -> Manifest:
    """Put a release into the catalog, with what it holds and, where its steps are told, its statement."""
    catalog.change("host", lambda known: known.with_release(release(OLD)), is_rehearsal=False, console=Console())
    packages = tuple(a_package(name, version) for name, version in HOLDS.items())
    told = {"release": OLD, "fingerprint": shop.fingerprint, "packages": packages, **values}
    path = kept.of_release("host", OLD, Arch.AMD64, is_rehearsal=False)
    kept.write(path, a_manifest(**told))
    if steps:
        state(kept.provenance_of(path), a_manifest(**told), steps=steps, commit=commit)
    return a_manifest(**told)


def state(path: Path, manifest: Manifest, *, steps: tuple[str, ...], commit: str) -> None:
    said = provenance.statement(manifest, origin=Origin(begin="ami-1", steps=steps), tests={})
    build: Any = said["predicate"]
    taken = build["buildDefinition"]["resolvedDependencies"]
    taken[1:] = [{"name": "bakery", "digest": {"gitCommit": commit}}] if commit else []
    path.write_text(json.dumps(said))


def shown(capsys: pytest.CaptureFixture[str], *, old: str = OLD, form: str = "table", base: str = "") -> str:
    foresight.show(Order(image="host", old=old, new=foreseen.PLAN, base=base, form=form))
    return capsys.readouterr().out


def changes(*, old: str = OLD, base: str = "") -> dict[str, list[tuple[str, ...]]]:
    found = foresight.foresee(Order(image="host", old=old, new=foreseen.PLAN, base=base))
    return {one.key: [(str(it.kind), it.name, it.old, it.new) for it in one.changes] for one in found.sections}


def test_of_a_release_that_a_bake_would_make_again_nothing_would_change(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(shop)
    said = shown(capsys)
    assert said.startswith(f"host for amd64: {OLD} → plan, what a bake now would make\n  nothing would change\n")
    assert f"never known before a bake: {'; '.join(NEVER)}" in said
    assert shown(capsys, form="markdown").startswith("Nothing would change.\n")


def test_packages_that_would_move_are_told_in_every_form_security_marked(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(shop)
    shop.offer(openssl="3.0.17")
    said = shown(capsys)
    assert "packages: 1 upgraded, 1 of them security" in said
    assert re.search(r"upgraded +openssl +3\.0\.15 +3\.0\.17 +security", said)
    page = "https://sources.debian.org/src/openssl/3.0.17/debian/changelog/"
    marked = shown(capsys, form="markdown")
    assert f"- upgraded `openssl` `3.0.15` → `3.0.17` ([changes]({page})), **security**\n" in marked
    assert f"\n**Not known before a bake**\n\n- {NEVER[0]}\n" in marked
    told = json.loads(shown(capsys, form="json"))
    assert told["new"] == {"release": "plan", "base": "debian-12", "fingerprint": shop.fingerprint}
    assert told["changes"] == {
        "packages": [
            {"kind": "upgraded", "name": "openssl", "old": "3.0.15", "new": "3.0.17", "url": page, "security": True}
        ]
    }
    assert (told["security"], told["old"]["release"], told["not_known"]) == (1, OLD, [*NEVER])


def test_what_the_definition_asks_for_by_now_is_added_in_the_version_that_there_is(shop: Shop) -> None:
    keep(shop)
    shop.define('packages = ["bash", "jq", "nosuch"]\n[nginx]\nversion = "1.20.*"\n')
    shop.offer(jq="1.6")
    shop.archive.add_suite(
        "/debian",
        SUITES[0],
        {**{name: [one] for name, one in HOLDS.items()}, "jq": ["1.6"], "nginx": ["1.20.9", "1.22.1"]},
    )
    assert changes()["packages"] == [("added", "jq", "", "1.6"), ("downgraded", "nginx", "1.22.1", "1.20.9")]
    found = foresight.foresee(Order(image="host", old=OLD, new=foreseen.PLAN))
    assert "whether a bake succeeds: no archive has nosuch" in found.doubts


def test_what_no_archive_has_any_more_goes_where_all_comes_from_archives_and_elsewhere_nobody_knows(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(shop)
    shop.offer(openssl="")
    assert changes() == {}
    assert (
        "nothing that is known would change\n  not known: whether these stay, which no archive has any more: openssl"
        in shown(capsys)
    )
    bake_here(shop)
    assert changes(old="local") == {"packages": [("removed", "openssl", "3.0.15", "")]}


def bake_here(shop: Shop, **values: Any) -> None:
    own = local_plan.make(local_plan.Order(image="host")).fingerprint
    kept.write(artifact.local("host", BaseName.DEBIAN_12).manifest, keep(shop, fingerprint=own, **values))


def test_another_definition_is_told_by_fingerprint_steps_and_files(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keep(shop, steps=("system", "nginx", "watches", "record", "seal", "check"), commit="c0ffee")
    shop.define('packages = ["bash", "openssl"]\n')
    asked: list[Path] = []

    def since(commit: str, paths: list[Path], *, folder: Path) -> list[Path]:
        asked.extend(paths)
        return [ROOT / "provision/40-nginx.sh"] if (commit, folder) == ("c0ffee", ROOT) else []

    monkeypatch.setattr(checkout, "changed_since", since)
    found = changes()
    assert found["definition"] == [
        ("changed", "fingerprint", before.fingerprint[:12], shop.fingerprint[:12]),
        ("changed", "provision/40-nginx.sh", "", ""),
    ]
    assert found["steps"] == [("removed", "watches", "", "")]
    assert {shop.folder / "host.toml", ROOT / "provision/40-nginx.sh", ROOT / "provision/run"} <= {*asked}


@pytest.mark.parametrize("commit", ["", "0" * 40])
def test_where_git_does_not_know_the_bake_the_files_are_said_to_be_unknown(shop: Shop, commit: str) -> None:
    keep(shop, steps=("nginx",), commit=commit, fingerprint="1" * 64)
    found = foresight.foresee(Order(image="host", old=OLD, new=foreseen.PLAN))
    assert found.doubts == (
        "which files of the definition changed: git does not know what that release was baked from",
    )


def test_another_base_is_told_and_its_packages_are_not_guessed(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    keep(shop)
    shop.offer(openssl="3.0.17")
    found = changes(base="debian-13")
    assert found["base"] == [("changed", "base", "debian-12", "debian-13")]
    assert "packages" not in found
    said = shown(capsys, base="debian-13")
    assert (
        "not known: packages: all are those of another base (--base debian-12 holds it against a bake on its own)"
        in said
    )


@pytest.mark.parametrize("base_from", BaseFrom)
def test_a_release_that_was_sent_up_from_here_is_held_against_a_bake_here(shop: Shop, base_from: BaseFrom) -> None:
    own = local_plan.make(local_plan.Order(image="host", base_from=base_from)).fingerprint
    assert own != shop.fingerprint
    keep(shop, fingerprint=own)
    assert changes() == {}


def test_an_archive_that_is_silent_is_said_to_be(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    keep(shop)
    shop.archive.pages["/debian/dists/bookworm/InRelease"] = 503
    said = shown(capsys)
    assert "nothing that is known would change\n  not known: packages: no answer from bookworm (HTTP 503)\n" in said


def test_an_archive_that_a_bake_would_fail_at_is_refused_with_exit_code_3(shop: Shop) -> None:
    keep(shop)
    moment = datetime.now(UTC) - timedelta(days=3)
    shop.offer(fields=f"Valid-Until: {moment:%a, %d %b %Y %H:%M:%S} UTC\n")
    with pytest.raises(BakeryError, match="InRelease was ") as caught:
        changes()
    assert caught.value.exit_code is ExitCode.MISSING


@pytest.mark.parametrize(
    ("values", "said", "hint"),
    [
        ({"old": "newset"}, "there is no release 'newset' of host", "did you mean 'newest'?"),
        ({"old": "plan"}, "what a bake now would make is no release yet", "./inv diff RELEASE plan --image host"),
        ({"form": "html"}, "there is no format 'html'", "known: json, markdown, table"),
        ({"base": "debian-1"}, "there is no base 'debian-1'", "did you mean 'debian-1"),
        ({"arch": "arm"}, "there is no architecture 'arm'", "did you mean 'arm64'?"),
    ],
)
def test_what_cannot_be_held_against_a_plan_is_told_in_a_line(
    shop: Shop, values: dict[str, str], said: str, hint: str
) -> None:
    keep(shop)
    order: dict[str, Any] = {"image": "host", "old": OLD, "new": foreseen.PLAN, **values}
    with pytest.raises(BakeryError) as caught:
        foresight.show(Order(**order))
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.message.startswith(said)
    assert caught.value.hint.startswith(hint)


def test_a_release_for_another_processor_is_told(shop: Shop) -> None:
    other = release(OLD).model_copy(update={"arch": Arch.ARM64})
    catalog.change("host", lambda known: known.with_release(other), is_rehearsal=False, console=Console())
    kept.write(kept.of_release("host", OLD, Arch.ARM64, is_rehearsal=False), a_manifest(release=OLD, arch=Arch.ARM64))
    with pytest.raises(BakeryError, match=f"host {OLD} is for arm64, and a bake now would be for amd64"):
        foresight.foresee(Order(image="host", old=OLD, new=foreseen.PLAN, arch="arm64"))


def test_the_same_command_with_two_releases_says_what_a_machine_told(shop: Shop) -> None:
    keep(shop)
    assert diff.compare(Order(image="host", old=OLD, new=OLD)).sections == ()
