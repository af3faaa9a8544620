"""Spot instances, as Packer asks for them: an instant fleet of one launch template; all other ways are refused.

moto has the other ways, but what they launch has no machine, and waiting for it would never end.
"""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from bakery.rehearsal import refusals
from bakery.rehearsal.instances import InstanceActions
from bakery.rehearsal.world import new_id


class SpotActions(InstanceActions):
    """What EC2 does with spot instances and fleets; put before moto's class."""

    def create_fleet(self) -> ActionResult:
        """Launch an instant fleet: what cannot be launched is told in Errors (CreateFleet in botocore)."""
        self.error_on_dryrun()
        configs = self._list("LaunchTemplateConfigs")
        if self._text("Type") != "instant" or len(configs) != 1:
            raise refusals.not_rehearsed("fleets but instant ones of one launch template")
        template = configs[0]["LaunchTemplateSpecification"]
        choice = (configs[0].get("Overrides") or [{}])[0]
        capacity = self._get_param("TargetCapacitySpecification")
        lifecycle = capacity.get("DefaultTargetCapacityType", "on-demand")
        told: dict[str, Any] = {
            "LaunchTemplateAndOverrides": {"LaunchTemplateSpecification": template, "Overrides": choice},
            "Lifecycle": lifecycle,
        }
        chosen = {name: choice.get(name) for name in ("ImageId", "InstanceType", "SubnetId")}
        count = capacity["TotalTargetCapacity"]
        answer: dict[str, Any] = {"FleetId": new_id("fleet"), "Instances": [], "Errors": []}
        try:
            with self._world.lock:
                made = self._launch({"LaunchTemplate": template, "MinCount": count, "MaxCount": count, **chosen})
        except EC2ClientError as error:
            answer["Errors"] = [{**told, "ErrorCode": error.code, "ErrorMessage": error.message}]
        else:
            for instance in made.instances:
                instance.lifecycle = "spot" if lifecycle == "spot" else None
            ids = [instance.id for instance in made.instances]
            answer["Instances"] = [{**told, "InstanceIds": ids, "InstanceType": made.instances[0].instance_type}]
        return ActionResult(answer)

    def request_spot_fleet(self) -> ActionResult:
        """Refuse."""
        raise refusals.not_rehearsed("spot fleets; an instant fleet of CreateFleet has spot instances too")

    def request_spot_instances(self) -> ActionResult:
        """Refuse."""
        raise refusals.not_rehearsed("spot requests; an instant fleet of CreateFleet has spot instances too")
