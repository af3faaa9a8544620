"""The way of docs/scaleway.md in rehearsed zones of two regions, with real machines: nothing of it is Scaleway.

The image that was baked on this machine goes up to both and machines start from it; Packer's own builder bakes another
one in a zone, which is copied, promoted, and rolled back to.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bakery import ROOT
from bakery.rehearsal import service
from tests.slow.conftest import HOST, Baked, run_inv

ZONES = (PARIS, AMSTERDAM) = ("fr-par-1", "nl-ams-1")
IMAGE = HOST[:2]
# A disk of the machine itself: of any other the Packer that is installed here makes no image.
TABLE = """
[scaleway]
volume_type = "l_ssd"
instance_type = "GP1-XS"
buckets = { fr-par = "images-of-paris", nl-ams = "images-of-amsterdam" }
"""


class Zones:
    """Two rehearsed zones, with the image that was baked on this machine at hand."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.build = Path(environment["BAKERY_BUILD_DIR"])

    def inv(self, *words: str) -> str:
        """Run a command that must end well, and return all that it said."""
        done = run_inv(*words, "--rehearse", environment=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stderr + done.stdout

    @property
    def catalog(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.build / "rehearsal/catalog/host.json").read_text())
        return found

    def let_months_pass(self, release: str) -> None:
        """Date a release back, since none goes that is younger than a day."""
        path, known = self.build / "rehearsal/catalog/host.json", self.catalog
        (found,) = [one for one in known["releases"] if one["release"] == release]
        found["baked_at"] = "2026-01-01T04:15:00Z"
        path.write_text(json.dumps(known))

    def latest(self) -> str:
        return str(self.catalog["latest"]["amd64"][-1]["release"])

    def ask(self, method: str, zone: str, what: str, **told: Any) -> httpx.Response:
        there = service.read(self.build / "rehearsal/server.json")
        headers = {"X-Auth-Token": there.keys.scaleway_secret_key}
        address = f"{there.url}/instance/v1/zones/{zone}/{what}"
        return httpx.request(method, address, headers=headers, **told).raise_for_status()

    def shown(self, zone: str, what: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", zone, what).json()[what]
        return [one for one in found if one["project"] == service.PROJECT]


@pytest.fixture(scope="module")
def zones(baked: Baked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zones]:
    folder = tmp_path_factory.mktemp("zones")
    for name in ("images", "build/host"):
        (folder / name).mkdir(parents=True)
    (folder / "images/host.toml").write_text((ROOT / "images/host.toml").read_text() + TABLE)
    (folder / "build/host/local").symlink_to(baked.folder)
    told = {"BAKERY_BUILD_DIR": str(folder / "build"), "BAKERY_IMAGES_DIR": str(folder / "images")}
    environment = {**baked.environment, **told}
    try:
        yield Zones(environment)
    finally:
        run_inv("rehearsal", "--stop", environment=environment)


@pytest.fixture(scope="module")
def sent(zones: Zones) -> str:
    """Send the image of this machine to both zones, and return what was said."""
    return zones.inv("publish", "--from", "local", *HOST, "--region", PARIS, "--region", AMSTERDAM)


@pytest.fixture(scope="module")
def baked_there(zones: Zones, sent: str) -> str:
    """Bake once more, in a zone, and copy that to the other region."""
    return zones.inv("bake", *HOST, "--force", "--region", PARIS, "--region", AMSTERDAM)


def verified(said: str) -> tuple[int, str]:
    """Return how many tests a machine passed, and which image it was started from."""
    found = re.search(r"passed (\d+) tests on a machine started from (\S+?),? ", f"{said} ")
    assert found, said
    return int(found[1]), found[2]


def test_an_image_of_this_machine_is_verified_in_a_zone_and_in_both(zones: Zones, sent: str) -> None:
    (release,) = zones.catalog["releases"]
    count, image = verified(sent)
    assert count > 50
    assert image == release["places"][PARIS]["image_id"]
    assert sorted(release["places"]) == [PARIS, AMSTERDAM]


def test_a_machine_from_it_is_healthy_in_each_of_them(zones: Zones, sent: str) -> None:
    release = zones.catalog["releases"][0]["release"]
    kind = ("--instance-type", "GP1-XS")  # the usual one has too small a disk of its own
    said = zones.inv("launch", *IMAGE, *kind, "--release", release, "--region", PARIS, "--region", AMSTERDAM)
    addresses = re.findall(r"(127\.66\.\d+\.\d+) is healthy", said)
    assert len(addresses) == len(ZONES)
    assert "EC2" not in said
    for zone in ZONES:
        (server,) = zones.shown(zone, "servers")
        (address,) = server["public_ips"]
        assert httpx.get(f"http://{address['address']}:8077/health").json()["release"] == release
        zones.ask("POST", zone, f"servers/{server['id']}/action", json={"action": "terminate"})


def test_packers_own_builder_bakes_in_a_zone_and_the_image_is_copied(zones: Zones, baked_there: str) -> None:
    older, newer = zones.catalog["releases"]
    count, image = verified(baked_there)
    assert count > 50
    assert image == newer["places"][PARIS]["image_id"]
    assert sorted(newer["places"]) == [PARIS, AMSTERDAM]
    assert newer["release"] != older["release"]


def test_nothing_of_it_runs_on(zones: Zones, baked_there: str) -> None:
    assert zones.shown(PARIS, "servers") == []
    assert zones.shown(PARIS, "volumes") == []


def test_it_is_promoted_and_rolled_back_to_and_what_is_old_is_pruned(zones: Zones, baked_there: str) -> None:
    older, newer = [one["release"] for one in zones.catalog["releases"]]
    zones.inv("promote", *IMAGE, "--release", newer)
    zones.inv("promote", *IMAGE, "--release", older)
    assert zones.latest() == older
    zones.inv("rollback", *IMAGE)
    assert zones.latest() == newer
    assert "correct" in zones.inv("validate")
    zones.let_months_pass(older)
    zones.inv("prune", *IMAGE, "--keep", "1")
    for zone in ZONES:
        (image,) = zones.shown(zone, "images")
        assert newer in image["name"]
        (snapshot,) = zones.shown(zone, "snapshots")
        assert snapshot["id"] == image["root_volume"]["id"]
