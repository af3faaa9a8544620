"""A region of AWS as it is written down: Packer's templates and a Vagrantfile; nobody is asked."""

from dataclasses import dataclass

from bakery.catalog import record
from bakery.cloud import naming
from bakery.clouds.aws import packer
from bakery.clouds.aws.packer import Build
from bakery.definition.bases import Base
from bakery.definition.model import Definition
from bakery.packer.engine import Packer
from bakery.packer.workspace import Workspace
from bakery.places.baking import Baking
from bakery.vagrant import vagrantfile


def build(baking: Baking, *, region: str, login_user: str, instance_type: str, endpoint: str) -> Build:
    """Return what Packer is told of a region, as far as the definition says it."""
    aws, made = baking.definition.aws, baking.made
    return Build(
        layers=baking.layers,
        definition=baking.definition,
        base=baking.base,
        keys=baking.keys,
        fingerprint=made.fingerprint,
        release=made.release,
        region=region,
        source_image=baking.source_image,
        login_user=login_user,
        name=made.name,
        instance_type=instance_type,
        security_group="",
        root_device=baking.root_device,
        tags=record.tags(record.entry(made, region=region, image=None), image=made.image, own=aws.tags),
        run_tags={**aws.tags, naming.TITLE: f"bake {made.image}", naming.RUN: made.release},
        endpoint=endpoint,
    )


@dataclass(frozen=True, kw_only=True)
class AwsSketch:
    """One region, by its name."""

    name: str
    endpoint: str = ""
    """The address of a rehearsal; empty for AWS itself."""

    def root_device(self, base: Base) -> str:
        """Return the root device of a base's AMIs."""
        return packer.default_root_device(base)

    def volume_type(self, definition: Definition) -> str:  # noqa: ARG002  # another cloud's depends on it
        """Return ours."""
        return packer.VOLUME_TYPE

    def prepare(self, baking: Baking, *, installed: Packer) -> None:
        """Write Packer's folder."""
        packer.prepare(Workspace(folder=baking.artifact.workspace), self._build(baking), packer=installed)

    def vagrantfile(self, baking: Baking, *, image_id: str, is_import: bool) -> str:
        """Return the Vagrantfile for an instance of an AMI."""
        told = self._build(baking)
        instance = vagrantfile.Instance(
            image=baking.definition.name,
            base=baking.base.name,
            region=self.name,
            image_id=image_id,
            user=baking.base.aws_user(is_own_disk=is_import),
            instance_type=told.instance_type,
            root_device=told.root_device,
            disk_gb=baking.definition.disk.size_gb,
            volume_type=packer.VOLUME_TYPE,
        )
        return vagrantfile.aws_vagrantfile(instance)

    def _build(self, baking: Baking) -> Build:
        definition = baking.definition
        return build(
            baking,
            region=self.name,
            login_user=baking.base.aws_user(is_own_disk=False),
            instance_type=definition.aws.instance_type or packer.default_instance_type(definition.arch),
            endpoint=self.endpoint,
        )
