"""The story of a bake in AWS: plan, Packer, launch the new image, judge it, record it, copy it to the others.

Only what was launched and judged gets the tag `bakery:verified`; what was done before a kill is found again by name.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bakery import ami, builder, catalog, lending, packer, publish, region_plan, region_verify, store, workspace
from bakery.amazon import Build
from bakery.artifact import Artifact
from bakery.catalog import Catalog, Placed, Release
from bakery.clouds import machines, published
from bakery.clouds.aws import Account, Region
from bakery.console import Console
from bakery.differences import tags_of
from bakery.errors import BakeryError
from bakery.region_plan import RegionPlan
from bakery.workspace import Workspace

GROUP = "dokku-bakery-bake"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for; the first region bakes, the others get copies unless each is to bake."""

    image: str
    regions: tuple[str, ...]
    base: str = ""
    is_forced: bool = False
    is_per_region: bool = False


def bake(order: Order, *, account: Account, console: Console) -> Release:
    """Bake what was ordered unless it is there already, verify it, and bring it to all the regions; return the release.

    Raises BakeryError with the exit codes that README.md lists; 4 when the image did not pass verification.
    """
    first, *others = account.require(order.regions)
    if account.is_rehearsal:
        lending.lend(order.image, base=order.base, console=console)
    release = bake_in(first, order, console=console)
    failures: dict[str, BakeryError] = {}
    if order.is_per_region:
        for region in others:
            try:
                bake_in(region, order, console=console, release=release)
            except BakeryError as error:
                failures[region.name] = error
                console.say(f"{region.name}: failed: {error.message}")
    done = tuple(region.name for region in (first, *others) if region.name not in failures)
    wanted = publish.Order(image=order.image, release=release, regions=done)
    published_release = publish.publish(wanted, account=account, console=console)
    if failures:
        raise publish.refusal(failures)
    return published_release


def bake_in(region: Region, order: Order, *, console: Console, release: str = "") -> str:
    """Bake and verify in one region what is not there yet; return the release's name.

    *release* is the name of what another region has baked, so that this one's is the same.
    """
    folder = store.build_dir(order.image, region.name)
    with store.locked(folder / ".bake.lock", what=f"{order.image} in {region.name}", console=console):
        planned = region_plan.make(order.image, region, base=order.base, release=release, is_forced=order.is_forced)
        for line in planned.lines():
            console.say(line)
        _bake_layer(region, planned, console=console)
    return planned.release


def _bake_layer(region: Region, planned: RegionPlan, *, console: Console) -> str:
    """Bake and verify one layer, those below first; return the AMI's id."""
    if planned.found is not None and planned.is_verified:
        console.say(f"unchanged: {planned.found['ImageId']} in {region.name} ({planned.name})")
        _record(region, planned, planned.found, console=console)
        return str(planned.found["ImageId"])
    if planned.found is None:
        begin = _bake_layer(region, planned.below, console=console) if planned.below else planned.base_image.id
        with console.phase(f"packer in {region.name}"):
            _pack(region, planned, begin=begin, console=console)
    with console.phase(f"image in {region.name}"):
        image = published.wait_available(region, name=planned.name)
        _record(region, planned, image, console=console)
    with console.phase(f"verify in {region.name}"):
        verdict = region_verify.verify_image(
            region, planned, image, console=console, log=_artifact(region, planned).verdict
        )
        console.update(f"passed {verdict.total} tests on a machine started from {image['ImageId']}")
    mark = {"Key": ami.VERIFIED, "Value": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    region.ec2("create_tags", Resources=[image["ImageId"]], Tags=[mark])
    _record(region, planned, {**image, "Tags": [*image.get("Tags", ()), mark]}, console=console)
    return str(image["ImageId"])


def _pack(region: Region, planned: RegionPlan, *, begin: str, console: Console) -> None:
    artifact, engine, account = _artifact(region, planned), packer.installed(), region.account
    release = release_of(planned, region=region.name, image=None)
    aws = planned.definition.aws
    build = Build(
        layers=planned.layers,
        definition=planned.definition,
        base=planned.base,
        keys=planned.keys,
        fingerprint=planned.fingerprint,
        release=planned.release,
        region=region.name,
        source_image=begin,
        login_user=machines.login_user(account, planned.base),
        name=planned.name,
        instance_type=machines.instance_type(region, arch=planned.definition.arch, wanted=aws.instance_type),
        security_group=machines.group(region, name=GROUP, ports=(machines.SSH,)),
        root_device=planned.base_image.root_device,
        tags=ami.tags(release, image=planned.definition.name),
        run_tags={"Name": f"bake {planned.definition.name}", ami.RUN: planned.release},
        endpoint=account.endpoint or os.environ.get("AWS_ENDPOINT_URL", ""),
        ssh_port=machines.port(account, machines.SSH),
    )
    space = Workspace(folder=artifact.workspace)
    try:
        workspace.prepare_region(space, build, packer=engine)
        built = builder.build_image(space, log=artifact.log, packer_=engine, console=console, env=account.environment())
        console.say(f"{region.name}: baked {built.image_id}")
    finally:
        space.clear()


def _artifact(region: Region, planned: RegionPlan) -> Artifact:
    folder = store.build_dir(planned.definition.name, region.name)
    return Artifact(image=planned.definition.name, base=planned.base.name, folder=folder)


def release_of(planned: RegionPlan, *, region: str, image: Mapping[str, Any] | None) -> Release:
    """Return what the catalog says of a plan's release: as AWS shows its *image*, or before there is one."""
    verified = tags_of(image).get(ami.VERIFIED) if image else None
    created = datetime.fromisoformat(image["CreationDate"]) if image else datetime.now(UTC)
    return Release(
        release=planned.release,
        arch=planned.definition.arch,
        base=planned.base.name,
        fingerprint=planned.fingerprint,
        size_gb=planned.definition.disk.size_gb,
        baked_at=created.replace(microsecond=0),
        baked_in=region,
        verified_at=datetime.fromisoformat(verified) if verified else None,
        places={region: Placed(image_id=image["ImageId"], published_at=created.replace(microsecond=0))}
        if image
        else {},
    )


def _record(region: Region, planned: RegionPlan, image: Mapping[str, Any], *, console: Console) -> None:
    """Write into the catalog what the region has; a release that is known keeps where it was baked first."""
    made = release_of(planned, region=region.name, image=image)

    def edit(known: Catalog) -> Catalog:
        for release in known.releases:
            if (release.release, release.arch) == (made.release, made.arch):
                update = {"places": {**release.places, **made.places}, "verified_at": made.verified_at}
                if region.name != release.baked_in:
                    del update["verified_at"]
                return known.with_release(release.model_copy(update=update))
        return known.with_release(made)

    catalog.change(planned.definition.name, edit, is_rehearsal=region.account.is_rehearsal, console=console)
