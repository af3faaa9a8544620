"""A release is judged again where it is, also one that was baked on this machine and sent up; no machine boots."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bakery.catalog import catalog
from bakery.cloud.values import Image
from bakery.clouds.aws import lateness, published
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import BaseFrom
from bakery.guests.suite import Verdict
from bakery.local import plan
from bakery.places.place import Place
from bakery.rehearsal.server import Rehearsal
from bakery.release import approve, import_, verify
from bakery.release.approve import Subject
from bakery.sources import apt
from bakery.sources.apt import AptSource, Mirrors, Origin
from tests import local_images
from tests.aws_account import account_of
from tests.local_images import BASE, FIRST_FREE, content

HOME, OTHER = "eu-west-2", "eu-west-1"
DAYS = ("20260105-0415", "20260106-0415")
SOURCE = AptSource(uri="http://mirror.example/ubuntu", suite="noble", components=("main",))


@dataclass
class Judge:
    """Who was judged, where, and with what it was."""

    judged: list[tuple[str, str]] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)

    def verdict(self, place: Place, subject: Subject, image: Image, **_: object) -> Verdict:
        self.judged.append((place.name, image.id))
        self.subjects.append(subject)
        return Verdict(asked=("test",) * 80)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    found = Judge()
    monkeypatch.setattr(approve, "verify_image", found.verdict)
    return found


@pytest.fixture
def account(cloud: Rehearsal, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> AwsCloud:
    for module in (published, lateness):
        monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    set_mirror(monkeypatch, SOURCE)
    return AwsCloud(account=account_of(cloud))


def set_mirror(monkeypatch: pytest.MonkeyPatch, source: AptSource) -> None:
    monkeypatch.setattr(apt, "mirrors_for", lambda _: Mirrors(origin=Origin.HOST, sources=(source,)))


def sent_up(
    account: AwsCloud, folder: Path, *, base_from: BaseFrom = BaseFrom.ARCHIVE, day: str = DAYS[0]
) -> catalog.Release:
    """Bring an image of today's definition, as a bake on this machine would have left it, to both regions."""
    digest = plan.make(plan.Order(image="host", base=BASE, base_from=base_from)).fingerprint
    name = f"{day}-{digest[:12]}"
    local_images.baked(folder, {FIRST_FREE: content(day)}, release=name, fingerprint=digest)
    order = import_.Order(image="host", regions=(HOME, OTHER), base=BASE)
    return import_.bring(order, account=account, console=Console())


def ask(account: AwsCloud, *, release: str = "") -> None:
    order = verify.Order(image="host", release=release, regions=(OTHER,))
    verify.verify(order, account=account, console=Console())


@pytest.mark.parametrize("base_from", BaseFrom)
def test_a_release_that_was_sent_up_from_here_is_judged_again_like_any_other(
    account: AwsCloud, judge: Judge, tmp_path: Path, base_from: BaseFrom
) -> None:
    release = sent_up(account, tmp_path, base_from=base_from)
    judge.judged.clear()
    ask(account)
    assert judge.judged == [(OTHER, release.places[OTHER].image_id)]
    first, again = judge.subjects
    assert (again.made.name, again.made.fingerprint) == (first.made.name, release.fingerprint)
    assert again.user == first.user
    assert f"BAKERY_RELEASE={release.release}\n" in again.settings
    assert f"BAKERY_BUILD_USER={again.user}\n" in again.settings


def refused(account: AwsCloud, judge: Judge, *, release: str = "") -> str:
    judge.judged.clear()
    with pytest.raises(BakeryError) as caught:
        ask(account, release=release)
    assert (caught.value.exit_code, judge.judged) == (ExitCode.IMPOSSIBLE, [])
    return caught.value.message


def test_one_that_a_bake_here_would_not_make_is_not_judged_by_todays_tests(
    account: AwsCloud, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_up(account, tmp_path)
    set_mirror(monkeypatch, AptSource(uri="http://other.example/ubuntu", suite="noble", components=("main",)))
    assert "or was baked on a machine with other package sources" in refused(account, judge)


def test_nor_is_one_that_another_of_the_same_definition_followed(
    account: AwsCloud, judge: Judge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (sent_up(account, tmp_path, day=day) for day in DAYS)
    assert "or not the newest of it" in refused(account, judge, release=first.release)
    told = f"{OTHER}: failed: host {first.release} is of another definition"
    assert [line.count(OTHER) for line in capsys.readouterr().err.splitlines() if told in line] == [1]
    ask(account, release=second.release)
    assert judge.judged == [(OTHER, second.places[OTHER].image_id)]
