"""What a process that may be killed runs: one image of this machine is brought to two regions, when it is told to.

A server that forks such processes imports this once, with boto3 and its models, which take longer than the work.
"""

import os
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from bakery.clouds.aws import account as aws
from bakery.clouds.aws import ebs, lateness, published
from bakery.clouds.aws.account import rehearse
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


def bring(url: str, build: str) -> None:
    """Bring the image whose folder is in *build*; the machine that would judge it is left out."""
    os.environ["BAKERY_BUILD_DIR"] = build
    for module in (aws, lateness, published):
        vars(module)["FIRST_PAUSE_S"] = 0.02
    ebs.UNKNOWN_DEADLINE_S = 3.0
    approve.verify_image = lambda *_, **__: Verdict(asked=("test",) * 80, failures=())
    account = rehearse(endpoint=url, keys=(ACCESS_KEY, SECRET_KEY))
    order = Order(image="host", regions=REGIONS, fan_out=FanOut.UPLOAD)
    import_.bring(order, account=AwsCloud(account=account), console=Console())


def bring_aside(forks: ForkServerContext, url: str, build: Path) -> None:
    """Bring an image in a process of its own, to its end."""
    child = forks.Process(target=bring, args=(url, str(build)))
    child.start()
    child.join()
    assert child.exitcode == 0


def run(orders: Connection, url: str, build: str) -> None:
    """Bring an image as soon as something is sent."""
    orders.recv()
    bring(url, build)


warm()
