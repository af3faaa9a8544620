"""docs/iam/bake.json: enough for a whole bake with the real Packer, and no entry of it can be left out.

Each entry is left out of a bake of its own, and all of these run at the same time on one rehearsal. No machine boots:
Packer logs in nowhere, and whoever judges machines says yes to all.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bakery.clouds.aws import base_images, groups, published
from bakery.clouds.aws import packer as amazon
from bakery.clouds.aws.account import Account, Region, rehearse
from bakery.clouds.aws.base_images import FoundBy
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.aws.packer import Build
from bakery.contents import collect
from bakery.core import folders, process
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition import bases, layers
from bakery.definition.aws import Aws
from bakery.definition.bases import Arch
from bakery.definition.model import Definition
from bakery.disk.artifact import Artifact
from bakery.guests import guest, suite
from bakery.guests.suite import Verdict
from bakery.packer.engine import Packer
from bakery.packer.workspace import Workspace
from bakery.rehearsal import base_disk, service
from bakery.rehearsal.server import serving
from bakery.release import bake as region_bake
from tests import manifests
from tests.aws_account import forget_aws
from tests.iam_questions import action_of
from tests.own_account import TABLE, builds
from tests.policing import Police, entries, policing, together
from tests.releases import BOTH, LONDON

AT_ONCE = 6
BASE = bases.base("debian-12")
MOST_REFUSALS = 4
"""Of one user, until its Packer is interrupted."""
LIMIT_S, GRACE_S = 90.0, 10.0
HEARING_S = 3.0
"""How long a Packer may take, on a busy machine, to notice Ctrl-C."""
TODAYS_PACKER = "bake TodaysPackerTagsItsImageAtOnce "
"""What the installed Packer 1.6 does not need; a newer one tags an image with the tags of its run as it is made, so
that it is neither nameless nor ours (stepCreateAMI in builder/ebs of hashicorp/packer-plugin-amazon)."""
FOR_SPOT = ("bake StartSpotMachines ", "bake RemoveTheTemplateOfASpotMachine ")
FOR_CTRL_C = ("bake FinishWhatPackerHasNotNamedYet ec2:Deregister", "bake FinishWhatPackerHasNotNamedYet ec2:Delete")
REPEATED = "bake Look ec2:DescribeInstances"
"""What Packer 1.6.6 asks again for hours where it is refused."""
AFTERWARDS = {"bake ChangeWhatIsOurs ec2:CreateTags": {"ec2:DeregisterImage"}}
"""What is refused, too, when Packer cleans up: a tagged image of ours stays, for the next bake to find."""
QUIET = {
    "bake FindTheBase ssm:GetParameter": "the base was found by its name",
    "bake Look ec2:DescribeVolumes": "Error describing volumes",
    "bake RemoveTheTemplateOfASpotMachine ec2:DeleteLaunchTemplate": "not authorized to perform: ec2:DeleteLaunch",
    "bake UseTheMachinesOfARun ec2:GetConsoleOutput": "nobody sees the console",
}
"""Entries whose absence no bake fails of, and what is worse without them."""
ENTRIES = [entry for entry in entries("bake") if not entry.startswith(TODAYS_PACKER)]
WHOLE, SPOT, CTRL_C, OWN = "whole", "spot", "ctrl-c", "own"
OPTIONS = ("network", "profile", "tags")
"""What a definition needs beside the policy of bakes when it asks for networks, profiles and tags of one's own."""
OF_OTHERS = ("tags TodaysPackerTagsItsImageAtOnce ", "tags TagALaunchTemplate ", "tags TagWhatIsOurs ")
"""What the installed Packer 1.6 does not need, as above, and what only `publish` and `promote` do."""
OPTIONAL = [one for option in OPTIONS for one in entries(option) if not one.startswith(OF_OTHERS)]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A bake of an image of that name, as a user whose policy lacks an entry, or none."""

    name: str
    without: str = ""

    @property
    def is_spot(self) -> bool:
        return self.name == SPOT or self.without.startswith(FOR_SPOT)

    @property
    def is_own(self) -> bool:
        return self.name == OWN or self.without in OPTIONAL

    @property
    def is_interrupted(self) -> bool:
        return self.name == CTRL_C or self.without.startswith(FOR_CTRL_C)


CASES = [
    *(Case(name=name) for name in (WHOLE, SPOT, CTRL_C, OWN)),
    *(Case(name=f"case-{number}", without=entry) for number, entry in enumerate([*ENTRIES, *OPTIONAL])),
]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a case: why it failed, if it did; what its user was refused; how many images it has left."""

    error: str
    refused: Sequence[str]
    images: int
    log: str


@dataclass(kw_only=True)
class Stage:
    """All cases on one rehearsal."""

    police: Police
    cases: dict[str, Case] = field(default_factory=dict)
    """By the access key of their users."""
    packers: dict[str, int] = field(default_factory=dict)
    """Process groups of the Packers that run, likewise."""

    def hire(self, case: Case) -> Account:
        """Return the account as a user who may do what a case has left."""
        keys = self.police.hire(together("bake", *(OPTIONS if case.is_own else ()), without=case.without))
        self.cases[keys[0]] = case
        return rehearse(endpoint=self.police.cloud.url, keys=keys, ports=service.PORTS)

    def play(self, case: Case, account: Account) -> Outcome:
        """Bake as a case has it."""
        error = ""
        log = Artifact(image=case.name, base=BASE.name, folder=folders.build_dir(case.name, LONDON)).log
        try:
            bake(case, account)
        except BakeryError as caught:
            error = caught.message
        return Outcome(
            error=error,
            refused=[action for key, action in self.police.refused if self.cases[key] is case],
            images=sum(f"/{case.name}/" in one.name for one in self.police.cloud.world.images.values()),
            log=log.read_text() if log.exists() else "",
        )

    @contextmanager
    def watched(self, key: str, child: Any) -> Iterator[None]:
        """Interrupt a user's Packer when it only repeats itself, and after LIMIT_S; kill it GRACE_S later."""
        over, ends = threading.Event(), time.monotonic() + LIMIT_S

        def watch() -> None:
            while not over.wait(0.1):
                if sum(one == key for one, _ in self.police.refused) >= MOST_REFUSALS or time.monotonic() > ends:
                    os.killpg(child.pid, signal.SIGINT)
                    # Who may not describe instances never sees them end, and Packer waits for that for two hours.
                    if not over.wait(GRACE_S):
                        os.killpg(child.pid, signal.SIGKILL)
                    return

        self.packers[key] = child.pid
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def hold(self, call: Any) -> None:
        """Press Ctrl-C, where that is the case, as Packer finishes its image; it hears of that before our answer."""
        case = self.cases.get(call.access_key)
        if case and case.is_interrupted and action_of(call) == "ModifyImageAttribute":
            os.killpg(self.packers[call.access_key], signal.SIGINT)
            time.sleep(HEARING_S)


def bake(case: Case, account: Account) -> None:
    """Bake in one region and copy to another; what fails nothing is raised all the same."""
    order = region_bake.Order(image=case.name, regions=BOTH, base=BASE.name)
    region_bake.bake(order, account=AwsCloud(account=account), console=Console())
    found = base_images.newest(account.region(LONDON), BASE, Arch.AMD64)
    if found.found_by is not FoundBy.SSM:
        raise BakeryError("the base was found by its name")


def definition(name: str) -> Definition:
    case = next(one for one in CASES if one.name == name)
    more = TABLE if case.is_own else {"share_with": ["210987654321"], "spot": case.is_spot}
    aws = Aws.model_validate({"regions": list(BOTH), **more})
    return layers.load("host").model_copy(update={"name": name, "aws": aws})


def judge(argv: Sequence[str], *, env: Mapping[str, str], console: Console, log: Path) -> Verdict:
    """Stand in for the tests of an image on a machine."""
    if not env["BAKERY_CONSOLES"]:
        raise BakeryError("nobody sees the console")
    return Verdict(asked=("test",) * 1, failures=())


def take_login_out(folder: Path) -> None:
    """Let Packer log in nowhere and take no steps."""
    source, image = folder / "source.pkr.hcl", folder / "image.pkr.hcl"
    source.write_text(source.read_text().replace("  ssh_interface ", '  communicator = "none"\n  ssh_interface '))
    head, _, steps = image.read_text().partition("\n  # cloud-init ends")
    image.write_text(head + steps[steps.index('\n  post-processor "manifest"') :])


def stand_in(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    """Put something in the place of all that needs a machine or a base's disk, and let each user have own groups."""
    prepare, start, group, check = amazon.prepare, process.start, groups.group, stage.police.check

    def without_login(space: Workspace, build: Build, *, packer: Packer) -> None:
        prepare(space, build, packer=packer)
        take_login_out(space.folder)

    @contextmanager
    def started(argv: Sequence[str], **told: Any) -> Iterator[Any]:
        with start(argv, **told) as child:
            if list(argv[:2]) != ["packer", "build"]:
                yield child
                return
            with stage.watched(told["env"]["AWS_ACCESS_KEY_ID"], child):
                yield child

    def own_group(region: Region, *, name: str, **told: Any) -> str:
        return group(region, name=f"{name}-{region.account.session.get_credentials().access_key}", **told)

    def checked(call: Any, *told: Any) -> None:
        stage.hold(call)
        check(call, *told)

    patch.setattr(stage.police, "check", checked)
    patch.setattr(amazon, "prepare", without_login)
    patch.setattr(process, "start", started)
    patch.setattr(groups, "group", own_group)
    patch.setattr(suite, "judge", judge)
    patch.setattr(collect, "of", lambda _one, made, *, machine: manifests.of(made, machine=machine))
    patch.setattr(guest, "wait_for_ssh", lambda guests, *, accelerator: 0.0)
    patch.setattr(base_disk, "lend", lambda image, *, base, console: None)
    patch.setattr(layers, "chain", lambda name: [definition(name)])
    patch.setattr(layers, "whole", definition)
    patch.setattr(amazon, "POLL_S", 1)
    patch.setattr(published, "FIRST_PAUSE_S", 0.1)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """Give what came of each case, by its name or by the entry that it lacks."""
    folder = tmp_path_factory.mktemp("iam")
    with pytest.MonkeyPatch.context() as patch, serving() as cloud, policing(cloud) as police:
        forget_aws(patch, home=folder)
        patch.setenv("BAKERY_BUILD_DIR", str(folder / "build"))
        stage = Stage(police=police)
        builds(police.owner.region(LONDON))
        stand_in(stage, patch)
        hired = [(case, stage.hire(case)) for case in CASES]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(lambda one: stage.play(*one), hired)
            yield {case.without or case.name: outcome for case, outcome in zip(CASES, found, strict=True)}


@pytest.mark.parametrize("name", [WHOLE, SPOT, OWN])
def test_the_policy_is_enough_for_a_bake_and_its_publication(outcomes: dict[str, Outcome], name: str) -> None:
    assert (outcomes[name].error, outcomes[name].refused) == ("", [])
    assert outcomes[name].images == len(BOTH)


def test_an_interrupted_packer_may_clean_up(outcomes: dict[str, Outcome]) -> None:
    assert "packer failed" in outcomes[CTRL_C].error
    assert (outcomes[CTRL_C].refused, outcomes[CTRL_C].images) == ([], 0)


@pytest.mark.parametrize("entry", [*ENTRIES, *OPTIONAL])
def test_no_entry_can_be_left_out(outcomes: dict[str, Outcome], entry: str) -> None:
    outcome = outcomes[entry]
    assert outcome.refused[0] == entry.split()[2]
    assert {*outcome.refused[1:]} <= {outcome.refused[0]} | AFTERWARDS.get(entry, set())
    assert outcome.error or entry in QUIET
    assert QUIET.get(entry, "") in outcome.error + outcome.log


def test_a_packer_that_never_sees_its_machine_asks_until_it_is_interrupted(outcomes: dict[str, Outcome]) -> None:
    word = "Cancelling build after receiving interrupt"
    others = [entry for entry in ENTRIES if not entry.startswith(FOR_CTRL_C)]
    assert [entry for entry in others if word in outcomes[entry].log] == [REPEATED]
    assert len(outcomes[REPEATED].refused) >= MOST_REFUSALS
