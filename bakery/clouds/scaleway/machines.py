"""The machines of a zone of Scaleway as the stories know them: groups and addresses are found on the way."""

# ruff: noqa: ARG002  # a place is told more than this cloud has to know

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bakery.cloud.naming import TITLE
from bakery.cloud.values import Instance
from bakery.clouds.scaleway import base_images, groups, server_types, servers, snapshots
from bakery.clouds.scaleway.account import Zone
from bakery.clouds.scaleway.servers import Launch
from bakery.core.errors import impossible
from bakery.definition.bases import Arch, Base
from bakery.definition.model import Definition
from bakery.places.place import Start


@dataclass(frozen=True, kw_only=True)
class Machines:
    """One zone; see `bakery.places.place.Machines` for what each act is."""

    zone: Zone

    def instance_type(self, arch: Arch, wanted: str = "") -> str:
        """Return a type that the zone has."""
        return server_types.choose(self.zone, arch=arch, wanted=wanted)

    def named_type(self, definition: Definition) -> str:
        """Return the definition's type."""
        return definition.scaleway.instance_type

    def usual_type(self, arch: Arch) -> str:
        """Return the first of ours."""
        return server_types.USUAL[arch][0]

    def login_user(self, base: Base, *, is_import: bool) -> str:
        """Return who the platform's keys are for: whom cloud-init makes outside AWS."""
        return base.default_user

    def require_login(self, definition: Definition) -> None:
        """Do nothing: every server has a public address."""

    @property
    def has_named_keys(self) -> bool:
        """Return that there are none: the project's keys let in."""
        return False

    def is_tunnelled(self, definition: Definition) -> bool:
        """Return that no server is reached through a tunnel."""
        return False

    def tunnel(self, instance_id: str, *, port: int, log: Path) -> AbstractContextManager[tuple[str, int]]:
        """Never called, since nothing is tunnelled."""
        raise AssertionError(f"Scaleway has no tunnel to {instance_id}")

    def start(self, start: Start) -> list[str]:
        """Start servers and return their ids."""
        table, zone = start.definition.scaleway, self.zone
        if start.key_name:
            said = (
                f"{zone.name}: --key {start.key_name} is a key of EC2's; Scaleway lets in the SSH keys of its project"
            )
            raise impossible(said, hint="leave it out, and add the key: scw iam ssh-key create")
        volume = base_images.usual_volume(zone)
        if start.image.root_snapshot:
            volume = snapshots.volume_of(zone, start.image.root_snapshot)
        size_gb = start.size_gb or start.image.root_size_gb
        server_types.require_room(zone, start.instance_type, volume=volume, size_gb=size_gb)
        launch = Launch(
            image_id=start.image.id,
            name=start.tags.get(TITLE, start.group).replace("/", "-").replace(" ", "-"),
            commercial_type=start.instance_type,
            group=groups.of_machines(zone, table, name=start.group, ports=start.ports),
            token=start.token,
            volume=volume,
            user_data=start.user_data,
            size_gb=start.size_gb,
            count=start.count,
            tags={**table.tags, **start.tags},
        )
        return servers.start(zone, launch)

    def wait_running(self, ids: Sequence[str]) -> list[Instance]:
        """Return the servers as soon as all are running."""
        return servers.wait_running(self.zone, ids)

    def end(self, ids: Sequence[str]) -> None:
        """End servers. Ctrl-C has told every call to stop; these must still be made."""
        servers.end(self.zone.aside(), ids)

    def address(self, instance: Instance, definition: Definition, *, is_any: bool = False) -> str:
        """Return where a server is reached: by IPv4, or else IPv6."""
        having = instance.public_address or instance.ipv6_address
        if not having:
            raise impossible(
                f"{self.zone.name}: {instance.id} has no public address", hint=self.hint_end([instance.id])
            )
        return having

    def port(self, number: int) -> int:
        """Return where a machine's port is reached from here."""
        return self.zone.account.ports.get(number, number)

    @contextmanager
    def way(self, instance: Instance, definition: Definition, *, port: int, log: Path) -> Iterator[tuple[str, int]]:
        """Give the address and port at which a server's port answers while the body runs."""
        yield self.address(instance, definition), self.port(port)

    def console_text(self, instance_id: str) -> str:
        """Return nothing: the console of a server is shown in a browser alone."""
        return ""

    def hint_console(self, instance_id: str) -> str:
        """Return where to see what a server says."""
        return f"https://console.scaleway.com/instance/servers/{self.zone.name}/{instance_id}/overview  (its console)"

    def hint_end(self, ids: Sequence[str]) -> str:
        """Return what to type to end servers."""
        told = f"with-volumes=all with-ip=true force-shutdown=true zone={self.zone.name}"
        return f"scw instance server delete {' '.join(ids)} {told}"

    def hint_login(self, instance_id: str) -> str:
        """Return what to type to log in, were it through a tunnel."""
        return f"scw instance server ssh {instance_id} zone={self.zone.name}"
