"""Parameter Store where moto is laxer than AWS: values of type aws:ec2:image are checked later, or silently dropped.

The distributions' public parameters are answered from `bakery.rehearsal.seeds`; all else is moto's.
"""

import functools
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ssm.exceptions import ParameterNotFound, ValidationException
from moto.ssm.models import SimpleSystemManagerBackend
from moto.ssm.responses import SimpleSystemManagerResponse

from bakery.definition.aws_regions import partition
from bakery.rehearsal import seeds
from bakery.rehearsal.world import ACCOUNT, Put, World

if TYPE_CHECKING:
    from bakery.rehearsal.stage import Rehearsal

IMAGE = "aws:ec2:image"
LONGEST_NAME, LONGEST_DESCRIPTION, MOST_LEVELS = 1011, 1024, 15
"""Of a parameter; its name counts with the ARN before it (PutParameter in botocore)."""
PUBLIC = ("/aws/service/canonical", "/aws/service/debian")
MOST_NAMES = 10
"""Of one GetParameters, and results of one page of GetParametersByPath (botocore's model)."""


class ParameterActions(SimpleSystemManagerResponse):
    """The strict part; put before moto's class."""

    rehearsal: "Rehearsal"

    def put_parameter(self) -> ActionResult:
        """Write a parameter; one of type aws:ec2:image is answered now and written when it has been checked.

        Systems Manager User Guide, "Native parameter support for Amazon Machine Image IDs", and botocore's text of
        PutParameter, "DataType".
        """
        asked = self._asked()
        _require_form(asked["name"], asked["description"] or "", region=self.region)
        self._refuse_another_type(asked["name"], asked["data_type"])
        if asked["data_type"] != IMAGE:
            return super().put_parameter()
        if asked["parameter_type"] not in {"String", None}:
            raise ValidationException(f"A parameter of data type {IMAGE} must be of type String.")
        written = self._rehearsed(asked)
        world = self.rehearsal.world
        put = Put(
            region=self.region,
            image=asked["value"],
            due=world.now() + self.rehearsal.faults.parameter_s,
            write=functools.partial(self.ssm_backend.put_parameter, **asked),
        )
        with world.lock:
            world.puts.append(put)
        settle(world)
        return ActionResult({"Version": written.version, "Tier": written.tier})

    def get_parameter(self) -> ActionResult:
        """Return one parameter, ours or a distribution's."""
        name = self._get_param("Name")
        if not name.startswith(PUBLIC):
            return super().get_parameter()
        if name not in seeds.parameters(self.region):
            raise ParameterNotFound(f"Parameter {name} not found.")
        return ActionResult({"Parameter": self._public(name)})

    def get_parameters(self) -> ActionResult:
        """Return several parameters, ours and the distributions'."""
        names = self._get_param("Names")
        if len(names) > MOST_NAMES:
            return super().get_parameters()
        ours = self.ssm_backend.get_parameters([name for name in names if not name.startswith(PUBLIC)])
        decrypts = self._get_param("WithDecryption")
        public = [name for name in names if name in seeds.parameters(self.region)]
        return ActionResult(
            {
                "Parameters": [
                    *(one.response_object(decrypts, self.region) for one in ours.values()),
                    *(self._public(name) for name in public),
                ],
                "InvalidParameters": [name for name in names if name not in ours and name not in public],
            }
        )

    def get_parameters_by_path(self) -> ActionResult:
        """Return a page of the parameters below a path, ours or the distributions'."""
        path = self._get_param("Path").rstrip("/") + "/"
        size = self._get_param("MaxResults", MOST_NAMES)
        if not path.startswith(PUBLIC) or size > MOST_NAMES:
            return super().get_parameters_by_path()
        is_deep = self._get_param("Recursive", if_none=False)
        below = [name for name in sorted(seeds.parameters(self.region)) if name.startswith(path)]
        found = [name for name in below if is_deep or "/" not in name.removeprefix(path)]
        begin = int(self._get_param("NextToken", "0"))
        end = begin + size
        page = {"Parameters": [self._public(name) for name in found[begin:end]]}
        return ActionResult(page | ({"NextToken": str(end)} if end < len(found) else {}))

    def _asked(self) -> dict[str, Any]:
        return {
            "name": self._get_param("Name"),
            "description": self._get_param("Description"),
            "value": self._get_param("Value"),
            "parameter_type": self._get_param("Type"),
            "allowed_pattern": self._get_param("AllowedPattern"),
            "keyid": self._get_param("KeyId"),
            "overwrite": self._get_param("Overwrite", if_none=False),
            "tags": self._get_param("Tags"),
            "data_type": self._get_param("DataType", "text"),
            "tier": self._get_param("Tier"),
            "policies": self._get_param("Policies"),
        }

    def _refuse_another_type(self, name: str, data_type: str) -> None:
        # Systems Manager User Guide, "Parameter data types in Parameter Store": none changes to or from aws:ec2:image.
        # A call without DataType asks for `text`, the default that botocore's text of PutParameter names.
        backend = self.ssm_backend
        kept = backend.get_parameter(name) if name in backend._parameters else None  # noqa: SLF001  # moto's table
        if kept is not None and IMAGE in {kept.data_type, data_type} and kept.data_type != data_type:
            raise ValidationException(
                f"The data type of parameter {name} cannot be changed from {kept.data_type} to {data_type}."
            )

    def _rehearsed(self, asked: dict[str, Any]) -> Any:
        """Write the parameter into a copy of the store that is thrown away: its refusals come at once, as on AWS."""
        backend, name = self.ssm_backend, asked["name"]
        draft = SimpleSystemManagerBackend(self.region, self.current_account)
        if name in backend._parameters:  # noqa: SLF001  # moto's table
            draft._parameters[name].extend(backend._parameters[name])  # noqa: SLF001
        return draft.put_parameter(**asked)

    def _public(self, name: str) -> dict[str, object]:
        return {
            "Name": name,
            "Type": "String",
            "Value": seeds.parameters(self.region)[name],
            "Version": 1,
            "LastModifiedDate": seeds.CREATED[-1],
            "ARN": f"arn:{partition(self.region)}:ssm:{self.region}::parameter{name}",
            "DataType": IMAGE,
        }


def _require_form(name: str, description: str, *, region: str) -> None:
    # PutParameter in botocore, "Name" and "Description"; moto looks at the letters of a name alone.
    if len(f"arn:{partition(region)}:ssm:{region}:{ACCOUNT}:parameter{name}") > LONGEST_NAME:
        raise ValidationException(f"The name of a parameter has at most {LONGEST_NAME} characters with its ARN's.")
    if name.count("/") > MOST_LEVELS:
        raise ValidationException(f"The hierarchy of a parameter has at most {MOST_LEVELS} levels.")
    if len(description) > LONGEST_DESCRIPTION:
        raise ValidationException(f"A description has at most {LONGEST_DESCRIPTION} characters.")


def settle(world: World) -> None:
    """Write what is due by now, or drop it where its image could not be used when it was looked at."""
    with world.lock:
        now = world.now()
        due = [put for put in world.puts if put.due <= now]
        world.puts = [put for put in world.puts if put not in due]
        for put in due:
            if is_usable(put, world):
                # What is refused at this point is told to nobody either: only EventBridge would know.
                with suppress(ServiceException):
                    put.write()


def is_usable(put: Put, world: World) -> bool:
    """Say whether an image was there for this account, seen and available, at the time it was looked at."""
    image = world.images.get(put.image)
    return (
        image is not None
        and image.region == put.region
        and max(image.ready_at, image.visible_at) <= put.due
        and not image.failure
        and not image.is_disabled
        and (image.owner == ACCOUNT or {"Group": "all"} in image.readers or {"UserId": ACCOUNT} in image.readers)
    )
