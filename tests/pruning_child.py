"""What a process that may be killed runs: one prune, as soon as it is told to.

A server that forks such processes imports this once, with boto3 and its models, which take longer than a prune.
"""

import os
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from bakery.clouds.aws.account import rehearse
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core.console import Console
from bakery.definition.model import Definition
from bakery.rehearsal.service import ACCESS_KEY, SECRET_KEY
from bakery.release import prune
from tests import aws_account, releases


def warm() -> None:
    """Read the models of the services, and make their clients' classes."""
    with pytest.MonkeyPatch.context() as patch:
        aws_account.forget_aws(patch, home=Path(os.devnull))
        account = rehearse(endpoint="http://127.0.0.1:9", keys=(ACCESS_KEY, SECRET_KEY))
        for service in ("ec2", "ssm"):
            account.client(service, releases.LONDON)


def run(told: Connection, url: str, build: str, wanted_by: Definition) -> None:
    """Prune, as soon as something comes from whoever started this process."""
    patch = pytest.MonkeyPatch()
    aws_account.forget_aws(patch, home=Path(os.devnull))
    patch.setenv("BAKERY_BUILD_DIR", build)
    releases.define(patch, wanted_by)
    account = rehearse(endpoint=url, keys=(ACCESS_KEY, SECRET_KEY))
    told.recv()
    prune.prune(prune.Order(is_now=True), account=AwsCloud(account=account), console=Console(), is_dry=False)


warm()
