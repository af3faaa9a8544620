"""What a shipment to AWS refuses before anything is sent; what it shows is in test_import_."""

from pathlib import Path

import pytest

from bakery.clouds.aws import shipping
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.shipping import LARGEST_GB
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.disk import digests
from bakery.disk.digests import Digests
from bakery.local import find
from bakery.places.shipment import FanOut, Parcel
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import ACCOUNT
from tests import local_images, releases
from tests.aws_account import account_of
from tests.local_images import FIRST_FREE, content
from tests.releases import DUBLIN, LONDON

ALIAS = f"arn:aws:kms:{DUBLIN}:{ACCOUNT}:alias/images"


@pytest.fixture
def account(cloud: Rehearsal, tmp_path: Path) -> Account:
    local_images.baked(tmp_path, {FIRST_FREE: content("block")}, release="20260105-0415-0123456789ab")
    return account_of(cloud)


def refused(account: Account, *regions: str) -> BakeryError:
    parcel = Parcel(image=find.find("host", base=""), places=regions, fan_out=FanOut.AUTO)
    with pytest.raises(BakeryError) as caught:
        shipping.make(parcel, account=account, console=Console())
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    return caught.value


def test_a_key_that_is_named_by_an_alias_is_refused_with_the_way_to_its_own_name(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = releases.definition(encrypt=True, kms_keys={DUBLIN: ALIAS})
    monkeypatch.setattr(layers, "chain", lambda name, **_: [definition])
    error = refused(account, LONDON, DUBLIN)
    assert error.message == f"{DUBLIN}: {ALIAS} is an alias, and EBS takes the key's own ARN alone"
    assert error.hint == f"aws kms describe-key --region {DUBLIN} --key-id {ALIAS}"


def test_a_disk_that_no_machine_could_start_from_is_refused(account: Account) -> None:
    found = find.find("host", base="")
    too_large = Digests(disk_sha256=found.disk_sha256, size_gb=LARGEST_GB + 1, blocks={})
    digests.write(found.artifact.blocks, too_large)
    error = refused(account, LONDON)
    assert error.message.endswith(f"is {LARGEST_GB + 1} GiB large, and AWS starts from {LARGEST_GB} at most")
    assert error.hint == "disk.size_gb in images/host.toml"


def test_a_region_that_does_not_exist_is_refused(account: Account) -> None:
    error = refused(account, "eu-wset-2")
    assert (error.message, error.hint) == ("there is no region 'eu-wset-2'", "did you mean 'eu-west-2'?")
