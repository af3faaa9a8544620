"""A stand-in for the half of IAM that moto lacks, and the policies of docs/iam, whole or without one entry.

moto checks keys, signatures and actions for real, and knows neither Resource nor Condition. `Police` asks about these
beside it, as `tests.iam_questions` has it; it is not IAM.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from moto.core import responses
from moto.core.authorization import enable_iam_authentication
from moto.core.utils import method_names_from_class
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse
from werkzeug.exceptions import HTTPException

from bakery.clouds.aws import policies
from bakery.clouds.aws.account import Account
from bakery.core.errors import BakeryError
from bakery.rehearsal import answers
from bakery.rehearsal.server import Rehearsal, StrictEBS, StrictEC2, StrictSSM
from bakery.rehearsal.world import ACCOUNT
from tests.aws_account import account_of
from tests.iam_questions import Document, action_of, allows, touches

OPTIONS = ("network", "profile", "ssm", "tags")
"""Policies for what some definitions ask for, each of use only beside that of a command."""


@dataclass(kw_only=True)
class Police:
    """Checks every call of those whom it knows, after moto has; all others may do everything."""

    cloud: Rehearsal
    owner: Account
    """Of whoever may do everything."""
    account: Account
    """Of whoever has signed in."""
    known: dict[str, Document] = field(default_factory=dict)
    """Policies by access key."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Access key and action, whoever refused it."""
    has_conditions: bool = True
    """Whether more is checked than moto does."""

    def begin_again(self) -> None:
        """Empty the cloud and forget everybody."""
        self.cloud.reset()
        self.known.clear()
        self.refused.clear()
        self.has_conditions = True

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
        for region in self.account._regions.values():  # noqa: SLF001  # a command has an account of its own
            region.made.clear()
        return self.account

    def check(self, call: Any, by_moto: Callable[..., None], resource: str) -> None:
        """Raise what AWS answers to what is not allowed."""
        policy = self.known.get(call.access_key)
        if policy is None:
            return
        if isinstance(call, StrictEBS) and not call.raw_body:
            # moto takes the headers for the body that is not there, and finds the signature wrong.
            call.data = {}
        try:
            by_moto(call, resource)
        except HTTPException as error:
            raise self._refusal(call, f"{call.boto3_service_name}:{action_of(call)}", arn="*") from error
        for touch in touches(call, self.cloud) if self.has_conditions else ():
            if not allows(policy, touch):
                raise self._refusal(call, touch.action, arn=touch.arn)

    def _refusal(self, call: Any, action: str, *, arn: str) -> HTTPException:
        """Note a refusal and return it in AWS's form and words, which for SSM and EBS are not moto's."""
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
    police = Police(cloud=cloud, owner=account_of(cloud), account=account_of(cloud))
    with enable_iam_authentication(), pytest.MonkeyPatch.context() as patch:
        # moto lists all methods of a service, hundreds of them, for each call.
        patch.setattr(responses, "method_names_from_class", functools.cache(method_names_from_class))
        for service in (StrictEC2, StrictEBS, StrictSSM, IamResponse):
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


def together(*names: str, without: str = "") -> Document:
    """Return several policies as whoever has them all has them, without one entry where that is asked for."""
    found = [document(name, without=without) for name in names]
    return {**found[0], "Statement": [statement for one in found for statement in one["Statement"]]}


def named(error: BakeryError) -> set[str]:
    """Return the actions that an error says are not allowed."""
    return set(re.findall(r"([a-z0-9]+:\w+) is not allowed", error.message))
