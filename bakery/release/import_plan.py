"""What bringing a local image to AWS would do, decided before anything is sent; nothing here changes anything there."""

from collections.abc import Sequence
from dataclasses import dataclass

from bakery.catalog import catalog
from bakery.catalog.record import Made
from bakery.cloud.values import ImageState
from bakery.clouds.aws import desired, fan_out, parents, prices, published, upload
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.destination import Target
from bakery.clouds.aws.fan_out import Choice, FanOut
from bakery.clouds.aws.parents import Encryption
from bakery.core.console import Console
from bakery.core.errors import BakeryError, impossible
from bakery.core.parallel import everywhere
from bakery.definition import layers
from bakery.definition.model import Definition
from bakery.disk import boot_mode
from bakery.disk.blocks import BLOCK_SIZE, opened
from bakery.disk.digests import Digests
from bakery.local import find
from bakery.local.find import LocalImage

LARGEST_GB = 16384
"""GiB of a volume that every instance type starts from (EBS user guide, "General Purpose SSD volumes", gp3)."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for; the first region judges it, the others get blocks or copies."""

    image: str
    regions: tuple[str, ...]
    base: str = ""
    fan_out: FanOut = FanOut.AUTO
    is_read_back: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would be sent where."""

    image: LocalImage
    known: Digests
    home: Region
    targets: tuple[Target, ...]
    """Regions that blocks are sent to, the first is home; a region that has the image already is among them, too."""
    why_whole: dict[str, str]
    """By region, why the whole disk has to be sent there."""
    choice: Choice
    has: dict[str, str]
    """By region, the AMI that is there already."""
    boot_mode: str
    """EC2's word for what the disk can be started by."""

    def rows(self, order: Order) -> list[tuple[str, str, str]]:
        """Return a row for each region: its name, what is done, why."""
        rows = []
        by_name = {target.region.name: target for target in self.targets}
        for name in dict.fromkeys((self.home.name, *order.regions)):
            target = by_name.get(name)
            if self.has.get(name):
                rows.append((name, f"nothing to send: {self.has[name]} is there", ""))
            elif target is None:
                rows.append((name, f"copy from {self.home.name}", ""))
            else:
                blocks = target.to_send(self.known)
                size = f"send {len(blocks)} blocks, {len(blocks) * BLOCK_SIZE / 1e6:.0f} MB"
                why = f"what differs from {target.parent.what}" if target.parent else self.why_whole[name]
                rows.append((name, size, why))
        return rows


def require(order: Order, *, account: Account) -> None:
    """Raise BakeryError for what would be refused after minutes of baking: regions, credentials, keys."""
    definition = layers.whole(order.image)
    desired.require_readable(definition, order.regions)
    for region in account.require(order.regions):
        _encryption(definition, region.name)


def make(order: Order, *, account: Account, console: Console) -> Plan:
    """Return what an import would do; nothing is changed.

    Raises BakeryError (exit code 2) for what cannot be asked for, such as an image that was not baked here.
    """
    image = find.find(order.image, base=order.base)
    definition, made = image.definition, image.made
    regions = account.require(_home_first(order, made, is_rehearsal=account.is_rehearsal))
    with console.phase("digests"):
        known = upload.read_digests(image, console=console)
    with opened(image.artifact.disk) as disk:
        mode = boot_mode.boot_mode(disk.read(0), made.arch)
    if known.size_gb > LARGEST_GB:
        raise impossible(
            f"{image.artifact.disk.name} is {known.size_gb} GiB large, and AWS starts from {LARGEST_GB} at most",
            hint=f"disk.size_gb in images/{made.image}.toml",
        )
    among = parents.candidates(made, is_rehearsal=account.is_rehearsal)

    def look(region: Region) -> tuple[Target, str, str]:
        there = published.find(region, name=made.name)
        encryption = _encryption(definition, region.name)
        parent, why = parents.find(region, among, encryption=encryption, size_gb=known.size_gb)
        has = there.id if there is not None and there.state != ImageState.FAILED else ""
        return Target(region=region, parent=parent, encryption=encryption), why, has

    found: dict[str, tuple[Target, str, str]] = {}
    for name, outcome in everywhere(regions, look).items():
        if isinstance(outcome, BakeryError):
            raise outcome
        found[name] = outcome
    has = {name: there for name, (_, _, there) in found.items() if there}
    home, *others = regions
    left = [found[region.name][0] for region in others if region.name not in has]
    choice = _choose(order.fan_out, left, known=known, home=home)
    return Plan(
        image=image,
        known=known,
        home=home,
        targets=(found[home.name][0], *(left if choice.way is FanOut.UPLOAD else ())),
        why_whole={name: f"the whole disk: {why}" for name, (_, why, _) in found.items()},
        choice=choice,
        has=has,
        boot_mode=mode,
    )


def _home_first(order: Order, made: Made, *, is_rehearsal: bool) -> list[str]:
    """Return the regions, that one first in which the release is already judged or being judged."""
    known = catalog.read(made.image, is_rehearsal=is_rehearsal)
    homes = [one.baked_in for one in known.releases if (one.release, one.arch) == (made.release, made.arch)]
    return list(dict.fromkeys((*homes, *order.regions)))


def _encryption(definition: Definition, region: str) -> Encryption:
    key = definition.aws.kms_keys.get(region, "")
    if ":alias/" in key:
        raise impossible(
            f"{region}: {key} is an alias, and EBS takes the key's own ARN alone",
            hint=f"aws kms describe-key --region {region} --key-id {key}",
        )
    return Encryption(is_on=definition.aws.encrypt, kms_key=key)


def _choose(asked: FanOut, others: Sequence[Target], *, known: Digests, home: Region) -> Choice:
    blocks = [len(target.to_send(known)) for target in others]
    stored_gb = len(known.blocks) * BLOCK_SIZE / 2**30
    usd = prices.copy_cost(home.name, stored_gb=stored_gb, of=prices.table())
    return fan_out.choose(asked, blocks, block_size=BLOCK_SIZE, copy_usd=None if usd is None else usd * len(others))
