"""Four nights of `dokku` on the rehearsal cloud, each a real one: Packer, its machines, and one that is judged.

The archives beside Debian's are the stand-in's: Docker's has another package from the third night on, and a bad one in
the fourth, and nothing else changes.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bakery.cloud import naming
from bakery.clouds.aws.account import Account
from bakery.contents import provenance
from tests.slow.conftest import Baked, rehearsed_account, run_inv
from tests.standin import debs, images
from tests.standin.site import Site, serving

HOME, OTHER = "eu-west-2", "us-east-1"
IMAGE = ("--image", "dokku", "--rehearse")
BUILDX = "docker-buildx-plugin"
QUICK = "--ignore-glob=tests/image/test_dokku_*.py"
"""What is asked of each night's image; the rest of the questions about dokku runs apps for minutes, and the bake of
`baked_dokku` answers it."""
BROKEN = "--ignore-glob=tests/image/test_[!s]*.py"
"""Asked of the bad one, which is judged twice: what is left has the question that it must not pass."""
CHANGED = re.compile(r"<td[^>]*>(\w+)</td><th[^>]*><code>(.*?)</code></th>" + r"<td[^>]*><code>(.*?)</code></td>" * 2)
"""A row of a release's page that tells of a change."""
SOON_S = 30
"""A night without a machine takes a second or two; others may be at work on this machine."""


@dataclass(frozen=True, kw_only=True)
class Night:
    """What one night said, its page for a run of GitHub's, how long it took, and what the catalog has afterwards."""

    said: str
    page: str
    exit_code: int
    seconds: float
    catalog: dict[str, Any]
    latest: dict[str, str]
    """By region, the name of the image that `latest` leads to."""

    @property
    def releases(self) -> list[str]:
        return [one["release"] for one in self.catalog["releases"]]

    def machines(self) -> int:
        """Return how many times a machine was started: to bake, or to be judged."""
        return len(re.findall(r"\b(?:packer|verify) in \S+ …", self.said))


@dataclass(frozen=True, kw_only=True)
class Nights:
    """A rehearsal, and the archives on this machine that its machines install from."""

    environment: dict[str, str]
    site: Site

    @property
    def build(self) -> Path:
        return Path(self.environment["BAKERY_BUILD_DIR"])

    @property
    def account(self) -> Account:
        return rehearsed_account(self.build)

    def night(self, *, asked: str = QUICK) -> Night:
        began = time.monotonic()
        regions = ("--region", HOME, "--region", OTHER)
        page = self.build.with_name("page.md")
        page.unlink(missing_ok=True)
        environment = {**self.environment, "PYTEST_ADDOPTS": asked, "GITHUB_STEP_SUMMARY": str(page)}
        done = run_inv("nightly", *IMAGE, "--base", "debian-12", *regions, environment=environment)
        return Night(
            said=done.stderr,
            page=page.read_text(),
            exit_code=done.returncode,
            seconds=time.monotonic() - began,
            catalog=json.loads((self.build / "rehearsal/catalog/dokku.json").read_text()),
            latest={name: self.latest(name) for name in (HOME, OTHER)},
        )

    def latest(self, region: str) -> str:
        name = "/dokku-bakery/dokku/latest/amd64"
        image_id = self.account.region(region).ssm("get_parameter", Name=name)["Parameter"]["Value"]
        return naming.release_of(str(self.image(region, image_id)["Name"]))

    def image(self, region: str, image_id: str) -> dict[str, Any]:
        (found,) = self.account.region(region).ec2("describe_images", ImageIds=[image_id])["Images"]
        return dict(found)

    def inv(self, *words: str) -> str:
        done = run_inv(*words, environment=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def nights(baked: Baked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """Return what every night goes on with; the base is the one that the bake on this machine has made."""
    folder = tmp_path_factory.mktemp("nights")
    with serving(folder / "site") as site:
        definitions = images.write(folder / "images", site=site)
        told = {"BAKERY_BUILD_DIR": str(folder / "build"), "BAKERY_IMAGES_DIR": str(definitions)}
        environment = baked.environment | told
        try:
            yield Nights(environment=environment, site=site)
        finally:
            run_inv("rehearsal", "--stop", environment=environment)


@pytest.fixture(scope="module")
def first(nights: Nights) -> Night:
    return nights.night()


@pytest.fixture(scope="module")
def second(nights: Nights, first: Night) -> Night:
    return nights.night()


@pytest.fixture(scope="module")
def third(nights: Nights, second: Night) -> Night:
    nights.site.stock_docker("newer")
    return nights.night()


@pytest.fixture(scope="module")
def fourth(nights: Nights, third: Night) -> Night:
    nights.site.stock_docker("bad")
    return nights.night(asked=BROKEN)


def test_the_first_night_bakes_both_layers_and_promotes(first: Night) -> None:
    assert first.exit_code == 0, first.said
    assert first.machines() == 4
    (release,) = first.catalog["releases"]
    assert release["verified_at"]
    assert sorted(release["places"]) == [HOME, OTHER]
    assert first.latest == dict.fromkeys((HOME, OTHER), release["release"])


def test_the_image_and_its_copy_say_where_they_come_from(first: Night, nights: Nights) -> None:
    (release,) = first.catalog["releases"]
    contents = nights.build / "rehearsal/catalog/contents/dokku"
    digest = provenance.digest(contents / f"{release['release']}-amd64.provenance.json")
    for region, placed in release["places"].items():
        tags = {tag["Key"]: tag["Value"] for tag in nights.image(region, placed["image_id"])["Tags"]}
        assert tags[naming.PROVENANCE] == digest


def test_the_second_night_says_unchanged_without_a_machine(first: Night, second: Night) -> None:
    assert second.exit_code == 0, second.said
    assert "unchanged: same definition, base and packages" in second.said
    assert second.machines() == 0
    assert second.seconds < SOON_S
    assert (second.catalog, second.latest) == (first.catalog, first.latest)


def test_the_third_night_bakes_for_one_package_and_promotes(first: Night, third: Night) -> None:
    assert third.exit_code == 0, third.said
    assert "1 package would move" in third.said
    assert third.machines() == 2
    moved = f"- {BUILDX} {debs.DOCKER_PLUGINS[0].version} → {debs.NEWER_BUILDX}"
    assert re.findall(r"^- .*$", third.page, re.MULTILINE) == [moved]
    before, new = third.releases
    assert [before] == first.releases
    assert third.latest == dict.fromkeys((HOME, OTHER), new)


def test_diff_changelog_and_report_show_that_package_and_nothing_else(third: Night, nights: Nights) -> None:
    told = json.loads(nights.inv("diff", *third.releases, *IMAGE, "--format", "json"))
    (changed,) = told["changes"]["packages"]
    was, now = debs.DOCKER_PLUGINS[0].version, debs.NEWER_BUILDX
    assert [changed[key] for key in ("kind", "name", "old", "new")] == ["upgraded", BUILDX, was, now]
    assert [*told["changes"]] == ["packages"]
    changelog = (nights.build / "rehearsal/catalog/dokku.md").read_text()
    newest = changelog.partition(f"## {third.releases[1]} amd64")[2].partition("\n## ")[0]
    (line,) = re.findall(r"^- .*$", newest, re.MULTILINE)
    assert line.startswith(f"- upgraded `{BUILDX}` `{was}` → `{now}`")
    index = Path(nights.inv("report", *IMAGE).strip())
    (page,) = index.parent.rglob(f"*{third.releases[1]}*.html")
    assert CHANGED.findall(page.read_text()) == [("upgraded", BUILDX, was, now)]


def test_the_plan_shows_what_the_fourth_night_will_bake_for(third: Night, fourth: Night, nights: Nights) -> None:
    """The archive has it still, as that night took nothing in."""
    told = json.loads(nights.inv("diff", "latest", "plan", *IMAGE, "--base", "debian-12", "--format", "json"))
    (changed,) = told["changes"]["packages"]
    assert (changed["name"], changed["old"], changed["new"]) == (BUILDX, debs.NEWER_BUILDX, debs.BAD_BUILDX)
    assert [*told["changes"]] == ["packages"]


def test_the_fourth_night_does_not_promote_what_did_not_pass(third: Night, fourth: Night) -> None:
    assert fourth.exit_code == 4, fourth.said
    assert "test_sshd_offers_no_password_login" in fourth.said
    assert fourth.machines() == 3
    assert fourth.latest == third.latest
    *before, bad = fourth.catalog["releases"]
    assert before == third.catalog["releases"]
    assert (bad["verified_at"], [*bad["places"]]) == (None, [HOME])
