"""What a bake says while Packer works, and what it says when Packer fails.

The `packer` here is a stand-in: a script that prints machine-readable lines in the documented form.
"""

from pathlib import Path

import pytest

from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.packer import build
from bakery.packer.build import BuiltImage
from bakery.packer.engine import Packer
from bakery.packer.workspace import Workspace

OLD = Packer(version=(1, 6, 6))
NEW = Packer(version=(1, 11, 2))


def ui(text: str) -> str:
    return f"1700000000,,ui,message,    qemu.image: {text}"


MANIFEST = """{"builds": [
  {"artifact_id": "eu-west-2:ami-0123456789abcdef0", "packer_run_uuid": "one"},
  {"artifact_id": "eu-west-2:ami-0fedcba9876543210", "packer_run_uuid": "two"}
], "last_run_uuid": "two"}"""

STARTED = [
    ui("Connected to SSH!"),
    ui("BAKERY step 1/2 system start"),
    ui("installing"),
    ui("BAKERY step 1/2 system done 4.5"),
]


@pytest.fixture
def packer_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "type[Stage]":
    Stage.folder = tmp_path
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return Stage


class Stage:
    """Puts a stand-in packer on PATH and bakes with it."""

    folder: Path

    @classmethod
    def bake(
        cls, lines: list[str], *, exit_code: int, engine: Packer = OLD, is_disk_made: bool = True
    ) -> dict[str, float]:
        space = Workspace(folder=cls.folder / "space")
        made = f"mkdir -p {space.disk.parent} && : > {space.disk}" if is_disk_made else ":"
        cls.play(lines, made=made, exit_code=exit_code)
        return build.build(space, log=cls.folder / "logs/bake.log", packer_=engine, console=Console())

    @classmethod
    def bake_image(cls, lines: list[str], *, exit_code: int, manifest: str | None = MANIFEST) -> BuiltImage:
        space = Workspace(folder=cls.folder / "space")
        (cls.folder / "manifest").write_text(manifest or "")
        made = f"cp {cls.folder}/manifest {space.manifest}" if manifest is not None else ":"
        cls.play(lines, made=made, exit_code=exit_code)
        env = {"AWS_PROFILE": "bakery"}
        return build.build_image(space, log=cls.folder / "logs/bake.log", packer_=OLD, console=Console(), env=env)

    @classmethod
    def play(cls, lines: list[str], *, made: str, exit_code: int) -> None:
        (cls.folder / "space").mkdir(parents=True, exist_ok=True)
        (cls.folder / "bin").mkdir(exist_ok=True)
        (cls.folder / "lines").write_text("\n".join(lines) + "\n")
        script = cls.folder / "bin/packer"
        noted = f'echo "$1" >> {cls.folder}/called; [ "$1" = init ] && exit\nenv > {cls.folder}/environment'
        script.write_text(f"#!/bin/sh\n{noted}\ncat {cls.folder}/lines\n{made}\nexit {exit_code}\n")
        script.chmod(0o755)


def test_steps_are_told_as_they_come_and_timed(packer_says: type[Stage], capsys: pytest.CaptureFixture[str]) -> None:
    seconds = packer_says.bake(
        [*STARTED, ui("BAKERY step 2/2 seal start"), ui("BAKERY step 2/2 seal done 0.5")], exit_code=0
    )
    assert seconds == {"system": 4.5, "seal": 0.5}
    said = capsys.readouterr().err
    assert "step 1/2 system" in said
    assert "step 2/2 seal" in said


def test_everything_packer_says_is_in_the_log(packer_says: type[Stage]) -> None:
    packer_says.bake(STARTED, exit_code=0)
    assert "installing\n" in (packer_says.folder / "logs/bake.log").read_text()


def test_a_failed_step_is_named_with_its_own_last_lines_only(packer_says: type[Stage]) -> None:
    lines = [
        *STARTED,
        ui("BAKERY step 2/2 nginx start"),
        *(ui(f"line {number}") for number in range(40)),
        ui("BAKERY step 2/2 nginx failed 100"),
        ui("a table that nobody needs now"),
    ]
    with pytest.raises(BakeryError, match="the step nginx failed") as caught:
        packer_says.bake(lines, exit_code=1)
    shown = caught.value.message.splitlines()[1:]
    assert shown == [f"  line {number}" for number in range(20, 40)]
    assert caught.value.hint == f"everything is in {packer_says.folder}/logs/bake.log"


def test_packer_failing_by_itself_is_told_with_its_last_lines(packer_says: type[Stage]) -> None:
    with pytest.raises(BakeryError, match="packer failed; its last lines:\n  no disk like that"):
        packer_says.bake([ui("no disk like that")], exit_code=1, is_disk_made=False)


def test_success_without_a_disk_is_a_failure(packer_says: type[Stage]) -> None:
    with pytest.raises(BakeryError, match="packer failed"):
        packer_says.bake(STARTED, exit_code=0, is_disk_made=False)


@pytest.mark.parametrize(("engine", "calls"), [(OLD, ["build"]), (NEW, ["init", "build"])])
def test_plugins_are_fetched_first_where_there_are_any(
    packer_says: type[Stage], engine: Packer, calls: list[str]
) -> None:
    packer_says.bake(STARTED, exit_code=0, engine=engine)
    assert (packer_says.folder / "called").read_text().split() == calls


def test_a_bake_in_a_region_returns_the_image_of_this_run(packer_says: type[Stage]) -> None:
    made = packer_says.bake_image(STARTED, exit_code=0)
    assert made == BuiltImage(image_id="ami-0fedcba9876543210", step_seconds={"system": 4.5})


def test_packer_gets_the_account_through_its_environment(packer_says: type[Stage]) -> None:
    packer_says.bake_image(STARTED, exit_code=0)
    told = (packer_says.folder / "environment").read_text().splitlines()
    assert "AWS_PROFILE=bakery" in told
    assert "CHECKPOINT_DISABLE=1" in told


def test_a_failed_step_in_a_region_is_told_as_on_this_machine(packer_says: type[Stage]) -> None:
    lines = [*STARTED, ui("BAKERY step 2/2 nginx start"), ui("no nginx"), ui("BAKERY step 2/2 nginx failed 100")]
    with pytest.raises(BakeryError, match="the step nginx failed; its last lines:\n  no nginx"):
        packer_says.bake_image(lines, exit_code=1, manifest=None)


@pytest.mark.parametrize("manifest", [None, '{"builds": [], "last_run_uuid": "one"}'])
def test_success_without_an_image_is_a_failure(packer_says: type[Stage], manifest: str | None) -> None:
    with pytest.raises(BakeryError, match="packer failed"):
        packer_says.bake_image(STARTED, exit_code=0, manifest=manifest)
