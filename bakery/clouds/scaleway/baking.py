"""Lets Packer bake an image in one zone, with the project's key; what its builder cannot tag is tagged afterwards."""

from dataclasses import replace

from bakery.clouds.scaleway import answers, base_images, images, packer, server_types, sketch
from bakery.clouds.scaleway.account import Zone
from bakery.clouds.scaleway.packer import Build
from bakery.core.console import Console
from bakery.definition.scaleway import Volume
from bakery.packer import build, engine
from bakery.packer.workspace import Workspace
from bakery.places.baking import Baking


def bake(zone: Zone, baking: Baking, *, console: Console) -> str:
    """Return the id of the image that Packer has made. Raises BakeryError like `packer.build`."""
    installed, account, table = engine.installed(), zone.account, baking.definition.scaleway
    told = sketch.build(
        baking,
        zone=zone.name,
        login_user=baking.base.default_user if account.is_rehearsal else packer.LOGIN,
        commercial_type=server_types.choose(zone, arch=baking.made.arch, wanted=table.instance_type),
        endpoint=account.keys.api_url if account.is_rehearsal else "",
    )
    told = replace(
        told,
        source_image=_source(zone, baking),
        ssh_port=account.ports.get(packer.SSH_PORT, packer.SSH_PORT),
    )
    packer.require_possible(told, packer=installed)
    size_gb = baking.definition.disk.size_gb
    server_types.require_room(zone, told.commercial_type, volume=table.volume_type, size_gb=size_gb)
    space = Workspace(folder=baking.artifact.workspace)
    try:
        packer.prepare(space, told, packer=installed)
        made = build.build_image(
            space, log=baking.artifact.log, packer_=installed, console=console, env=_environment(zone)
        )
    finally:
        space.clear()
    _tag(zone, told, made.image_id)
    return made.image_id


def _source(zone: Zone, baking: Baking) -> str:
    """Return the image to begin with; the base's other one where the one that was found starts from another disk."""
    wanted = baking.definition.scaleway.volume_type
    shown = images.shown(zone, baking.source_image)
    if shown is None or not shown.public:
        return baking.source_image
    having = Volume.LOCAL if answers.is_local(shown) else Volume.BLOCK
    if having is wanted:
        return baking.source_image
    return base_images.newest(zone, baking.base, baking.made.arch, volume=wanted).id


def _environment(zone: Zone) -> dict[str, str]:
    """Return what makes Packer use this project, and no profile of somebody's."""
    keys = zone.account.keys
    return {
        "SCW_ACCESS_KEY": keys.access_key,
        "SCW_SECRET_KEY": keys.secret_key,
        "SCW_DEFAULT_PROJECT_ID": keys.project,
        "SCW_DEFAULT_ZONE": zone.name,
        "SCW_API_URL": keys.api_url,
        "SCW_PROFILE": "",
    }


def _tag(zone: Zone, told: Build, image_id: str) -> None:
    made = images.at(zone, image_id)
    if made is not None:
        images.tag(zone, made, told.tags)
