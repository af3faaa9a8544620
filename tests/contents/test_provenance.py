"""The statement of provenance: in-toto's form, what a bake began with, and the tests it passed."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bakery.contents import kept, provenance
from bakery.contents.provenance import Origin
from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode
from tests.manifests import RELEASE, a_manifest

ORIGIN = Origin(
    begin="base.qcow2",
    begin_digest="ab" * 32,
    steps=("system", "docker"),
    tools={"packer": "1.6.6"},
    products={"host.qcow2": "cd" * 32},
)
TESTS = {"native": ("test_a", "test_b"), "guest": ("test_c",)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "host.provenance.json"
    provenance.write(made, a_manifest(), origin=ORIGIN, tests=TESTS)
    return made


def test_it_is_an_in_toto_statement_about_the_manifest_and_what_was_made(path: Path) -> None:
    found = json.loads(path.read_text())
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["predicateType"] == "https://slsa.dev/provenance/v1"
    digests = {one["name"]: one["digest"]["sha256"] for one in found["subject"]}
    written = hashlib.sha256(kept.text(a_manifest()).encode()).hexdigest()
    assert digests == {"host.qcow2": "cd" * 32, f"{RELEASE}.manifest.json": written}


def test_it_says_what_went_in_and_with_what_it_was_made(path: Path) -> None:
    predicate = json.loads(path.read_text())["predicate"]
    build, run = predicate["buildDefinition"], predicate["runDetails"]
    assert build["externalParameters"] == {"image": "host", "base": "debian-12", "arch": "amd64"}
    assert build["internalParameters"]["fingerprint"] == a_manifest().fingerprint
    assert build["internalParameters"]["steps"] == ["system", "docker"]
    assert {"name": "begin", "uri": "base.qcow2", "digest": {"sha256": "ab" * 32}} in build["resolvedDependencies"]
    assert run["builder"]["version"] == {"packer": "1.6.6"}
    assert run["metadata"] == {"invocationId": RELEASE, "finishedOn": "2026-11-23T04:20:00Z"}


def test_what_it_says_of_a_bake_is_read_back(tmp_path: Path) -> None:
    for at, origin in enumerate((replace(ORIGIN, commit="ef" * 20), Origin(begin="ami-1", commit=""))):
        path = tmp_path / f"{at}.provenance.json"
        provenance.write(path, a_manifest(), origin=origin, tests=TESTS)
        assert provenance.stated(path) == replace(origin, products={})
    assert provenance.stated(tmp_path / "none.json") is None


def test_it_names_the_commit_only_where_nothing_differs_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    process.run([*git, "init", "--quiet"])
    monkeypatch.setattr(provenance, "ROOT", tmp_path)

    def named() -> list[str]:
        told = json.loads(json.dumps(provenance.statement(a_manifest(), origin=ORIGIN, tests={})))
        taken = told["predicate"]["buildDefinition"]["resolvedDependencies"]
        return [one["digest"]["gitCommit"] for one in taken if one["name"] == "bakery"]

    assert named() == []
    catalog = tmp_path / "images/catalog/host.json"
    catalog.parent.mkdir(parents=True)
    for path in (catalog, tmp_path / "file"):
        path.write_text("one")
    process.run([*git, "add", "."])
    process.run([*git, "commit", "--quiet", "-m", "one"])
    assert named() == [process.run([*git, "rev-parse", "HEAD"]).output]
    catalog.write_text("two")  # as a bake does
    assert named() == [process.run([*git, "rev-parse", "HEAD"]).output]
    (tmp_path / "file").write_text("two")
    assert named() == []


def test_the_tests_it_passed_are_counted_by_who_answered(path: Path, tmp_path: Path) -> None:
    assert provenance.passed(path) == {"native": 2, "guest": 1}
    assert provenance.passed(tmp_path / "none.json") == {}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"predicate": {"runDetails": {"byproducts": []}}}'])
def test_a_file_that_is_no_statement_is_told(content: str, path: Path) -> None:
    path.write_text(content)
    with pytest.raises(BakeryError, match="is damaged") as caught:
        provenance.passed(path)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_its_digest_is_that_of_its_file_and_empty_without_one(path: Path, tmp_path: Path) -> None:
    assert provenance.digest(path) == process.run(["sha256sum", str(path)]).output.split()[0]
    assert provenance.digest(tmp_path / "none.json") == ""


def test_it_goes_with_its_manifest(tmp_path: Path) -> None:
    manifest = tmp_path / "x.json"
    kept.write(manifest, a_manifest())
    provenance.write(kept.provenance_of(manifest), a_manifest(), origin=ORIGIN, tests={})
    kept.remove(manifest)
    assert [*tmp_path.iterdir()] == []
