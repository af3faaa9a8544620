"""The story of a bake in AWS: plan, Packer, launch the new image, judge it, record it, copy it to the others.

Only what was launched and judged gets the tag `bakery:verified`; what was done before a kill is found again by name.
"""

import os
from dataclasses import dataclass

from bakery.catalog import record
from bakery.catalog.catalog import Release
from bakery.cloud import naming
from bakery.clouds.aws import desired, groups, handing, instances, networks, packer, tunnels
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.packer import Build
from bakery.core import folders
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition import layers
from bakery.disk.artifact import Artifact
from bakery.packer import build as builder
from bakery.packer import engine, settings
from bakery.packer.workspace import Workspace
from bakery.release import approve, plan, publish
from bakery.release.plan import RegionPlan

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
    first, *others = require(order, account=account)
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


def require(order: Order, *, account: Account) -> list[Region]:
    """Return the regions that were ordered.

    Raises BakeryError (exit code 2) for one that this account may not use, or where readers could not read the image.
    """
    regions = account.require(order.regions)
    desired.require_readable(layers.whole(order.image), order.regions)
    return regions


def bake_in(region: Region, order: Order, *, console: Console, release: str = "") -> str:
    """Bake and verify in one region what is not there yet; return the release's name.

    *release* is the name of what another region has baked, so that this one's is the same.
    """
    folder = folders.build_dir(order.image, region.name)
    with folders.locked(folder / ".bake.lock", what=f"{order.image} in {region.name}", console=console):
        planned = plan.make(order.image, region, base=order.base, release=release, is_forced=order.is_forced)
        for line in planned.lines():
            console.say(line)
        _bake_layer(region, planned, console=console)
    return planned.release


def _bake_layer(region: Region, planned: RegionPlan, *, console: Console) -> str:
    """Bake and verify one layer, those below first; return the AMI's id."""
    if planned.found is not None and planned.is_verified:
        console.say(f"unchanged: {planned.found.id} in {region.name} ({planned.name})")
        record.record(
            planned.made, planned.found, region=region.name, is_rehearsal=region.account.is_rehearsal, console=console
        )
        return planned.found.id
    if planned.found is None:
        begin = _bake_layer(region, planned.below, console=console) if planned.below else planned.base_image.id
        with console.phase(f"packer in {region.name}"):
            _pack(region, planned, begin=begin, console=console)
    subject = approve.Subject(
        made=planned.made,
        definition=planned.definition,
        user=instances.login_user(region.account, planned.base),
        settings=_settings(planned, region=region),
    )
    return approve.approve(region, subject, console=console, log=_artifact(region, planned).verdict)


def _settings(planned: RegionPlan, *, region: Region) -> str:
    told = settings.settings(
        planned.layers,
        planned.base,
        fingerprint=planned.fingerprint,
        release=planned.release,
        build_user=instances.login_user(region.account, planned.base),
        keys=planned.keys,
    )
    return settings.render_env(told)


def _pack(region: Region, planned: RegionPlan, *, begin: str, console: Console) -> None:
    artifact, installed, account = _artifact(region, planned), engine.installed(), region.account
    release = record.entry(planned.made, region=region.name, image=None)
    aws = planned.definition.aws
    tunnels.require(region, aws)
    where = networks.find(region, aws)
    build = Build(
        layers=planned.layers,
        definition=planned.definition,
        base=planned.base,
        keys=planned.keys,
        fingerprint=planned.fingerprint,
        release=planned.release,
        region=region.name,
        source_image=begin,
        login_user=instances.login_user(account, planned.base),
        name=planned.name,
        instance_type=instances.instance_type(region, arch=planned.definition.arch, wanted=aws.instance_type),
        security_group=groups.for_login(region, aws, name=GROUP, network=where),
        root_device=planned.base_image.root_device,
        subnet=where.subnet,
        tags=desired.tags(release, image=planned.definition.name, own=aws.tags),
        run_tags={**aws.tags, naming.TITLE: f"bake {planned.definition.name}", naming.RUN: planned.release},
        endpoint=account.endpoint or os.environ.get("AWS_ENDPOINT_URL", ""),
        ssh_port=instances.port(account, groups.SSH),
    )
    space = Workspace(folder=artifact.workspace)
    try:
        packer.prepare(space, build, packer=installed)
        with handing.environment(account, console=console) as env:
            built = builder.build_image(space, log=artifact.log, packer_=installed, console=console, env=env)
        console.say(f"{region.name}: baked {built.image_id}")
    finally:
        space.clear()


def _artifact(region: Region, planned: RegionPlan) -> Artifact:
    folder = folders.build_dir(planned.definition.name, region.name)
    return Artifact(image=planned.definition.name, base=planned.base.name, folder=folder)
