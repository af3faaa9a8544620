"""Lets Packer bake an AMI in one region: in the definition's network, with the account's keys as they are then."""

import os
from dataclasses import replace

from bakery.clouds.aws import groups, handing, instances, networks, packer, sketch, tunnels
from bakery.clouds.aws.account import Region
from bakery.core.console import Console
from bakery.packer import build, engine
from bakery.packer.workspace import Workspace
from bakery.places.baking import Baking

GROUP = "dokku-bakery-bake"


def bake(region: Region, baking: Baking, *, console: Console) -> str:
    """Return the id of the AMI that Packer has made. Raises BakeryError like `packer.build`."""
    installed, account, aws = engine.installed(), region.account, baking.definition.aws
    tunnels.require(region, aws)
    network = networks.find(region, aws)
    told = sketch.build(
        baking,
        region=region.name,
        login_user=instances.login_user(account, baking.base, is_import=False),
        instance_type=instances.instance_type(region, arch=baking.made.arch, wanted=aws.instance_type),
        endpoint=account.endpoint or os.environ.get("AWS_ENDPOINT_URL", ""),
    )
    told = replace(
        told,
        security_group=groups.for_login(region, aws, name=GROUP, network=network),
        subnet=network.subnet,
        ssh_port=instances.port(account, groups.SSH),
    )
    space = Workspace(folder=baking.artifact.workspace)
    try:
        packer.prepare(space, told, packer=installed)
        with handing.environment(account, console=console) as env:
            return build.build_image(
                space, log=baking.artifact.log, packer_=installed, console=console, env=env
            ).image_id
    finally:
        space.clear()
