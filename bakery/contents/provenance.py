"""Where a release comes from, and what it passed, as a statement in in-toto's form with SLSA's provenance.

https://slsa.dev/spec/v1.0/provenance. Its subject is the manifest, since no cloud tells the digest of an image; of an
image on this machine also the disk. An image's tag has the digest of the statement; `signature` signs it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bakery import ROOT
from bakery.contents import kept, signature
from bakery.contents.manifest import Manifest
from bakery.core import process
from bakery.core.errors import BakeryError, impossible
from bakery.core.files import write_whole
from bakery.definition.problems import shown

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD = "urn:dokku-bakery:bake:1"
TESTS = "image tests"
KEPT = ":(exclude)images/catalog"
"""What a bake writes itself before it comes to its statement."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a bake began with, what it ran, and what came of it beside the manifest: digests are SHA-256."""

    begin: str
    """The id of the image or the name of the disk; empty where that is not known."""
    begin_digest: str = ""
    steps: Sequence[str] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    """Names and versions of what made it."""
    judged: str = ""
    """The id of the image that was judged, in a cloud."""
    products: Mapping[str, str] = field(default_factory=dict)
    """Files that were made, by name, with their digests."""
    commit: str | None = None
    """Of the bakery that baked it; None is this checkout as it is, empty not known, or changed since its commit."""


def write(path: Path, manifest: Manifest, *, origin: Origin, tests: Mapping[str, Sequence[str]]) -> None:
    """Write and sign the statement about a release whose *tests* passed, by who answered: a kind of machine, a place.

    Raises OSError when it cannot be written, BakeryError (exit code 2) when it cannot be signed.
    """
    write_whole(path, json.dumps(statement(manifest, origin=origin, tests=tests), indent=1) + "\n")
    signature.sign(path)


def statement(manifest: Manifest, *, origin: Origin, tests: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """Return the statement about a release."""
    products = {f"{manifest.release}.manifest.json": hashlib.sha256(kept.text(manifest).encode()).hexdigest()}
    products |= origin.products
    inside: dict[str, object] = {"fingerprint": manifest.fingerprint, "steps": [*origin.steps]}
    inside |= {"judged": origin.judged} if origin.judged else {}
    began = {"name": "begin", "uri": origin.begin}
    taken: list[Mapping[str, object]] = [
        {**began, "digest": {"sha256": origin.begin_digest}} if origin.begin_digest else began
    ]
    if commit := _commit() if origin.commit is None else origin.commit:
        taken.append({"name": "bakery", "digest": {"gitCommit": commit}})
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(products.items())],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD,
                "externalParameters": {"image": manifest.image, "base": manifest.base, "arch": manifest.arch},
                "internalParameters": inside,
                "resolvedDependencies": taken,
            },
            "runDetails": {
                "builder": {"id": f"{BUILD}#{manifest.machine}", "version": dict(origin.tools)},
                "metadata": {"invocationId": manifest.release, "finishedOn": f"{manifest.asked_at:%Y-%m-%dT%H:%M:%SZ}"},
                "byproducts": [
                    {"name": TESTS, "annotations": {"passed": {name: [*asked] for name, asked in tests.items()}}}
                ],
            },
        },
    }


def _commit() -> str:
    """Return the commit of this checkout; empty where it is none, or more than the catalog differs from it."""
    ask = ["git", "-C", str(ROOT)]
    found = process.run([*ask, "rev-parse", "HEAD"], is_checked=False)
    changed = process.run([*ask, "status", "--porcelain", "--untracked-files=no", "--", ".", KEPT], is_checked=False)
    return found.output if found.exit_code == 0 and not changed.output else ""


def digest(path: Path) -> str:
    """Return the SHA-256 of a statement's file; empty where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def stated(path: Path) -> Origin | None:
    """Return what a statement says of the bake, without what it is about; None where there is no statement.

    Raises like `passed`.
    """
    if not path.exists():
        return None
    try:
        predicate = json.loads(path.read_bytes())["predicate"]
        build, inside = predicate["buildDefinition"], predicate["buildDefinition"]["internalParameters"]
        taken = {one["name"]: one for one in build["resolvedDependencies"]}
        return Origin(
            begin=str(taken["begin"]["uri"]),
            begin_digest=str(taken["begin"].get("digest", {"sha256": ""})["sha256"]),
            steps=tuple(map(str, inside["steps"])),
            tools={str(name): str(version) for name, version in predicate["runDetails"]["builder"]["version"].items()},
            judged=str(inside.get("judged", "")),
            commit=str(taken["bakery"]["digest"]["gitCommit"]) if "bakery" in taken else "",
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path) from error


def passed(path: Path) -> dict[str, int]:
    """Return how many tests a release passed, by who answered; empty where there is no statement.

    Raises BakeryError (exit code 2) for a file that is none.
    """
    if not path.exists():
        return {}
    try:
        top = json.loads(path.read_bytes())
        (told,) = (one for one in top["predicate"]["runDetails"]["byproducts"] if one["name"] == TESTS)
        return {str(name): len(asked) for name, asked in told["annotations"]["passed"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> BakeryError:
    return impossible(f"{shown(path)} is damaged", hint=f"git checkout HEAD {shown(path)}, or rm it")
