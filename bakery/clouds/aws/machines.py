"""The machines of a region of AWS as the stories know them: networks, groups and tunnels are found on the way."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bakery.cloud.values import Instance
from bakery.clouds.aws import groups, instances, networks, tunnels
from bakery.clouds.aws.account import Region
from bakery.clouds.aws.instances import Launch
from bakery.clouds.aws.packer import default_instance_type
from bakery.definition.aws import Login
from bakery.definition.bases import Arch, Base
from bakery.definition.model import Definition
from bakery.places.place import Start

HERE = "127.0.0.1"
"""Where a machine's port answers that is reached through a tunnel."""


@dataclass(frozen=True, kw_only=True)
class Machines:
    """One region; see `bakery.places.place.Machines` for what each act is."""

    region: Region

    def instance_type(self, arch: Arch, wanted: str = "") -> str:
        """Return an instance type that the region has."""
        return instances.instance_type(self.region, arch=arch, wanted=wanted)

    def named_type(self, definition: Definition) -> str:
        """Return the definition's type."""
        return definition.aws.instance_type

    def usual_type(self, arch: Arch) -> str:
        """Return the first of ours."""
        return default_instance_type(arch)

    def login_user(self, base: Base, *, is_import: bool) -> str:
        """Return who the platform's keys are for."""
        return instances.login_user(self.region.account, base, is_import=is_import)

    def require_login(self, definition: Definition) -> None:
        """Raise BakeryError where a login goes through Session Manager and cannot."""
        tunnels.require(self.region, definition.aws)

    @property
    def has_named_keys(self) -> bool:
        """Return that there are key pairs."""
        return True

    def is_tunnelled(self, definition: Definition) -> bool:
        """Return whether a machine is reached through Session Manager alone."""
        return definition.aws.login is Login.SSM

    @contextmanager
    def tunnel(self, instance_id: str, *, port: int, log: Path) -> Iterator[tuple[str, int]]:
        """Forward a port through Session Manager while the body runs."""
        with tunnels.opened(self.region, instance_id, port=port, log=log) as local:
            yield HERE, local

    def start(self, start: Start) -> list[str]:
        """Start instances in the definition's network and return their ids."""
        aws = start.definition.aws
        network = networks.find(self.region, aws)
        group = groups.for_login(self.region, aws, name=start.group, network=network, ports=start.ports)
        return instances.start(
            self.region,
            Launch(
                image_id=start.image.id,
                instance_type=start.instance_type,
                groups=[group],
                token=start.token,
                user_data=start.user_data,
                key_name=start.key_name,
                size_gb=start.size_gb,
                root_device=start.image.root_device,
                count=start.count,
                tags={**aws.tags, **start.tags},
                subnet=network.subnet,
                is_public=aws.login is Login.SSH,
                profile=aws.instance_profile,
                is_ending=start.is_ending,
            ),
        )

    def wait_running(self, ids: Sequence[str]) -> list[Instance]:
        """Return the instances as soon as all are running."""
        return instances.wait_running(self.region, ids)

    def end(self, ids: Sequence[str]) -> None:
        """End instances. Ctrl-C has told every call to stop; these must still be made."""
        instances.terminate(self.region.account.aside().region(self.region.name), ids, is_new=True)

    def address(self, instance: Instance, definition: Definition, *, is_any: bool = False) -> str:
        """Return where an instance is reached: a subnet without public addresses through a VPN, or not at all."""
        is_private = definition.aws.login is Login.PRIVATE
        return instances.address(self.region, instance, is_private=None if is_any and not is_private else is_private)

    def port(self, number: int) -> int:
        """Return where a machine's port is reached from here."""
        return instances.port(self.region.account, number)

    @contextmanager
    def way(self, instance: Instance, definition: Definition, *, port: int, log: Path) -> Iterator[tuple[str, int]]:
        """Give the address and port at which an instance's port answers while the body runs."""
        if self.is_tunnelled(definition):
            with self.tunnel(instance.id, port=port, log=log) as here:
                yield here
            return
        yield self.address(instance, definition), self.port(port)

    def console_text(self, instance_id: str) -> str:
        """Return what the instance's serial console shows."""
        return instances.console_text(self.region, instance_id)

    def hint_console(self, instance_id: str) -> str:
        """Return what to type to see what an instance says."""
        return f"aws ec2 get-console-output --latest --region {self.region.name} --instance-id {instance_id}"

    def hint_end(self, ids: Sequence[str]) -> str:
        """Return what to type to end instances."""
        return f"aws ec2 terminate-instances --region {self.region.name} --instance-ids {' '.join(ids)}"

    def hint_login(self, instance_id: str) -> str:
        """Return what to type to log in through Session Manager."""
        return f"aws ssm start-session --region {self.region.name} --target {instance_id}"
