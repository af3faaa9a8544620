"""Releases that are in a rehearsal cloud and in its catalog as if they had been published, without a call."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.ssm.models import ssm_backends

from bakery.catalog import catalog
from bakery.catalog.catalog import Placed, Release
from bakery.catalog.promotions import Promotion
from bakery.clouds.aws import desired
from bakery.clouds.aws.account import Account
from bakery.core.console import Console
from bakery.definition import layers
from bakery.definition.bases import Arch, BaseName
from bakery.definition.model import Definition
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import ACCOUNT, Image
from tests.rehearsed_images import a_snapshot, an_image

LONDON, DUBLIN = "eu-west-2", "eu-west-1"
BOTH = (LONDON, DUBLIN)
NOW = datetime.now(UTC).replace(microsecond=0)


def definition(name: str = "host", **aws: Any) -> Definition:
    told = {"name": name, "releases": {"keep": 1}, "aws": {"regions": list(BOTH), **aws}}
    return Definition.model_validate(told)


def name_of(age_days: float) -> str:
    """Return the name of a release of that age; the last twelve digits differ from day to day."""
    baked = NOW - timedelta(days=age_days)
    return f"{baked:%Y%m%d-%H%M}-{int(age_days * 100):012x}"


def put(
    cloud: Rehearsal,
    wanted_by: Definition,
    *,
    age_days: float = 30,
    regions: tuple[str, ...] = BOTH,
    arch: Arch = Arch.AMD64,
    is_latest: bool = False,
) -> Release:
    """Publish a release that was baked in the first of *regions*, and promote it if it *is_latest*."""
    baked, name = NOW - timedelta(days=age_days), name_of(age_days)
    release = Release(
        release=name,
        arch=arch,
        base=BaseName.DEBIAN_12,
        fingerprint=name[-12:].ljust(64, "0"),
        size_gb=8,
        baked_at=baked,
        baked_in=regions[0],
        verified_at=baked,
    )
    places = {}
    for region in regions:
        image = place(cloud, release, wanted_by, region=region, is_latest=is_latest)
        places[region] = Placed(image_id=image.id, published_at=baked)
        image.source = None if region == regions[0] else (regions[0], places[regions[0]].image_id)
    release = release.model_copy(update={"places": places})

    def edit(known: catalog.Catalog) -> catalog.Catalog:
        known = known.with_release(release)
        return promoted(known, release, at=NOW) if is_latest else known

    catalog.change(wanted_by.name, edit, is_rehearsal=True, console=Console())
    return release


def was_latest(release: Release, *, days_ago: float, image: str = "host") -> None:
    """Note in the catalog that a release was promoted once."""
    at = NOW - timedelta(days=days_ago)
    catalog.change(image, lambda known: promoted(known, release, at=at), is_rehearsal=True, console=Console())


def promoted(known: catalog.Catalog, release: Release, *, at: datetime) -> catalog.Catalog:
    """Return a catalog in which a release was promoted everywhere at some time."""
    one = Promotion(release=release.release, promoted_at=at, regions=tuple(sorted(release.places)))
    history = sorted([*known.history(release.arch), one], key=lambda each: each.promoted_at)
    return known.with_history(release.arch, tuple(history))


def place(cloud: Rehearsal, release: Release, wanted_by: Definition, *, region: str, is_latest: bool = False) -> Image:
    """Put a release into one region, as it should be there."""
    wanted = desired.of(release, wanted_by, region=region, is_latest=is_latest)
    snapshot = a_snapshot(cloud, region=region, started=release.baked_at, tags=dict(wanted.tags))
    image = an_image(
        cloud,
        region=region,
        name=wanted.name,
        created=release.baked_at,
        snapshot=snapshot.id,
        arch=desired.EC2_ARCH[release.arch],
        tags=dict(wanted.tags),
        imds_support="v2.0",
        protection="enabled-without-cooldown" if wanted.is_protected else "disabled",
        deprecated_at=wanted.deprecate_at,
    )
    write(region, wanted.parameter, image.id)
    if wanted.latest:
        write(region, wanted.latest, image.id)
    return image


def write(region: str, parameter: str, value: str) -> None:
    """Write a parameter without a call."""
    nothing: Any = dict.fromkeys(("description", "allowed_pattern", "keyid", "tags", "tier", "policies"))
    ssm_backends[ACCOUNT][region].put_parameter(
        name=parameter, value=value, parameter_type="String", overwrite=True, data_type="aws:ec2:image", **nothing
    )


def parameters(region: str) -> dict[str, str]:
    """Return our parameters of a region without a call."""
    backend = ssm_backends[ACCOUNT][region]
    return {name: str(kept[-1].value) for name, kept in backend._parameters.items() if kept}  # noqa: SLF001


def own_images(cloud: Rehearsal, region: str = "") -> set[str]:
    """Return the ids of this account's images, in one region or in all."""
    return {one.id for one in cloud.world.images.values() if one.owner == ACCOUNT and region in {"", one.region}}


def own_snapshots(cloud: Rehearsal) -> set[str]:
    return {one.id for one in cloud.world.snapshots.values() if one.owner == ACCOUNT}


def define(monkeypatch: pytest.MonkeyPatch, *definitions: Definition) -> None:
    """Let these be all the definitions there are."""
    known = {one.name: one for one in definitions}
    monkeypatch.setattr(layers, "whole", lambda name: known[name])
    monkeypatch.setattr(layers, "names", lambda: sorted(known))


def cut_off(account: Account, region: str) -> None:
    """Let nobody listen where a region is called."""
    lost = Account(session=account.session, endpoint="http://127.0.0.1:9", is_rehearsal=True)
    for service in ("ec2", "ssm"):
        account.region(region)._clients[service] = lost.client(service, region)  # noqa: SLF001
