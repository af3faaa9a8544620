"""An image of this machine on its way to regions of AWS: as blocks to some, and as copies that AWS makes to others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bakery.catalog import catalog, record
from bakery.cloud.values import ImageState
from bakery.clouds.aws import desired, fan_out, parents, prices, published, register, removal, upload
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.destination import Target
from bakery.clouds.aws.fan_out import Choice
from bakery.clouds.aws.parents import Encryption
from bakery.clouds.aws.place import AwsPlace
from bakery.clouds.aws.register import Registration
from bakery.clouds.aws.upload import Sent
from bakery.core.console import Console
from bakery.core.errors import BakeryError, impossible
from bakery.core.parallel import everywhere, failed
from bakery.core.texts import counted
from bakery.definition import layers
from bakery.definition.model import Definition
from bakery.disk import boot_mode, digests
from bakery.disk.blocks import BLOCK_SIZE, opened
from bakery.disk.digests import Digests
from bakery.local.find import LocalImage
from bakery.places.shipment import FanOut, Parcel

LARGEST_GB = 16384
"""GiB of a volume that every instance type starts from (EBS user guide, "General Purpose SSD volumes", gp3)."""


@dataclass(frozen=True, kw_only=True)
class AwsShipment:
    """What is sent where; see `bakery.places.shipment.Shipment`."""

    image: LocalImage
    known: Digests
    account: Account
    regions: tuple[str, ...]
    """All that it goes to, home first."""
    targets: tuple[Target, ...]
    """Regions that blocks are sent to, the first is home; a region that has the image already is among them, too."""
    why_whole: dict[str, str]
    """By region, why the whole disk has to be sent there."""
    choice: Choice
    has: dict[str, str]
    """By region, the AMI that is there already."""
    boot_mode: str
    """EC2's word for what the disk can be started by."""
    is_read_back: bool
    sent: dict[str, Sent] = field(default_factory=dict)
    """By region, what this run has sent."""

    @property
    def home(self) -> AwsPlace:
        """Where it is verified."""
        return AwsPlace(region=self.targets[0].region)

    @property
    def places(self) -> Sequence[str]:
        """All that it goes to."""
        return self.regions

    @property
    def size(self) -> str:
        """How much there is of it."""
        return f"{counted(len(self.known.blocks), 'block')} of {BLOCK_SIZE} bytes"

    @property
    def way(self) -> str:
        """How it comes to the other regions."""
        return f"{self.choice.way} ({self.choice.why})"

    def rows(self) -> list[tuple[str, str, str]]:
        """Return a row for each region: its name, what is done, why."""
        rows = []
        by_name = {target.region.name: target for target in self.targets}
        for name in self.regions:
            target = by_name.get(name)
            if self.has.get(name):
                rows.append((name, f"nothing to send: {self.has[name]} is there", ""))
            elif target is None:
                rows.append((name, f"copy from {self.home.name}", ""))
            else:
                blocks = target.to_send(self.known)
                size = f"send {counted(len(blocks), 'block')}, {len(blocks) * BLOCK_SIZE / 1e6:.0f} MB"
                why = f"what differs from {target.parent.what}" if target.parent else self.why_whole[name]
                rows.append((name, size, why))
        return rows

    def send(self, *, console: Console) -> Mapping[str, BakeryError]:
        """Send to every target that has no AMI yet, and keep the digests for the release that comes next."""
        made, targets = self.image.made, [one for one in self.targets if one.region.name not in self.has]
        outcomes: dict[str, Sent | BakeryError] = {}
        if targets:
            with console.phase("upload"):
                outcomes = upload.upload(
                    self.image,
                    self.known,
                    targets,
                    account=self.account,
                    console=console,
                    is_verified=self.is_read_back,
                )
        path = catalog.digests_of(made.image, made.release, made.arch, is_rehearsal=self.account.is_rehearsal)
        digests.write(path, self.known)
        self.sent.update({name: one for name, one in outcomes.items() if isinstance(one, Sent)})
        return failed(outcomes)

    def make_home(self) -> None:
        """Make the AMI at home, unless it is there."""
        region = self.targets[0].region
        if region.name in self.sent:
            self._register(region)

    def make_others(self) -> Mapping[str, BakeryError]:
        """Make AMIs of what the other regions were sent; return why one has none."""
        others = [one.region for one in self.targets[1:] if one.region.name in self.sent]
        outcomes = everywhere(others, self._register)
        return failed(outcomes)

    def withdraw(self, *, console: Console) -> None:
        """Remove what the others were sent."""
        for target in self.targets[1:]:
            one = self.sent.get(target.region.name)
            if one is not None:
                console.say(f"{target.region.name}: removes {one.snapshot}, the image did not pass")
                removal.remove_snapshot(target.region, one.snapshot)

    def _register(self, region: Region) -> str:
        image, made = self.image, self.image.made
        release = record.entry(made, region=self.home.name, image=None)
        return register.register(
            region,
            Registration(
                name=made.name,
                description=desired.described(image.definition.description),
                arch=made.arch,
                snapshot=self.sent[region.name].snapshot,
                size_gb=max(made.size_gb, self.known.size_gb),
                boot_mode=self.boot_mode,
                tags=record.tags(release, image=made.image, own=image.definition.aws.tags),
            ),
        )


def require(image: str, regions: Sequence[Region]) -> None:
    """Raise BakeryError (exit code 2) for regions where an image could not be shared or encrypted as it is to be."""
    definition = layers.whole(image)
    for region in regions:
        desired.require_readable(definition, region.name)
        _encryption(definition, region.name)


def make(parcel: Parcel, *, account: Account, console: Console) -> AwsShipment:
    """Return what would be sent; nothing is changed.

    Raises BakeryError (exit code 2) for what AWS would refuse.
    """
    image, made, regions = parcel.image, parcel.image.made, account.require(parcel.places)
    definition = image.definition
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
    choice = _choose(parcel.fan_out, left, known=known, home=home)
    return AwsShipment(
        image=image,
        known=known,
        account=account,
        regions=tuple(region.name for region in regions),
        targets=(found[home.name][0], *(left if choice.way is FanOut.UPLOAD else ())),
        why_whole={name: f"the whole disk: {why}" for name, (_, why, _) in found.items()},
        choice=choice,
        has=has,
        boot_mode=mode,
        is_read_back=parcel.is_read_back,
    )


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
