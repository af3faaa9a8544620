"""What a plan tells of a release is shown, and what only a machine can tell is listed as not known."""

from typing import Any

from bakery.contents import foreseen, forms
from bakery.contents.differences import Kind
from bakery.contents.foreseen import NEVER, Foreseen, Planned
from bakery.contents.manifest import Plugin
from bakery.definition.bases import BaseName
from bakery.sources.movers import Installed, Move, Prospect
from tests.manifests import a_manifest, a_package

COMMITS = "a" * 40, "b" * 40
URL = "https://github.com/dokku/dokku-letsencrypt.git"
OLD = a_manifest(
    packages=(
        a_package("bash"),
        a_package("libssl3", "3.0.15-1+b1", source_name="openssl", source_revision="3.0.15-1"),
    ),
    plugins=(Plugin(name="letsencrypt", version="0.25.1", commit=COMMITS[0], url=URL),),
)


def found(**values: Any) -> Foreseen:
    same: dict[str, Any] = {
        "base": BaseName.DEBIAN_12,
        "fingerprint": OLD.fingerprint,
        "plugins": OLD.plugins,
        "steps": (),
        "packages": Prospect(moves=()),
    }
    return foreseen.of(OLD, Planned(**same | values))


def test_a_plugin_at_another_commit_is_a_change_with_its_commits() -> None:
    newer = Plugin(name="letsencrypt", commit=COMMITS[1], url=URL)
    (section,) = found(plugins=(newer,)).sections
    (change,) = section.changes
    assert (section.key, change.old, change.new) == ("plugins", f"0.25.1 {'a' * 12}", "b" * 12)
    assert change.url.endswith(f"/compare/{COMMITS[0]}...{COMMITS[1]}")


def test_a_page_of_changes_is_named_where_the_lists_tell_the_version_of_the_source() -> None:
    moves = (Move(name="bash", before="1.0-1", now="1.0-2"), Move(name="libssl3", before="3.0.15-1+b1", now="3.0.17-1"))
    (section,) = found(packages=Prospect(moves=moves)).sections
    assert [one.url for one in section.of(Kind.UPGRADED)] == [
        "https://sources.debian.org/src/bash/1.0-2/debian/changelog/",
        "",
    ]


def test_what_is_in_no_archive_goes_where_all_comes_from_there() -> None:
    told = Prospect(moves=(), unoffered=(Installed(name="bash", version="1.0-1"),))
    assert found(packages=told, is_whole=True).summary() == "packages: 1 removed"
    assert found(packages=told).sections == ()
    assert found(packages=told).not_known == ("whether these stay, which no archive has any more: bash", *NEVER)


def test_a_file_that_changed_is_a_line_of_its_own_in_markdown() -> None:
    told = forms.plan_markdown(found(fingerprint="f" * 64, files=("provision/40-nginx.sh",)))
    assert "- `fingerprint` `0123456789ab` → `ffffffffffff`\n- changed `provision/40-nginx.sh`\n" in told


def test_steps_are_compared_where_it_is_known_which_ran() -> None:
    assert found(steps=("nginx",)).sections == ()
    assert found(steps=("nginx",), was_steps=("docker",)).summary() == "steps: 1 added, 1 removed"
