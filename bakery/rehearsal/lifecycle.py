"""What becomes of an instance: the states that EC2 tells, each put there when the machine has reached it.

moto's instance keeps the state and everything else that calls describe; its own methods stop and terminate it.
"""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import StateReason

from bakery.guests import qemu
from bakery.rehearsal import nitro
from bakery.rehearsal.addresses import Addresses
from bakery.rehearsal.facts import Facts
from bakery.rehearsal.hardware import Hardware
from bakery.rehearsal.machines import Machine, Start
from bakery.rehearsal.natively import Seed
from bakery.rehearsal.service import PORTS

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
"""InstanceState in botocore, Code."""


@dataclass(kw_only=True)
class Life:
    """One instance, from its launch to its end."""

    instance: Any
    """moto's, which has no type."""
    machine: Machine
    addresses: Addresses
    reservation: str
    key: tuple[str, str] | None
    """Name and public half of its key pair when it was launched; the key pair may be deleted meanwhile."""

    def start(self, *, pending_s: float) -> None:
        """Switch it on, under a new public address if it has one."""
        put(self.instance, "pending")
        interface = self.instance.nics[0]
        if interface.public_ip:
            interface.public_ip = self.addresses.claim()
        self.machine.start(
            Start(
                hardware=self._hardware(),
                board=nitro.board(self.facts),
                seed=self.seed,
                watcher=self,
                pending_s=pending_s,
            )
        )

    def stop(self, *, is_forced: bool) -> None:
        """Have it shut down; *is_forced* ends it at once."""
        self._leave("stopping", by=self.machine.end if is_forced else self.machine.shut_down)

    def terminate(self) -> None:
        """End it, and throw away what it has written; its console stays."""
        self._leave("shutting-down", by=self.machine.end)
        self.machine.wait()

    def _leave(self, state: str, *, by: Callable[[], None]) -> None:
        was_on = self.machine.is_on
        put(self.instance, state)
        by()
        # A machine that is off has nobody left to tell us.
        if not was_on:
            self.end("")

    def begin(self) -> None:
        """Note that the machine runs."""
        if self.instance.state == "pending":
            put(self.instance, "running")

    def end(self, failure: str) -> None:
        """Note that the machine runs no more, and decide what that makes of the instance."""
        instance = self.instance
        self.addresses.release(instance.nics[0].public_ip or "")
        was_asked = instance.state in {"stopping", "shutting-down"}
        # A launch that fails ends as `terminated` (EC2 user guide, "Troubleshoot instance launch issues").
        if failure or instance.state == "shutting-down":
            is_gone = True
        else:
            is_gone = not was_asked and instance.instance_initiated_shutdown_behavior == "terminate"
        if is_gone:
            self.machine.forget()
            instance.terminate()
        else:
            instance.stop()
        if failure:
            instance.state_reason = StateReason(f"Server.InternalError: {failure}", "Server.InternalError")
        elif not was_asked:
            code = "Client.InstanceInitiatedShutdown"
            instance.state_reason = StateReason(f"{code}: Instance initiated shutdown", code)

    def facts(self) -> Facts:
        """Return what the metadata service knows now."""
        instance, interface = self.instance, self.instance.nics[0]
        backend, options = instance.ec2_backend, instance.metadata_options
        are_tags_shown = options.instance_metadata_tags == "enabled"
        return Facts(
            instance=instance.id,
            image=instance.image_id,
            type=instance.instance_type,
            arch=instance.architecture,
            account=instance.owner_id,
            region=instance.region_name,
            zone=instance.placement.zone,
            reservation=self.reservation,
            launch_index=instance.ami_launch_index,
            launched=instance.launch_time,
            root_device=instance.root_device_name,
            mac=interface.mac_address,
            interface=interface.id,
            subnet=instance.subnet_id,
            subnet_range=backend.get_subnet(instance.subnet_id).cidr_block,
            vpc=instance.vpc_id,
            vpc_range=backend.get_vpc(instance.vpc_id).cidr_block,
            groups={group.id: group.name for group in interface.group_set},
            private_ip=instance.private_ip,
            private_name=instance.private_dns_name,
            public_ip=instance.public_ip or "",
            public_name=instance.public_dns_name or "",
            key=self.key,
            user_data=user_data(instance),
            tags={tag["key"]: tag["value"] for tag in instance.get_tags()} if are_tags_shown else None,
            is_token_required=options.http_tokens == "required",
            is_enabled=options.http_endpoint != "disabled",
        )

    def seed(self) -> Seed:
        """Return what a machine is told at its first boot that has no metadata service."""
        return Seed(
            instance=self.instance.id,
            hostname=self.instance.private_dns_name,
            public_keys=[self.key[1]] if self.key else [],
            user_data=user_data(self.instance) or b"",
        )

    def _hardware(self) -> Hardware:
        kind = INSTANCE_TYPES[self.instance.instance_type]
        interface = self.instance.nics[0]
        return Hardware(
            type=self.instance.instance_type,
            cpus=kind["VCpuInfo"]["DefaultVCpus"],
            memory_mb=min(kind["MemoryInfo"]["SizeInMiB"], qemu.MEMORY_MB),
            mac=interface.mac_address,
            volume=self.instance.block_device_mapping[self.instance.root_device_name].volume_id,
            address=interface.public_ip or "",
            ports=open_ports(interface.group_set),
        )


def put(instance: Any, state: str) -> None:
    """Put moto's instance into a state."""
    instance.instance_state.name, instance.instance_state.code = state, CODES[state]


def user_data(instance: Any) -> bytes | None:
    """Return the user-data of moto's instance, decoded."""
    return None if instance.user_data is None else base64.b64decode(str(instance.user_data))


def open_ports(groups: Iterable[Any]) -> list[int]:
    """Return those of PORTS that moto's security groups let TCP into, from wherever.

    Whoever reaches a machine by its outer port may have opened that one, as Packer does with its `ssh_port`. A rule
    that comes later is heeded at the next start.
    """
    rules = [rule for group in groups for rule in group.ingress_rules if rule.ip_protocol in {"tcp", "-1"}]
    return [
        port
        for port, outer in PORTS.items()
        if any(
            rule.ip_protocol == "-1" or {port, outer} & set(range(rule.from_port, rule.to_port + 1)) for rule in rules
        )
    ]
