"""Instances that are real machines: EC2's actions on them, each as strict as EC2 and all else left to moto.

EC2's instance states and what may be asked in each: EC2 user guide, "Amazon EC2 instance state changes".
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.types import Base64EncodedString
from moto.ec2.exceptions import (
    EC2ClientError,
    InvalidKeyPairNameError,
    OperationDisableApiStopNotPermitted,
    OperationNotPermitted4,
)
from moto.ec2.responses.general import General
from moto.ec2.responses.instances import InstanceResponse

from bakery.rehearsal import interfaces, launch, refusals
from bakery.rehearsal.lifecycle import CODES, Life
from bakery.rehearsal.rack import Rack, rack_of
from bakery.rehearsal.strict import Strict
from bakery.rehearsal.world import Image

CONSOLE_BYTES = 64 * 1024
"""GetConsoleOutput in botocore: the last 64 KB."""


class InstanceActions(Strict, General, InstanceResponse):
    """What EC2 does with instances; put before moto's class."""

    def run_instances(self) -> ActionResult:
        """Launch instances; the same ClientToken with the same request gives the same reservation."""
        asked = {name: value for name, value in self.params.items() if name not in {"ClientToken", "DryRun"}}
        key = (self.region, "RunInstances", self._text("ClientToken"))
        with self._world.lock:
            known: Any = self._world.tokens.get(key) if key[-1] else None
            if known is None:
                reservation = self._launch(self.params)
                self._world.tokens[key] = (json.dumps(asked, sort_keys=True, default=str), reservation.id)
                return ActionResult(reservation)
        if known[0] != json.dumps(asked, sort_keys=True, default=str):
            message = (
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
            )
            raise EC2ClientError("IdempotentParameterMismatch", message)
        return ActionResult(self.ec2_backend.reservations[known[1]])

    def start_instances(self) -> ActionResult:
        """Start stopped instances, each under a new public address."""
        instances = self._asked_for(
            ("pending", "running", "stopped"), "The instance '{}' is not in a state from which it can be started."
        )

        def start(life: Life) -> None:
            if life.instance.state == "stopped":
                life.instance.start()
                life.start(pending_s=self.rehearsal.faults.pending_s)

        return ActionResult({"StartingInstances": self._changed(instances, start)})

    def stop_instances(self) -> ActionResult:
        """Have instances shut down; Force ends them at once."""
        instances = self._asked_for(
            ("running", "stopping", "stopped"), "This instance '{}' is not in a state from which it can be stopped."
        )
        for instance in instances:
            if instance.disable_api_stop is True:
                raise OperationDisableApiStopNotPermitted(instance.id)

        def stop(life: Life) -> None:
            if life.instance.state != "stopped":
                life.stop(is_forced=self._is_set("Force"))

        return ActionResult({"StoppingInstances": self._changed(instances, stop)})

    def terminate_instances(self) -> ActionResult:
        """End instances; one that is terminated already stays so."""
        instances = self._asked_for(tuple(CODES), "")
        for instance in instances:
            if instance.disable_api_termination in {True, "true"}:
                raise OperationNotPermitted4(instance.id)

        def terminate(life: Life) -> None:
            if life.instance.state != "terminated":
                life.terminate()

        return ActionResult({"TerminatingInstances": self._changed(instances, terminate)})

    def reboot_instances(self) -> ActionResult:
        """Reboot instances: only those without a machine, which is to do nothing."""
        for instance in self._asked_for(tuple(CODES), ""):
            if self._life(instance).machine.disk is not None:
                raise refusals.not_rehearsed("way to reboot a machine from outside; reboot it over SSH")
        return EmptyResult()

    def describe_instance_status(self) -> ActionResult:
        """Describe instances: a machine's checks pass when it has asked for its metadata, and so has a network."""
        answer: Any = super().describe_instance_status().result
        rows = [self._status(instance) for instance in answer["InstanceStatuses"]]
        return ActionResult({"InstanceStatuses": rows})

    def get_console_output(self) -> ActionResult:
        """Return the end of what a machine's console said."""
        instance = self.ec2_backend.get_instance(self._required("InstanceId"))
        machine = self._life(instance).machine
        if machine.disk is None:
            said = f"The rehearsal cloud has no machine for {instance.id}: nothing here can boot {instance.image_id}.\n"
        else:
            whole = machine.console.read_bytes() if machine.console.exists() else b""
            said = whole[-CONSOLE_BYTES:].decode(errors="replace")
        output = Base64EncodedString.from_raw_string(said)
        return ActionResult({"InstanceId": instance.id, "Timestamp": self._world.today(), "Output": output})

    @property
    def _rack(self) -> Rack:
        rack = rack_of(self._world)
        self.rehearsal.disk_of_instance = rack.disk_of_instance
        return rack

    def _launch(self, request: Mapping[str, Any]) -> Any:
        """Launch what is asked for and return moto's reservation."""
        completed = launch.completed(request, self._template(request.get("LaunchTemplate")))
        made = launch.checked(completed, world=self._world, region=self.region)
        self.params = interfaces.checked(made.request, backend=self.ec2_backend)
        key = self._key()
        reservation: Any = super().run_instances().result
        made.image.last_launched = self._world.today()
        for instance in reservation.instances:
            dress(instance, made.image)
            life = self._rack.add(
                instance, disk=self._disk(made.image), size_gb=made.size_gb, reservation=reservation.id, key=key
            )
            life.start(pending_s=self.rehearsal.faults.pending_s)
        return reservation

    def _template(self, asked: object) -> dict[str, Any]:
        # moto has no public way from what a request calls a template to what is in it.
        return dict(self.ec2_backend._get_template_from_args(asked).data) if asked else {}  # noqa: SLF001

    def _key(self) -> tuple[str, str] | None:
        name = self._text("KeyName")
        if not name:
            return None
        if name not in self.ec2_backend.key_pairs:
            raise InvalidKeyPairNameError({name})
        kind, material, *_ = self.ec2_backend.key_pairs[name].public_key.split()
        return name, f"{kind} {material} {name}"

    def _disk(self, image: Image) -> Path | None:
        snapshot = self._world.snapshots.get(image.snapshot)
        disk = (snapshot.disk if snapshot else None) or self._world.base_disks.get(image.base)
        return disk if self._world.is_booting and image.arch == "x86_64" else None

    def _asked_for(self, states: tuple[str, ...], message: str) -> list[Any]:
        """Return the instances that a request names.

        Raises InvalidInstanceID.NotFound, and IncorrectInstanceState with *message* for one in any other state.
        """
        instances: list[Any] = self.ec2_backend.get_multi_instances_by_id(self._list("InstanceIds"))
        self.error_on_dryrun()
        for instance in instances:
            if instance.state not in states:
                raise EC2ClientError("IncorrectInstanceState", message.format(instance.id))
        return instances

    def _changed(self, instances: list[Any], change: Callable[[Life], None]) -> list[dict[str, Any]]:
        rows = []
        for instance in instances:
            before = state(instance)
            change(self._life(instance))
            rows.append({"InstanceId": instance.id, "PreviousState": before, "CurrentState": state(instance)})
        return rows

    def _life(self, instance: Any) -> Life:
        """Return what we know of one of moto's instances; one that was not launched by RunInstances gets no machine."""
        rack = self._rack
        return rack.lives.get(instance.id) or rack.add(instance, disk=None, size_gb=0, reservation="", key=None)

    def _status(self, instance: Any) -> dict[str, Any]:
        machine = self._life(instance).machine
        is_waiting = instance.state == "running" and machine.disk is not None and not machine.is_up.is_set()
        checks = {"Details": [{"Name": "reachability", "Status": "initializing"}], "Status": "initializing"}
        return {
            "AvailabilityZone": instance.placement.zone,
            "InstanceId": instance.id,
            "InstanceState": state(instance),
            "InstanceStatus": checks if is_waiting else instance.instance_status,
            "SystemStatus": instance.system_status,
        }


def state(instance: Any) -> dict[str, Any]:
    """Return the state of moto's instance as EC2 tells it."""
    return {"Code": instance.state_code, "Name": instance.state}


def dress(instance: Any, image: Image) -> None:
    """Tell moto's instance what it would know of its image if that were moto's."""
    instance.architecture = image.arch
    instance.root_device_name = image.root_device
    instance.virtualization_type = image.virtualization
    instance.ena_support = image.is_ena
    # EC2 deletes an interface that it made for a launch; moto would keep it for ever.
    instance.nics[0].delete_on_termination = True
