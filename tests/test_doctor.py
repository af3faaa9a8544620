from collections.abc import Sequence

import pytest

from bakery import doctor, tools
from bakery.ask import Answer, Source
from bakery.doctor import Finding, obstacles_to
from bakery.errors import BakeryError, ExitCode
from bakery.tools import Tool

WELL = [Finding(subject="memory", found="24 GiB")]
ANSWERING = [Finding(subject="debian-12", found="archive")]
PACKER = Tool(
    name="no-such-packer", debian="packer", homebrew="-", purpose="runs the bake", commands=("bake",), elsewhere="-"
)


def test_a_command_that_lacks_nothing_works() -> None:
    assert obstacles_to("bake", known=[], machine=WELL, sources=ANSWERING) == []


def test_a_command_without_its_tool_says_which() -> None:
    assert obstacles_to("bake", known=[PACKER], machine=WELL, sources=ANSWERING) == ["missing: no-such-packer"]
    assert obstacles_to("verify", known=[PACKER], machine=WELL, sources=ANSWERING) == []


def test_a_small_machine_is_an_obstacle() -> None:
    small = [Finding(subject="memory", found="1 GiB", verdict="needs 3 GiB")]
    assert obstacles_to("verify", known=[], machine=small, sources=ANSWERING) == ["memory: needs 3 GiB"]


def test_one_base_that_answers_is_enough_to_bake() -> None:
    silent = Finding(subject="debian-13", found="cloud image", verdict="HTTP 404")
    assert obstacles_to("bake", known=[], machine=WELL, sources=[silent, *ANSWERING]) == []
    assert obstacles_to("bake", known=[], machine=WELL, sources=[silent]) == ["no base's source answers"]
    assert obstacles_to("verify", known=[], machine=WELL, sources=[silent]) == []


def test_a_vendor_alone_is_no_base() -> None:
    vendor = Finding(subject="any", found="docker.com")
    assert obstacles_to("bake", known=[], machine=WELL, sources=[vendor]) == ["no base's source answers"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the real machine, but try no guest and ask nobody."""

    def ask(sources: Sequence[Source]) -> list[Answer]:
        return [Answer(source=source) for source in sources]

    monkeypatch.setattr(doctor, "ask", ask)
    monkeypatch.setattr(doctor, "_acceleration", lambda: Finding(subject="guests", found="TCG"))


@pytest.mark.usefixtures("quick")
def test_the_report_is_the_result_and_shows_everything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "look_at_machine", lambda: WELL)
    monkeypatch.setattr(tools, "missing_for", lambda _command, _known: [])
    doctor.report()
    shown = capsys.readouterr()
    assert shown.err == ""
    for expected in ("packer", "memory", "ubuntu-24.04", "docker.com", "bake", "verify", "works"):
        assert expected in shown.out


@pytest.mark.usefixtures("quick")
def test_where_no_bake_is_possible_the_exit_code_is_three_and_the_hint_installs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "look_at_machine", lambda: WELL)
    monkeypatch.setattr(tools, "missing_for", lambda command, _known: [PACKER] if command == "bake" else [])
    with pytest.raises(BakeryError) as caught:
        doctor.report()
    assert caught.value.exit_code == ExitCode.MISSING
    assert caught.value.hint.endswith("apt-get install --no-install-recommends packer")
    assert "missing: no-such-packer" in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
def test_the_machine_is_described() -> None:
    assert [finding.subject for finding in doctor.look_at_machine()] == ["guests", "cache disk", "build disk", "memory"]


def test_versions_are_those_of_the_packages() -> None:
    if not (versions := doctor.package_versions(["dpkg", "no-such-package"])):
        pytest.skip("no dpkg here")
    assert list(versions) == ["dpkg"]
    assert versions["dpkg"][0].isdigit()
