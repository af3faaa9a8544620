"""The policies of docs/iam by themselves: their form, and what of others is out of their reach."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.models import ec2_backends
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from bakery.cloud import naming
from bakery.clouds.aws import groups, instances, policies
from bakery.clouds.aws.account import Region
from bakery.clouds.aws.instances import Launch
from bakery.core.errors import BakeryError
from bakery.rehearsal.server import serving
from bakery.rehearsal.world import ACCOUNT
from tests.aws_account import forget_aws
from tests.policing import Police, document, named, policing
from tests.rehearsed_images import an_image
from tests.releases import DUBLIN

LARGEST = 6144
"""Characters of a managed policy, white space not counted (IAM user guide, "IAM and AWS STS quotas")."""
NAMES = sorted(path.stem for path in policies.FOLDER.glob("*.json"))


@pytest.fixture(scope="module")
def stage() -> Iterator[Police]:
    with serving() as cloud, policing(cloud) as police:
        yield police


@pytest.fixture
def police(stage: Police, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Police:
    stage.begin_again()
    forget_aws(monkeypatch, home=tmp_path)
    return stage


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_has_the_form_that_iam_wants(name: str) -> None:
    text = (policies.FOLDER / f"{name}.json").read_text()
    IAMPolicyDocumentValidator(text).validate()
    assert len("".join(text.split())) <= LARGEST
    statements = json.loads(text)["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    assert len({statement["Sid"] for statement in statements}) == len(statements)
    for statement in statements:
        assert statement["Action"] == sorted(set(statement["Action"]))
        assert not [action for action in statement["Action"] if "*" in action]


DESTROYING = ("Delete", "Deregister", "Disable", "Stop", "Terminate")
OURS = re.compile(r"/dokku-bakery/\*$|:session/\$\{aws:user(id|name)\}-\*$")
"""How the resources end that are ours by their names."""


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_ended_or_removed_whosoever_it_is(name: str) -> None:
    for statement in document(name)["Statement"]:
        if any(action.partition(":")[2].startswith(DESTROYING) for action in statement["Action"]):
            patterns = statement["Resource"]
            named = [patterns] if isinstance(patterns, str) else patterns
            assert "Condition" in statement or all(OURS.search(one) for one in named)


FOREIGN: Mapping[str, Callable[[Region, Mapping[str, str]], Any]] = {
    "bake ec2:CreateImage": lambda here, of: here.ec2("create_image", InstanceId=of["instance"], Name="theirs"),
    "bake ec2:DeregisterImage": lambda here, of: here.ec2("deregister_image", ImageId=of["image"]),
    "bake ec2:StopInstances": lambda here, of: here.ec2("stop_instances", InstanceIds=[of["instance"]]),
    "bake ec2:TerminateInstances": lambda here, of: here.ec2("terminate_instances", InstanceIds=[of["instance"]]),
    "launch ec2:AuthorizeSecurityGroupIngress": lambda here, of: groups.group(here, name=of["group"], ports=(22,)),
    "launch ec2:RunInstances": lambda here, of: here.ec2("run_instances", ImageId=of["image"], MinCount=1, MaxCount=1),
    "launch ec2:TerminateInstances": lambda here, of: here.ec2("terminate_instances", InstanceIds=[of["instance"]]),
    "prune ec2:CreateTags": lambda here, of: tag(here, of["nameless"], "Team"),
    "prune ec2:DeleteKeyPair": lambda here, of: here.ec2("delete_key_pair", KeyName=of["key"]),
    "prune ec2:DeleteSecurityGroup": lambda here, of: here.ec2("delete_security_group", GroupId=of["group_id"]),
    "prune ec2:DeleteSnapshot": lambda here, of: here.ec2("delete_snapshot", SnapshotId=of["snapshot"]),
    "prune ec2:DeleteKeyPair packer_1": lambda here, of: here.ec2("delete_key_pair", KeyName=of["packers"]),
    "prune ec2:DeregisterImage": lambda here, of: here.ec2("deregister_image", ImageId=of["image"]),
    "prune ec2:TerminateInstances": lambda here, of: here.ec2("terminate_instances", InstanceIds=[of["instance"]]),
    "prune ssm:DeleteParameter": lambda here, of: here.ssm("delete_parameter", Name="/shop/x"),
    "publish ec2:CreateTags": lambda here, of: tag(here, of["image"], naming.IMAGE),
    "publish ec2:ModifyImageAttribute": lambda here, of: here.ec2("modify_image_attribute", ImageId=of["image"]),
    "publish ssm:PutParameter": lambda here, of: here.ssm("put_parameter", Name="/shop/x", Value="x", Type="String"),
}
"""What somebody with a policy must not do to things of others, by the policy and the action that is refused."""


def tag(region: Region, thing: str, key: str) -> None:
    region.ec2("create_tags", Resources=[thing], Tags=[{"Key": key, "Value": "x"}])


def seed_foreign(police: Police) -> dict[str, str]:
    """Put things there that are not ours, and return their ids."""
    region, name, cloud = police.owner.region(DUBLIN), "theirs", police.cloud
    image = an_image(cloud, region=DUBLIN, tags={"Name": name})
    cloud.world.snapshots[image.snapshot].tags["Name"] = name
    group = groups.group(region, name=name, ports=())
    region.ec2("delete_tags", Resources=[group], Tags=[{"Key": naming.RUN}])
    ec2_backends[ACCOUNT][DUBLIN].create_key_pair(name, "ed25519", {})
    launched = Launch(image_id=image.id, instance_type="t3.small", groups=[group], token="x", tags={"a": "b"})
    (instance,) = instances.start(region, launched)
    nameless = an_image(cloud, region=DUBLIN).id
    ids = {"image": image.id, "snapshot": image.snapshot, "instance": instance, "group_id": group, "nameless": nameless}
    ec2_backends[ACCOUNT][DUBLIN].create_key_pair("packer_1", "ed25519", {"team": "other"})
    return {**ids, "group": name, "key": name, "packers": "packer_1"}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_somebody_else_s_is_out_of_reach(police: Police, case: str) -> None:
    name, action, *_ = case.split()
    of = seed_foreign(police)
    region = police.sign_in(document(name)).region(DUBLIN)
    with pytest.raises(BakeryError) as caught:
        FOREIGN[case](region, of)
    assert named(caught.value) == {action}
