"""Nights that boot nothing: an archive on this machine, and a Packer and a judge that install what it has just then."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bakery.catalog.record import Made
from bakery.cloud import naming
from bakery.clouds.aws import baking
from bakery.clouds.aws.account import Region
from bakery.contents import kept
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import BaseName
from bakery.guests.suite import Verdict
from bakery.places.baking import Baking
from bakery.places.place import Place
from bakery.release import approve, plan
from bakery.release.approve import Subject
from bakery.sources import apt
from bakery.sources.apt import AptSource, Mirrors, Origin
from tests import manifests
from tests.loopback import Loopback

BASE = BaseName.DEBIAN_12
SUITES = ("bookworm", "bookworm-security")


@dataclass
class Kitchen:
    """What a bake installs, what was asked of it, and how the judge is disposed."""

    archive: Loopback
    versions: dict[str, str] = field(default_factory=lambda: {"bash": "5.2", "openssl": "3.0.15", "nginx": "1.22.1"})
    night: int = 1
    packed: list[str] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    judged_in: list[str] = field(default_factory=list)
    rejected_in: str = ""
    """The place where nothing passes."""
    is_broken: bool = False
    rejections: int = 0
    """How often the judge still refuses, whatever it sees."""
    _holds: dict[str, dict[str, str]] = field(default_factory=dict)

    def stock(self, *, security: dict[str, str] | None = None, fields: str = "") -> None:
        """Put what the archive has on its shelves, some of it as security updates."""
        self.versions |= security or {}
        plain = {name: [version] for name, version in self.versions.items() if name not in (security or {})}
        self.archive.add_suite("/debian", "bookworm", plain, fields=fields)
        urgent = {name: [version] for name, version in (security or {}).items()} or {"nothing": ["1"]}
        self.archive.add_suite("/debian", "bookworm-security", urgent, fields=fields)

    def release_name(self, digest: str) -> str:
        return f"202611{self.night:02d}-0415-{digest[:12]}"

    def pack(self, region: Region, asked: Baking, **_: object) -> str:
        self.packed.append(asked.definition.name)
        volume = region.ec2("create_volume", AvailabilityZone=f"{region.name}a", Size=40)["VolumeId"]
        disk = {"SnapshotId": region.ec2("create_snapshot", VolumeId=volume)["SnapshotId"]}
        answer = region.ec2(
            "register_image",
            Name=asked.made.name,
            Architecture="x86_64",
            RootDeviceName="/dev/xvda",
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": disk}],
        )
        # What is there already is left alone, as the steps of a layer do.
        holds = self.versions | self._holds.get(asked.source_image, {})
        self._holds |= {str(answer["ImageId"]): holds, asked.made.name: holds}
        return str(answer["ImageId"])

    def judge(self, place: Place, subject: Subject, *_: object, **__: object) -> Verdict:
        made = subject.made
        self.judged.append(made.image)
        self.judged_in.append(place.name)
        if self.is_broken or place.name == self.rejected_in or self.rejections > 0:
            self.rejections -= 1
            raise BakeryError("the image did not pass 1 of 80 tests", exit_code=ExitCode.REJECTED)
        self.tell(made)
        return Verdict(asked=("test",) * 80)

    def tell(self, made: Made) -> None:
        """Write down what a release holds, as the machine that is judged tells it."""
        holds = self._holds[naming.name(made.image, made.release, made.arch)]
        packages = tuple(manifests.a_package(name, version) for name, version in sorted(holds.items()))
        path = kept.of_release(made.image, made.release, made.arch, is_rehearsal=True)
        kept.write(path, manifests.of(made, packages=packages))


def kitchen(archive: Loopback, folder: Path, patch: pytest.MonkeyPatch) -> Kitchen:
    """Return a kitchen in the place of Packer and the judge, whose archive is this machine's mirror.

    Its images, `host` and on it `shop`, are defined in a folder of their own: they need no other archive.
    """
    folder.mkdir()
    (folder / "host.toml").write_text('base = "debian-12"\nsteps = ["nginx"]\n')
    (folder / "shop.toml").write_text('from = "host"\npackages = ["bash"]\n')
    patch.setattr("bakery.definition.layers.chain.__kwdefaults__", {"folder": folder, "arch": None})
    patch.setattr("bakery.definition.layers.whole.__kwdefaults__", {"folder": folder})
    patch.setattr("bakery.definition.layers.names.__defaults__", (folder,))
    made = Kitchen(archive=archive)
    made.stock()
    own = tuple(AptSource(uri=f"{archive.url}/debian", suite=suite, components=("main",)) for suite in SUITES)
    patch.setattr(apt, "mirrors_for", lambda _: Mirrors(origin=Origin.HOST, sources=own))
    patch.setattr(plan, "release_name", made.release_name)
    patch.setattr(baking, "bake", made.pack)
    patch.setattr(approve, "verify_image", made.judge)
    return made
