"""A zone of Scaleway as it is written down: Packer's templates; nobody is asked."""

# ruff: noqa: ARG002  # a place is told more than this cloud has to know

from dataclasses import dataclass

from bakery.catalog import record
from bakery.cloud import naming
from bakery.clouds.scaleway import packer, server_types
from bakery.clouds.scaleway.packer import Build
from bakery.definition.bases import Base
from bakery.definition.model import Definition
from bakery.packer.engine import Packer
from bakery.packer.workspace import Workspace
from bakery.places.baking import Baking


def build(baking: Baking, *, zone: str, login_user: str, commercial_type: str, endpoint: str) -> Build:
    """Return what Packer is told of a zone, as far as the definition says it."""
    table, made = baking.definition.scaleway, baking.made
    return Build(
        layers=baking.layers,
        definition=baking.definition,
        base=baking.base,
        keys=baking.keys,
        fingerprint=made.fingerprint,
        release=made.release,
        zone=zone,
        source_image=baking.source_image,
        login_user=login_user,
        name=made.name,
        commercial_type=commercial_type,
        tags=record.tags(record.entry(made, region=zone, image=None), image=made.image, own=table.tags),
        run_tags={**table.tags, naming.TITLE: f"bake {made.image}", naming.RUN: made.release},
        endpoint=endpoint,
    )


@dataclass(frozen=True, kw_only=True)
class ScalewaySketch:
    """One zone, by its name."""

    name: str
    endpoint: str = ""
    """The address of a rehearsal; empty for Scaleway itself."""

    def root_device(self, base: Base) -> str:
        """Return nothing: Scaleway has no names for disks."""
        return ""

    def volume_type(self, definition: Definition) -> str:
        """Return the definition's."""
        return definition.scaleway.volume_type.value

    def prepare(self, baking: Baking, *, installed: Packer) -> None:
        """Write Packer's folder."""
        definition = baking.definition
        told = build(
            baking,
            zone=self.name,
            login_user=packer.LOGIN,
            commercial_type=definition.scaleway.instance_type or server_types.USUAL[definition.arch][0],
            endpoint=self.endpoint,
        )
        packer.prepare(Workspace(folder=baking.artifact.workspace), told, packer=installed)

    def vagrantfile(self, baking: Baking, *, image_id: str, is_import: bool) -> str:
        """Return nothing: Vagrant knows no such place."""
        return ""
