"""What other processes than pytest's run: one image of this machine is brought to two regions.

A server that forks such processes imports this once, with boto3 and its models, which take longer than the work.
"""

import os
from multiprocessing.context import ForkServerContext
from pathlib import Path

from bakery.clouds.aws import account as aws
from bakery.clouds.aws import ebs, lateness, published
from bakery.clouds.aws.account import Account, rehearse
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core.console import Console, table
from bakery.guests.suite import Verdict
from bakery.places.shipment import FanOut
from bakery.rehearsal.service import ACCESS_KEY, SECRET_KEY
from bakery.release import approve, import_
from bakery.release.import_ import Order

REGIONS = ("eu-west-2", "eu-west-1")


def warm() -> None:
    """Read the models of the services, and what shows tables."""
    account = rehearse(endpoint="http://127.0.0.1:9", keys=(ACCESS_KEY, SECRET_KEY))
    for service in ("ec2", "ebs", "ssm"):
        account.client(service, REGIONS[0])
    table("warming up", ("",), [])


def bring(account: Account) -> None:
    """Bring the image that is in the build folder; the machine that would judge it is left out."""
    for module in (aws, lateness, published):
        vars(module)["FIRST_PAUSE_S"] = 0.02
    ebs.UNKNOWN_DEADLINE_S = 3.0
    approve.verify_image = lambda *_, **__: Verdict(asked=("test",) * 80, failures=())
    order = Order(image="host", regions=REGIONS, fan_out=FanOut.UPLOAD)
    import_.bring(order, account=AwsCloud(account=account), console=Console())


def bring_aside(forks: ForkServerContext, url: str, build: Path) -> None:
    """Bring the image of another build folder in a process of its own, to its end."""
    child = forks.Process(target=_bring_at, args=(url, str(build)))
    child.start()
    child.join()
    assert child.exitcode == 0


def _bring_at(url: str, build: str) -> None:
    os.environ["BAKERY_BUILD_DIR"] = build
    bring(rehearse(endpoint=url, keys=(ACCESS_KEY, SECRET_KEY)))


warm()
