"""Releases to report of, in a folder of their own."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bakery.catalog import catalog
from bakery.catalog.catalog import Placed, Release
from bakery.catalog.promotions import Promotion
from bakery.contents import kept, provenance
from bakery.contents.manifest import Boot, CronEntry, Listening, Package, Plugin, Timer
from bakery.contents.provenance import Origin
from bakery.core.console import Console
from bakery.definition.bases import Arch, BaseName
from tests.manifests import a_manifest, a_package

BEGAN = datetime(2026, 1, 1, 4, 15, tzinfo=UTC)
NASTY = '<script>nasty()</script>"&'
"""What a machine could tell that is more than text in a page."""

Publish = Callable[..., list[Release]]


def name_of(day: int) -> str:
    return f"{BEGAN + timedelta(days=day):%Y%m%d-%H%M}-{day:012x}"


def _release(day: int, regions: Sequence[str]) -> Release:
    baked = BEGAN + timedelta(days=day)
    return Release(
        release=name_of(day),
        arch=Arch.AMD64,
        base=BaseName.DEBIAN_12,
        fingerprint=f"{day:064x}",
        size_gb=40,
        baked_at=baked,
        baked_in=regions[0],
        verified_at=baked,
        bad_since=baked if day % 7 == 3 else None,
        places={
            region: Placed(image_id=f"ami-{day:08x}{number:09x}", published_at=baked)
            for number, region in enumerate(regions)
        },
    )


def _packages(day: int, count: int) -> tuple[Package, ...]:
    some = [a_package(f"package-{number}", f"1.{day if number % 50 == day % 50 else 0}") for number in range(count)]
    return (*some, a_package("openssl", f"3.0.{day}", suite="bookworm-security"))


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Publish:
    """Return what publishes so many releases of `host`, one a day, of which the last is `latest`."""
    monkeypatch.setattr(catalog, "FOLDER", tmp_path / "images")
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    # git would be asked twice for each release of a year.
    monkeypatch.setattr(provenance, "_commit", lambda: "")

    def made(count: int, *, regions: Sequence[str] = ("eu-west-2", "us-east-1"), packages: int = 3) -> list[Release]:
        releases = [_release(day, regions) for day in range(count)]
        for day, one in enumerate(releases):
            manifest = a_manifest(
                release=one.release,
                boot=Boot(total_s=20 + day % 5),
                packages=_packages(day, packages),
                plugins=(Plugin(name="letsencrypt", commit="c0ffee12" * 5, url="https://github.com/dokku/x.git"),),
                cron=(CronEntry(file="/etc/crontab", line=f"{day} * * * * root {NASTY}"),),
                timers=(Timer(unit="apt-daily.timer", due=("OnCalendar=daily",)),),
                listening=(Listening(protocol="tcp", address="*", port=22, program="sshd"),),
            )
            path = kept.of_release("host", one.release, one.arch, is_rehearsal=False)
            kept.write(path, manifest)
            tests = {"eu-west-2": ["test"] * 119}
            provenance.write(kept.provenance_of(path), manifest, origin=Origin(begin="ami-1"), tests=tests)
        last = releases[-1]
        promotion = Promotion(release=last.release, promoted_at=last.baked_at, regions=tuple(sorted(last.places)))
        catalog.change(
            "host",
            lambda known: known.model_copy(
                update={"releases": tuple(releases), "latest": {Arch.AMD64: (promotion,)}, "image": "host"}
            ),
            is_rehearsal=False,
            console=Console(),
        )
        return releases

    return made
