"""An image of this machine on its way to zones of Scaleway: sent once to a bucket of each region, read by its zones.

The file in the bucket is named after the disk that it holds, and gone as soon as the zones have read it, whatever
happens; each zone's snapshot carries the release's name, so that whoever comes after a kill finds it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bakery.catalog import record
from bakery.cloud import naming
from bakery.cloud.values import ImageState
from bakery.clouds.scaleway import buckets, images, packing, snapshots, upload
from bakery.clouds.scaleway.account import Account, Zone
from bakery.clouds.scaleway.buckets import Bucket
from bakery.clouds.scaleway.place import ScalewayPlace
from bakery.clouds.scaleway.progress import Meter
from bakery.clouds.scaleway.snapshots import Arrival
from bakery.core.console import Console
from bakery.core.errors import BakeryError, impossible
from bakery.core.parallel import everywhere, failed
from bakery.definition import layers
from bakery.definition.scaleway import Volume
from bakery.local.find import LocalImage
from bakery.places.shipment import FanOut, Parcel

LARGEST_BYTES = 10**12
"""Of a file that a snapshot is read from (Scaleway's docs, "Importing and exporting snapshots")."""


@dataclass(frozen=True, kw_only=True)
class ScalewayShipment:
    """What is sent where; see `bakery.places.shipment.Shipment`."""

    image: LocalImage
    zones: tuple[Zone, ...]
    """All that it goes to, home first."""
    has: dict[str, str]
    """By zone, the image that is there already."""
    whole: frozenset[str]
    """Zones that have its snapshot from an earlier run."""
    size_gb: int
    """Of the disk, in GiB."""
    sent: dict[str, str] = field(default_factory=dict)
    """By zone, the snapshot that this run has found or made."""

    @property
    def home(self) -> ScalewayPlace:
        """Where it is judged."""
        return ScalewayPlace(zone=self.zones[0])

    @property
    def places(self) -> Sequence[str]:
        """All that it goes to."""
        return [zone.name for zone in self.zones]

    @property
    def size(self) -> str:
        """How much there is of it."""
        return f"{self.image.artifact.disk.stat().st_size / 1e6:.0f} MB of qcow2"

    @property
    def way(self) -> str:
        """How it comes to the other zones."""
        regions = dict.fromkeys(zone.region for zone in self.zones)
        return f"{FanOut.UPLOAD} (once to a bucket in {', '.join(regions)}; Scaleway copies nothing by itself)"

    def rows(self) -> list[tuple[str, str, str]]:
        """Return a row for each zone: its name, what is done, why."""
        rows = []
        for zone in self.zones:
            if self.has.get(zone.name):
                rows.append((zone.name, f"nothing to send: {self.has[zone.name]} is there", ""))
            elif zone.name in self.whole:
                rows.append((zone.name, "nothing to send: its snapshot is there", "of a run that did not end"))
            else:
                rows.append((zone.name, f"read it from the bucket in {zone.region}", self.size))
        return rows

    def send(self, *, console: Console) -> Mapping[str, BakeryError]:
        """Bring a snapshot to every zone that has no image yet; return why one has none.

        Raises BakeryError when the disk cannot be packed. That is done in the main thread, where Ctrl-C ends it.
        """
        lacking = [ScalewayPlace(zone=zone) for zone in self.zones if zone.name not in self.has]
        first = {place.zone.region: place for place in lacking if place.name not in self.whole}
        if first:
            with console.phase("pack"):
                packing.pack(self.image, console=console)
        try:
            with console.phase("upload"):
                put = everywhere([*first.values()], lambda place: self._put(place.zone, console=console))
            by_region = {region: put[place.name] for region, place in first.items()}
            outcomes: dict[str, object] = {
                place.name: by_region.get(place.zone.region) for place in lacking if place.name not in self.whole
            }
            able = [place for place in lacking if not isinstance(outcomes.get(place.name), BakeryError)]
            with console.phase("snapshots"):
                outcomes |= everywhere(able, lambda place: self._arrive(place.zone))
        finally:
            # Not at a Ctrl-C: what has arrived is what the next run goes on with.
            if lacking and not lacking[0].zone.account.stop.is_set():
                self._forget(lacking)
        self.sent.update({name: one for name, one in outcomes.items() if isinstance(one, str)})
        lost = failed(outcomes)
        if not lost:
            packing.file_of(self.image).unlink(missing_ok=True)
        return lost

    def make_home(self) -> None:
        """Make the image at home, unless it is there."""
        if self.zones[0].name in self.sent:
            self._register(self.zones[0])

    def make_others(self) -> Mapping[str, BakeryError]:
        """Make images of what the other zones were sent; return why one has none."""
        others = [ScalewayPlace(zone=zone) for zone in self.zones[1:] if zone.name in self.sent]
        outcomes = everywhere(others, lambda place: self._register(place.zone))
        return failed(outcomes)

    def withdraw(self, *, console: Console) -> None:
        """Remove what the others were sent."""
        for zone in self.zones[1:]:
            one = self.sent.get(zone.name)
            if one is not None:
                console.say(f"{zone.name}: removes {one}, the image did not pass")
                snapshots.remove(zone, one)

    def _put(self, zone: Zone, *, console: Console) -> None:
        """Send the file to the bucket of a zone's region."""
        bucket = self._bucket(zone)
        buckets.require(bucket)
        source = upload.of_file(packing.file_of(self.image))
        upload.send(bucket, packing.key_of(self.image), source, meter=Meter(console, total=source.size))

    def _arrive(self, zone: Zone) -> str:
        """Return the id of a zone's snapshot as soon as it is whole."""
        arrival = Arrival(
            name=self.image.made.name,
            bucket=self._buckets.get(zone.region, ""),
            key=packing.key_of(self.image),
            size_gb=self.size_gb,
            volume=_volume(self.image, zone),
            tags={**self._tags(), naming.DISK: self.image.disk_sha256},
        )
        snapshot = snapshots.read_in(zone, arrival)
        snapshots.wait_completed(zone, snapshot)
        return snapshot

    def _forget(self, lacking: Sequence[ScalewayPlace]) -> None:
        """Remove the file wherever it is, be it from a run that did not end."""
        for place in {place.zone.region: place for place in lacking}.values():
            if place.zone.region in self._buckets:
                buckets.forget(self._bucket(place.zone), packing.key_of(self.image))

    def _bucket(self, zone: Zone) -> Bucket:
        return buckets.of(zone, self._buckets, image=self.image.made.image)

    @property
    def _buckets(self) -> Mapping[str, str]:
        return self.image.definition.scaleway.buckets

    def _tags(self) -> dict[str, str]:
        made = self.image.made
        release = record.entry(made, region=self.zones[0].name, image=None)
        return record.tags(release, image=made.image, own=self.image.definition.scaleway.tags)

    def _register(self, zone: Zone) -> str:
        made = self.image.made
        return images.make(zone, made.name, snapshot=self.sent[zone.name], arch=made.arch, tags=self._tags())


def require(image: str, zones: Sequence[Zone]) -> None:
    """Raise BakeryError for zones that an image could not be brought to: exit code 2, or 3 without its bucket."""
    definition = layers.whole(image)
    for zone in zones:
        if not zone.has_blocks and definition.scaleway.volume_type is Volume.BLOCK:
            hint = f'scaleway.volume_type = "{Volume.LOCAL}" in images/{image}.toml, or another --region'
            raise impossible(f"{zone.name} has no block storage", hint=hint)
        buckets.of(zone, definition.scaleway.buckets, image=image)
    for region in dict.fromkeys(zone.region for zone in zones):
        first = next(zone for zone in zones if zone.region == region)
        buckets.require(buckets.of(first, definition.scaleway.buckets, image=image))


def make(parcel: Parcel, *, account: Account) -> ScalewayShipment:
    """Return what would be sent; nothing is changed. Raises BakeryError (exit code 2) for what would be refused."""
    image, zones = parcel.image, account.require(parcel.places)
    if parcel.fan_out is FanOut.COPY:
        raise impossible("--fan-out copy: Scaleway copies nothing from zone to zone", hint="--fan-out auto")
    if parcel.is_read_back:
        raise impossible("--verify-upload: Scaleway shows nobody the blocks of a snapshot", hint="leave it out")
    size = packing.bytes_in(image.artifact.disk)
    if size > LARGEST_BYTES:
        said = f"{image.artifact.disk.name} is {size / 1e12:.1f} TB large, and Scaleway reads 1 TB at most"
        raise impossible(said, hint=f"disk.size_gb in images/{image.made.image}.toml")

    def look(place: ScalewayPlace) -> tuple[str, bool]:
        there = images.find(place.zone, image.made.name)
        has = there.id if there is not None and there.state != ImageState.FAILED else ""
        return has, not has and snapshots.find(place.zone, image.made.name) is not None

    found: dict[str, tuple[str, bool]] = {}
    for name, outcome in everywhere([ScalewayPlace(zone=zone) for zone in zones], look).items():
        if isinstance(outcome, BakeryError):
            raise outcome
        found[name] = outcome
    require(image.made.image, [zone for zone in zones if found[zone.name] == ("", False)])
    return ScalewayShipment(
        image=image,
        zones=tuple(zones),
        has={name: has for name, (has, _) in found.items() if has},
        whole=frozenset(name for name, (_, is_whole) in found.items() if is_whole),
        size_gb=-(-size // 2**30),
    )


def _volume(image: LocalImage, zone: Zone) -> Volume:
    return image.definition.scaleway.volume_type if zone.has_blocks else Volume.LOCAL
