"""The policies of docs/iam: each is enough for its commands, and no entry of it can be left out.

moto checks keys, signatures and actions for real, and knows neither Resource nor Condition. `Police` stands in for that
half of IAM, by IAM's own rules and by the tables of actions in the Service Authorization Reference; it is not IAM.
"""

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from moto.core import responses
from moto.core.authorization import enable_iam_authentication
from moto.core.utils import method_names_from_class
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.iam.policy_validation import IAMPolicyDocumentValidator
from werkzeug.exceptions import HTTPException

from bakery import (
    ami,
    amis,
    bases,
    images,
    launch,
    launch_order,
    prune,
    publish,
    region_bake,
    region_outlook,
    region_plan,
    validate,
)
from bakery import regions as asking
from bakery.bases import Arch
from bakery.clouds import machines, policies, published
from bakery.clouds.aws import Account, Region
from bakery.clouds.base_images import FoundBy
from bakery.console import Console
from bakery.errors import BakeryError, ExitCode
from bakery.rehearsal import answers
from bakery.rehearsal.server import Rehearsal, StrictEC2, StrictSSM, serving
from bakery.rehearsal.world import ACCOUNT
from bakery.validate import State
from tests import releases
from tests.aws_account import account_of, forget_aws
from tests.rehearsed_images import a_snapshot, an_image
from tests.releases import BOTH, DUBLIN, LONDON

Document = dict[str, Any]

ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-exampleorgid"
HOST = releases.definition(launch_template="fleet", share_with=["210987654321", ORGANIZATION])
LARGEST = 6144
"""Characters of a managed policy, white space not counted (IAM user guide, "IAM and AWS STS quotas")."""
AWS_ALONE = "launch TagAtCreation ec2:CreateTags"
"""What moto does not ask for; EC2 user guide, "Grant permission to tag resources during creation"."""
QUIET = {"read FindTheBase ssm:GetParameter": "not by its parameter"}
"""Entries whose absence is no error of the command, and what is worse without them."""

KINDS = {
    "ami": "image",
    "i": "instance",
    "lt": "launch-template",
    "sg": "security-group",
    "snap": "snapshot",
    "vol": "volume",
    "vpc": "vpc",
}
MAKES = {
    "CopyImage": ("image", "snapshot"),
    "CreateFleet": ("fleet", "instance"),
    "CreateImage": ("image", "snapshot"),
    "CreateLaunchTemplate": ("launch-template",),
    "CreateSecurityGroup": ("security-group",),
    "RunInstances": ("instance", "network-interface", "subnet", "volume"),
}
"""What an action makes or, where nobody names it, chooses: each is asked for by itself."""
NAMING = ("GroupId", "ImageId", "InstanceId", "InstanceIds", "Resources", "SecurityGroupIds", "SnapshotId", "VpcId")
"""The parameters with ids of what is there already."""


@dataclass(frozen=True, kw_only=True)
class Touch:
    """One question of IAM's to a policy: an action on one resource, and what its conditions may look at."""

    action: str
    arn: str
    context: Mapping[str, Any] = field(default_factory=dict)


def action_of(call: Any) -> str:
    return str(call._get_action())  # noqa: SLF001  # moto has no public way


def touches(call: Any, cloud: Rehearsal) -> Iterator[Touch]:
    """Give every question that a call raises; Describe… actions are about everything."""
    name = action_of(call)
    if isinstance(call, StrictSSM):
        asked = json.loads(call.body)
        for parameter in asked.get("Names") or [asked["Name"]]:
            owner = "" if parameter.startswith("/aws/service/") else ACCOUNT
            yield Touch(action=f"ssm:{name}", arn=f"arn:aws:ssm:{call.region}:{owner}:parameter{parameter}")
    elif name.startswith("Describe"):
        yield Touch(action=f"ec2:{name}", arn="*")
    else:
        found = [*_existing(name, call, cloud), *_made(name, call)]
        assert found, f"it is not known what {name} is about"
        yield from found


def _existing(name: str, call: Any, cloud: Rehearsal) -> Iterator[Touch]:
    asked = call.params
    ids: list[str] = []
    for parameter in NAMING:
        given = asked.get(parameter) or []
        ids += [given] if isinstance(given, str) else given
    if asked.get("LaunchTemplateName") and name != "CreateLaunchTemplate":
        templates = {one.name: one.id for one in call.ec2_backend.launch_templates.values()}
        ids.append(templates.get(asked["LaunchTemplateName"], "lt-nowhere"))
    request = _tags_asked_for(asked.get("Tags", ())) if name == "CreateTags" else {}
    for one in ids:
        tags = _resource_tags(_tags(one, call, cloud))
        yield Touch(
            action=f"ec2:{name}", arn=_arn(call.region, KINDS[one.partition("-")[0]], one), context=tags | request
        )
    if asked.get("KeyName"):
        pair = call.ec2_backend.key_pairs.get(asked["KeyName"])
        tags = _resource_tags(_tags(pair.id, call, cloud) if pair else {})
        yield Touch(action=f"ec2:{name}", arn=_arn(call.region, "key-pair", asked["KeyName"]), context=tags)
    if asked.get("SourceImageId"):
        yield Touch(action=f"ec2:{name}", arn=_arn(asked["SourceRegion"], "image", asked["SourceImageId"]))


def _made(name: str, call: Any) -> Iterator[Touch]:
    """Give what is about new things, and about their tags: "Grant permission to tag resources during creation"."""
    specified = {one["ResourceType"]: one["Tags"] for one in call.params.get("TagSpecifications") or ()}
    tokens = (call.params.get("MetadataOptions") or {}).get("HttpTokens")
    for kind in MAKES.get(name, ()):
        request = _tags_asked_for(specified.get(kind, ()))
        metadata = {"ec2:MetadataHttpTokens": tokens} if tokens and kind == "instance" else {}
        yield Touch(action=f"ec2:{name}", arn=_arn(call.region, kind, "*"), context=request | metadata)
        if request:
            yield Touch(
                action="ec2:CreateTags", arn=_arn(call.region, kind, "*"), context={**request, "ec2:CreateAction": name}
            )


def _arn(region: str, kind: str, identity: str) -> str:
    owner = "" if kind in {"image", "snapshot"} else ACCOUNT
    return f"arn:aws:ec2:{region}:{owner}:{kind}/{identity}"


def _tags(identity: str, call: Any, cloud: Rehearsal) -> dict[str, str]:
    thing = cloud.world.images.get(identity) or cloud.world.snapshots.get(identity)
    if thing is not None:
        return thing.tags
    listed = call.ec2_backend.describe_tags(filters={"resource-id": [identity]})
    return {one["key"]: one["value"] for one in listed}


def _resource_tags(tags: Mapping[str, str]) -> dict[str, Any]:
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


def _tags_asked_for(tags: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    keys = {"aws:TagKeys": [one["Key"] for one in tags]} if tags else {}
    return {**{f"aws:RequestTag/{one['Key']}": one["Value"] for one in tags}, **keys}


def _all_like(having: Any, wanted: list[str]) -> bool:
    return all(any(fnmatchcase(one, pattern) for pattern in wanted) for one in having or ())


OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "ForAllValues:StringEquals": lambda having, wanted: set(having or ()) <= set(wanted),
    "ForAllValues:StringLike": _all_like,
    "Null": lambda having, wanted: (having is None) == (wanted == "true"),
    "StringEquals": lambda having, wanted: having in ([wanted] if isinstance(wanted, str) else wanted),
}
"""IAM user guide, "Condition operators" and "Set operators"."""


def allows(document: Document, touch: Touch) -> bool:
    """Return whether a policy, which denies nothing, says yes."""
    return any(_covers(statement, touch) for statement in document["Statement"])


def _covers(statement: Document, touch: Touch) -> bool:
    patterns = statement["Resource"]
    return (
        touch.action in statement["Action"]
        and any(fnmatchcase(touch.arn, one) for one in ([patterns] if isinstance(patterns, str) else patterns))
        and all(
            OPERATORS[operator](touch.context.get(key), wanted)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


@dataclass(kw_only=True)
class Police:
    """Checks every call of those whom it knows, after moto has; all others may do everything."""

    cloud: Rehearsal
    account: Account
    """Of whoever has signed in."""
    known: dict[str, Document] = field(default_factory=dict)
    """Policies by access key."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Access key and action, whoever refused it."""
    has_conditions: bool = True
    """Whether more is checked than moto does."""

    def hire(self, document: Document) -> tuple[str, str]:
        """Return the keys of a new user with this policy and no other."""
        iam, name = iam_backends[ACCOUNT]["aws"], f"user-{len(self.known)}"
        everything = [{"Effect": "Allow", "Action": one["Action"], "Resource": "*"} for one in document["Statement"]]
        iam.create_user("us-east-1", name)
        iam.put_user_policy(name, "only", json.dumps({**document, "Statement": everything}))
        key = iam.create_access_key(name)
        self.known[key.access_key_id] = document
        return key.access_key_id, str(key.secret_access_key)

    def sign_in(self, document: Document) -> Account:
        """Return the account as a new user sees it; boto3's clients serve one after the other, for they are dear."""
        credentials = self.account.session.get_credentials()
        credentials.access_key, credentials.secret_key = self.hire(document)
        # Nobody may live on what others were told.
        vars(self.account).pop("opt_in", None)
        return self.account

    def check(self, call: Any, by_moto: Callable[..., None], resource: str) -> None:
        """Raise what AWS answers to what is not allowed."""
        policy = self.known.get(call.access_key)
        if policy is None:
            return
        try:
            by_moto(call, resource)
        except HTTPException as error:
            raise self._refusal(call, f"{call.boto3_service_name}:{action_of(call)}", arn="*") from error
        for touch in touches(call, self.cloud) if self.has_conditions else ():
            if not allows(policy, touch):
                raise self._refusal(call, touch.action, arn=touch.arn)

    def _refusal(self, call: Any, action: str, *, arn: str) -> HTTPException:
        """Note a refusal and return it in AWS's form and words, which for SSM are not moto's."""
        self.refused.append((call.access_key, action))
        service = call.boto3_service_name
        why = f"is not authorized to perform: {action} on resource: {arn}"
        text = (
            f"User: arn:aws:iam::{ACCOUNT}:user/one {why} because no identity-based policy allows the {action} action"
        )
        code, status = "AccessDeniedException", HTTPStatus.BAD_REQUEST
        if service == "ec2":
            code, status = "UnauthorizedOperation", HTTPStatus.FORBIDDEN
            text = f"You are not authorized to perform this operation. {text}"
        error = HTTPException(answers.refused(service, status=status, code=code, message=text).body.decode())
        error.code = status
        return error


@contextmanager
def policing(cloud: Rehearsal) -> Iterator[Police]:
    """Check every call while the body runs."""
    police = Police(cloud=cloud, account=account_of(cloud))
    with enable_iam_authentication(), pytest.MonkeyPatch.context() as patch:
        # moto lists all methods of a service, hundreds of them, for each call.
        patch.setattr(responses, "method_names_from_class", functools.cache(method_names_from_class))
        for service in (StrictEC2, StrictSSM):
            by_moto = service._authenticate_and_authorize_normal_action  # noqa: SLF001  # moto's only place

            def check(call: Any, resource: str = "*", by_moto: Callable[..., None] = by_moto) -> None:
                police.check(call, by_moto, resource)

            patch.setattr(service, "_authenticate_and_authorize_normal_action", check)
        yield police


def entries(name: str) -> list[str]:
    """Return policy, statement and action of every entry of a policy."""
    statements = json.loads((policies.FOLDER / f"{name}.json").read_text())["Statement"]
    return [f"{name} {statement['Sid']} {action}" for statement in statements for action in statement["Action"]]


def document(name: str, *, without: str = "") -> Document:
    """Return a policy, without one entry where that is asked for."""
    found: Document = json.loads((policies.FOLDER / f"{name}.json").read_text())
    for statement in found["Statement"]:
        kept = [one for one in statement["Action"] if f"{name} {statement['Sid']} {one}" != without]
        statement["Action"] = kept
    found["Statement"] = [statement for statement in found["Statement"] if statement["Action"]]
    return found


def seed_read(cloud: Rehearsal) -> None:
    """Put a release there that `validate` looks at, and an image that `plan` finds."""
    release = releases.put(cloud, HOST, is_latest=True)
    for region in BOTH:
        image = cloud.world.images[release.places[region].image_id]
        cloud.world.snapshots[image.snapshot].readers.add("210987654321")
        image.readers += [{"UserId": "210987654321"}, {"OrganizationArn": ORGANIZATION}]
        template(region, {"ImageId": image.id})
    planned = region_plan.make("host", account_of(cloud).region(LONDON))
    an_image(cloud, region=LONDON, name=planned.name)


def read(cloud: Rehearsal, account: Account) -> None:
    survey = asking.ask(account, bases.base("debian-12"), Arch.AMD64)
    survey.require_answer()
    ways = {row.image.found_by for row in survey.rows if row.image}
    assert ways == {FoundBy.SSM}, "the base is found by its name, not by its parameter"
    order = region_bake.Order(image="host", regions=BOTH, base="debian-12")
    region_outlook.show(order, account=account, console=Console())
    report = validate.validate(("host",), regions=(), account=account, console=Console())
    problems = [one.why for one in report.findings if one.state is not State.CORRECT]
    if problems:
        raise BakeryError("; ".join(problems))
    assert len(report.findings) == len(BOTH)
    assert amis.show(amis.Order(image="host", is_rehearsal=True), console=Console())


def seed_publish(cloud: Rehearsal) -> None:
    """Put a promoted release there, and one that was baked and that a kill has left half tagged."""
    releases.put(cloud, HOST, is_latest=True)
    baked = releases.put(cloud, HOST, age_days=2, regions=(LONDON,))
    image = cloud.world.images[baked.places[LONDON].image_id]
    del image.tags[ami.BASE]
    cloud.world.snapshots[image.snapshot].tags.clear()


def publish_all(cloud: Rehearsal, account: Account) -> None:
    told: dict[str, Any] = {"account": account, "console": Console()}
    order = publish.Order(image="host", release=releases.name_of(2), regions=BOTH)
    publish.publish(order, **told)
    publish.promote(order, **told)
    assert publish.rollback(publish.Order(image="host"), **told).release == releases.name_of(30)


def seed_launch(cloud: Rehearsal) -> None:
    releases.put(cloud, HOST, is_latest=True)
    ec2_backends[ACCOUNT][LONDON].create_key_pair("mine", "ed25519", {})


def launch_all(cloud: Rehearsal, account: Account) -> None:
    """Launch in three ways: all goes well, a key is not there, somebody presses Ctrl-C."""

    def start(**fields: Any) -> None:
        order = launch_order.Order(image="host", regions=(LONDON,), is_waiting=False, **fields)
        launch.launch(order, account=account, console=Console()).require_all()

    start(key="mine")
    with pytest.raises(BakeryError) as caught:
        start(key="mien", source="parameter")
    if caught.value.exit_code is not ExitCode.IMPOSSIBLE:
        raise caught.value
    assert caught.value.hint == "did you mean 'mine'?"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machines, "wait_running", interrupt)
        with pytest.raises(KeyboardInterrupt):
            start()
    assert len(cloud.instances()) == 1


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def seed_prune(cloud: Rehearsal) -> None:
    """Put an old release there, the promoted one, and one of each thing that killed runs leave."""
    releases.put(cloud, HOST, age_days=40)
    latest = releases.put(cloud, HOST, is_latest=True).places[DUBLIN].image_id
    an_image(cloud, region=DUBLIN, name="dokku-bakery/host/x/amd64", failure="no reason")
    a_snapshot(cloud, region=DUBLIN, started=releases.NOW - timedelta(days=2), tags={ami.IMAGE: "host", "Name": "x"})
    template(DUBLIN, {"ImageId": latest})
    region = account_of(cloud).region(DUBLIN)
    machines.group(region, name="dokku-bakery-bake", ports=())
    launched = machines.Launch(image_id=latest, instance_type="t3.small", groups=(), token="x", tags={ami.RUN: "x"})
    machines.start(region, launched)
    backend = ec2_backends[ACCOUNT][DUBLIN]
    backend.create_key_pair("mine", "ed25519", {ami.RUN: "x"})
    backend.create_key_pair("packer_x", "ed25519", {}).create_time -= timedelta(days=1)


def prune_all(cloud: Rehearsal, account: Account) -> None:
    prune.prune(prune.Order(is_now=True), account=account, console=Console(), is_dry=False)
    backend = ec2_backends[ACCOUNT][DUBLIN]
    assert len(releases.own_images(cloud)) == len(releases.own_snapshots(cloud)) == len(BOTH)
    assert (cloud.instances(), list(backend.key_pairs)) == ([], [])


def template(region: str, data: dict[str, Any]) -> None:
    ec2_backends[ACCOUNT][region].create_launch_template("fleet", "", data, {})


WORK: Mapping[str, tuple[Callable[[Rehearsal], None], Callable[[Rehearsal, Account], None]]] = {
    "launch": (seed_launch, launch_all),
    "prune": (seed_prune, prune_all),
    "publish": (seed_publish, publish_all),
    "read": (seed_read, read),
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Police]:
    with serving() as rehearsal, policing(rehearsal) as police:
        yield police


@pytest.fixture
def police(stage: Police, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Police:
    stage.cloud.reset()
    stage.known.clear()
    stage.refused.clear()
    stage.has_conditions = True
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setattr(published, "FIRST_PAUSE_S", 0.01)
    # Seventeen regions take long to ask, and all are asked the same.
    monkeypatch.setattr(Account, "usable", property(lambda account: [one for one in BOTH if one in account.opt_in]))
    releases.define(monkeypatch, HOST)
    monkeypatch.setattr(images, "chain", lambda name: [HOST])
    return stage


def work(police: Police, name: str, *, without: str = "") -> None:
    """Do all that a policy is for, as a user who has it."""
    seed, do = WORK[name]
    seed(police.cloud)
    do(police.cloud, police.sign_in(document(name, without=without)))


def named(error: BakeryError) -> set[str]:
    """Return the actions that an error says are not allowed."""
    return set(re.findall(r"([a-z0-9]+:\w+) is not allowed", error.message))


@pytest.mark.parametrize("name", WORK)
def test_a_policy_is_enough_for_its_commands(police: Police, name: str) -> None:
    work(police, name)
    assert police.refused == []


@pytest.mark.parametrize("entry", [one for name in WORK for one in entries(name)])
def test_no_entry_of_a_policy_can_be_left_out(police: Police, entry: str) -> None:
    name, _, action = entry.split()
    if entry in QUIET:
        with pytest.raises(AssertionError, match=QUIET[entry]):
            work(police, name, without=entry)
    else:
        with pytest.raises(BakeryError) as caught:
            work(police, name, without=entry)
        assert named(caught.value) == {action}
    assert {one for _, one in police.refused} == {action}


def test_only_aws_asks_whether_a_machine_may_be_tagged_as_it_starts(police: Police) -> None:
    police.has_conditions = False
    work(police, "launch", without=AWS_ALONE)


@pytest.mark.parametrize("name", [*WORK, "bake"])
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


def test_every_policy_is_tested() -> None:
    assert {path.stem for path in policies.FOLDER.glob("*.json")} == {*WORK, "bake"}


DESTROYING = ("Delete", "Deregister", "Disable", "Stop", "Terminate")


@pytest.mark.parametrize("name", [*WORK, "bake"])
def test_nothing_is_ended_or_removed_whosoever_it_is(name: str) -> None:
    for statement in document(name)["Statement"]:
        if any(action.partition(":")[2].startswith(DESTROYING) for action in statement["Action"]):
            assert "Condition" in statement or re.search(r"(/dokku-bakery/|/packer_)\*$", statement["Resource"])


FOREIGN: Mapping[str, Callable[[Region, Mapping[str, str]], Any]] = {
    "bake ec2:CreateImage": lambda here, of: here.ec2("create_image", InstanceId=of["instance"], Name="theirs"),
    "bake ec2:DeregisterImage": lambda here, of: here.ec2("deregister_image", ImageId=of["image"]),
    "bake ec2:StopInstances": lambda here, of: here.ec2("stop_instances", InstanceIds=[of["instance"]]),
    "bake ec2:TerminateInstances": lambda here, of: here.ec2("terminate_instances", InstanceIds=[of["instance"]]),
    "launch ec2:AuthorizeSecurityGroupIngress": lambda here, of: machines.group(here, name=of["group"], ports=(22,)),
    "launch ec2:RunInstances": lambda here, of: here.ec2("run_instances", ImageId=of["image"], MinCount=1, MaxCount=1),
    "launch ec2:TerminateInstances": lambda here, of: here.ec2("terminate_instances", InstanceIds=[of["instance"]]),
    "prune ec2:CreateTags": lambda here, of: tag(here, of["nameless"], "Team"),
    "prune ec2:DeleteKeyPair": lambda here, of: here.ec2("delete_key_pair", KeyName=of["key"]),
    "prune ec2:DeleteSecurityGroup": lambda here, of: here.ec2("delete_security_group", GroupId=of["group_id"]),
    "prune ec2:DeleteSnapshot": lambda here, of: here.ec2("delete_snapshot", SnapshotId=of["snapshot"]),
    "prune ec2:DeregisterImage": lambda here, of: here.ec2("deregister_image", ImageId=of["image"]),
    "prune ec2:TerminateInstances": lambda here, of: here.ec2("terminate_instances", InstanceIds=[of["instance"]]),
    "prune ssm:DeleteParameter": lambda here, of: here.ssm("delete_parameter", Name="/shop/x"),
    "publish ec2:CreateTags": lambda here, of: tag(here, of["image"], ami.IMAGE),
    "publish ec2:ModifyImageAttribute": lambda here, of: here.ec2("modify_image_attribute", ImageId=of["image"]),
    "publish ssm:PutParameter": lambda here, of: here.ssm("put_parameter", Name="/shop/x", Value="x", Type="String"),
}
"""What somebody with a policy must not do to things of others, by the policy and the action that is refused."""


def tag(region: Region, thing: str, key: str) -> None:
    region.ec2("create_tags", Resources=[thing], Tags=[{"Key": key, "Value": "x"}])


def seed_foreign(cloud: Rehearsal) -> dict[str, str]:
    """Put things there that are not ours, and return their ids."""
    region, name = account_of(cloud).region(DUBLIN), "theirs"
    image = an_image(cloud, region=DUBLIN, tags={"Name": name})
    cloud.world.snapshots[image.snapshot].tags["Name"] = name
    group = machines.group(region, name=name, ports=())
    region.ec2("delete_tags", Resources=[group], Tags=[{"Key": ami.RUN}])
    ec2_backends[ACCOUNT][DUBLIN].create_key_pair(name, "ed25519", {})
    launched = machines.Launch(image_id=image.id, instance_type="t3.small", groups=[group], token="x", tags={"a": "b"})
    (instance,) = machines.start(region, launched)
    nameless = an_image(cloud, region=DUBLIN).id
    ids = {"image": image.id, "snapshot": image.snapshot, "instance": instance, "group_id": group, "nameless": nameless}
    return {**ids, "group": name, "key": name}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_somebody_else_s_is_out_of_reach(police: Police, case: str) -> None:
    name, action = case.split()
    of = seed_foreign(police.cloud)
    region = police.sign_in(document(name)).region(DUBLIN)
    with pytest.raises(BakeryError) as caught:
        FOREIGN[case](region, of)
    assert named(caught.value) == {action}


def test_whoever_is_refused_is_told_which_policy_has_the_action(police: Police) -> None:
    seed_publish(police.cloud)
    account = police.sign_in(document("publish", without="publish Copy ec2:CopyImage"))
    order = publish.Order(image="host", release=releases.name_of(2), regions=BOTH)
    with pytest.raises(BakeryError, match="eu-west-1: ec2:CopyImage is not allowed: You are not authorized") as caught:
        publish.publish(order, account=account, console=Console())
    assert caught.value.exit_code is ExitCode.MISSING
    files = "docs/iam/bake.json or docs/iam/publish.json"
    assert caught.value.hint == f"attach {files}, which allows ec2:CopyImage"
