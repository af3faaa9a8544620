import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bakery.core import tools
from bakery.core.errors import BakeryError, ExitCode
from bakery.core.http import BEGINNING, Answer, Source, ask
from bakery.core.tools import Tool
from bakery.definition import layers
from bakery.definition.bases import Base
from bakery.local import doctor
from bakery.local.doctor import Finding, obstacles_to
from bakery.sources.apt import AptSource, Mirrors, Origin
from tests.loopback import serving

WELL = [Finding(subject="memory", found="24 GiB")]
ANSWERING = [Finding(subject="host", found="can be baked")]
PACKER = Tool(
    name="no-such-packer", debian="packer", homebrew="-", purpose="runs the bake", commands=("bake",), elsewhere="-"
)


def test_a_command_that_lacks_nothing_works() -> None:
    assert obstacles_to("bake", known=[], machine=WELL, images=ANSWERING) == []


def test_a_command_without_its_tool_says_which() -> None:
    assert obstacles_to("bake", known=[PACKER], machine=WELL, images=ANSWERING) == ["missing: no-such-packer"]
    assert obstacles_to("verify", known=[PACKER], machine=WELL, images=ANSWERING) == []


def test_a_small_machine_is_an_obstacle() -> None:
    small = [Finding(subject="memory", found="1 GiB", verdict="needs 3 GiB")]
    assert obstacles_to("verify", known=[], machine=small, images=ANSWERING) == ["memory: needs 3 GiB"]


def test_one_image_that_can_be_baked_is_enough() -> None:
    bad = Finding(subject="dokku", found="", verdict="no: dokku: HTTP 404")
    assert obstacles_to("bake", known=[], machine=WELL, images=[bad, *ANSWERING]) == []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the real machine, but try no guest and ask nobody."""

    def ask(sources: Sequence[Source], *, is_body_wanted: bool) -> list[Answer]:
        assert not is_body_wanted
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
    for expected in ("packer", "memory", "ubuntu-24.04", "packagecloud.io", "github.com", "bake", "verify", "works"):
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


def silent(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Let everything answer but these hosts; this machine's own sources are Debian 12's."""

    def ask(sources: Sequence[Source], *, is_body_wanted: bool) -> list[Answer]:
        assert not is_body_wanted
        return [Answer(source=one, problem="gone" if any(host in one.url for host in hosts) else "") for one in sources]

    def mirrors(base: Base) -> Mirrors | None:
        source = AptSource(uri="http://deb.example/debian", suite="bookworm", components=("main",))
        return Mirrors(origin=Origin.HOST, sources=(source,)) if base.name == "debian-12" else None

    monkeypatch.setattr(doctor, "ask", ask)
    monkeypatch.setattr(doctor, "mirrors_for", mirrors)


def said_of(image: str) -> str:
    return {finding.subject: finding.verdict or finding.found for finding in doctor.look_at_sources().images}[image]


def test_every_image_is_said_to_be_bakable_where_all_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    silent(monkeypatch)
    assert {finding.subject for finding in doctor.look_at_sources().images} == {"dokku", "host"}
    assert said_of("dokku") == "can be baked, on ubuntu-24.04"
    assert said_of("host") == "can be baked, on ubuntu-24.04"


def test_a_page_of_a_network_that_wants_a_login_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says 200, and gives the same page for an archive, a key and a repository."""
    silent(monkeypatch)
    with serving() as portal:
        portal.pages["/"] = b"\n<!DOCTYPE html><html>Sign in to this Wi-Fi</html>" + b" " * 100_000

        def answered(sources: Sequence[Source], *, is_body_wanted: bool) -> list[Answer]:
            (answer,) = ask([replace(sources[0], url=portal.url)], is_body_wanted=is_body_wanted)
            assert len(answer.body) == BEGINNING
            return [replace(answer, source=one) for one in sources]

        monkeypatch.setattr(doctor, "ask", answered)
        found = doctor.look_at_sources()
    page = "a web page: a proxy or a network that wants a login answers for it"
    assert {one.verdict for one in found.sources} == {page, "not in this machine's sources"}
    assert {one.subject: one.verdict for one in found.images}["host"] == f"no: cloud image: {page}"


def test_an_image_that_cannot_be_baked_says_the_one_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    silent(monkeypatch, "packagecloud.io", "github.com")
    assert said_of("dokku") == "no: dokku: gone"
    assert said_of("host") == "can be baked, on ubuntu-24.04"


def test_a_plugins_repository_that_is_silent_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    silent(monkeypatch, "github.com")
    assert said_of("dokku") == "no: plugin letsencrypt: gone"


def test_another_base_is_said_where_only_that_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    silent(monkeypatch, "packagecloud.io", "cloud-images.ubuntu.com", "cloud.debian.org")
    assert said_of("host") == "only with --base debian-12 (ubuntu-24.04: cloud image: gone)"
    assert said_of("dokku") == "no: cloud image: gone"


def test_an_archive_and_its_key_are_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    silent(monkeypatch, "gpgkey")
    rows = [finding.row for finding in doctor.look_at_sources().sources if finding.subject == "dokku"]
    assert rows == [
        ("dokku", "dokku (packagecloud.io)", "gone"),
        ("dokku", "plugin letsencrypt (github.com)", "ok"),
    ]


def test_bake_is_said_to_work_only_for_those_that_can_be_baked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    silent(monkeypatch, "github.com")
    monkeypatch.setattr(doctor, "look_at_machine", lambda: WELL)
    monkeypatch.setattr(tools, "missing_for", lambda _command, _known: [])
    doctor.report()
    shown = capsys.readouterr().out
    assert "no: plugin letsencrypt: gone" in shown
    assert "works, but not for dokku" in shown


def test_a_definition_that_is_wrong_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("sizes = 1\n")
    (tmp_path / "good.toml").write_text("")
    monkeypatch.setattr(layers, "FOLDER", tmp_path)
    silent(monkeypatch)
    assert said_of("shop").endswith("shop.toml: sizes: unknown key")
    assert said_of("good") == "can be baked, on ubuntu-24.04"


def test_where_no_image_can_be_baked_bake_does_not_work() -> None:
    bad = [Finding(subject="dokku", found="", verdict="no: dokku: gone")]
    assert obstacles_to("bake", known=[], machine=WELL, images=bad) == ["no image can be baked: dokku: gone"]
    assert obstacles_to("verify", known=[], machine=WELL, images=bad) == []


def test_sources_that_hang_cost_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are asked at the same time, and none for what it holds."""
    began = time.monotonic()
    asked: list[int] = []

    def ask(sources: Sequence[Source], *, is_body_wanted: bool) -> list[Answer]:
        asked.append(len(sources))
        assert not is_body_wanted
        return [Answer(source=source, problem="no answer within 5 s") for source in sources]

    monkeypatch.setattr(doctor, "ask", ask)
    doctor.look_at_sources()
    assert len(asked) == 1
    assert time.monotonic() - began < 5


@pytest.mark.usefixtures("quick")
def test_the_machine_is_described() -> None:
    assert [finding.subject for finding in doctor.look_at_machine()] == ["guests", "cache disk", "build disk", "memory"]


def test_versions_are_those_of_the_packages() -> None:
    if not (versions := doctor.package_versions(["dpkg", "no-such-package"])):
        pytest.skip("no dpkg here")
    assert list(versions) == ["dpkg"]
    assert versions["dpkg"][0].isdigit()
