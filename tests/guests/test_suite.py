"""How the image tests are run and what came of it: the command, runs side by side, and what a report means."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.guests import suite
from bakery.guests.progress import SuiteProgress

REPORT = """<?xml version="1.0"?><testsuites><testsuite name="pytest" tests="3">
<testcase classname="x" name="test_good" />
<testcase classname="x" name="test_bad"><failure message="assert 1 == 2&#10;more">long</failure></testcase>
<testcase classname="x" name="test_broken"><error message="no fixture">x</error></testcase>
</testsuite></testsuites>"""


def test_a_report_names_every_test_that_did_not_pass(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    verdict = suite.read_report(tmp_path / "report.xml")
    assert verdict == suite.Verdict(
        asked=("test_good", "test_bad", "test_broken"), failures=("test_bad: assert 1 == 2", "test_broken: no fixture")
    )


def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> suite.Verdict:
    """Run a tiny suite through the same way as the image tests."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "conftest.py").write_text("def pytest_addoption(parser): parser.addoption('--none')\n")
    (folder / "test_it.py").write_text(body)
    monkeypatch.setattr(suite, "SUITE", folder)
    return suite.judge(
        suite.argv(["local://"], report=tmp_path / "report.xml"), env={}, console=Console(), log=tmp_path / "log"
    )


def test_an_image_that_passes_has_no_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(tmp_path, monkeypatch, "def test_it(): pass\n") == suite.Verdict(asked=("test_it",))


def test_an_image_that_fails_is_exit_code_4_with_every_failure_and_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BakeryError, match="did not pass 1 of 2 tests") as caught:
        judged(tmp_path, monkeypatch, "def test_a(): pass\ndef test_b(): assert 'this' == 'that'\n")
    assert caught.value.exit_code is ExitCode.REJECTED
    assert "test_b: AssertionError: assert 'this' == 'that'" in caught.value.message
    assert str(tmp_path / "log") in caught.value.hint
    assert "test_a" in (tmp_path / "log").read_text()


def test_a_suite_that_cannot_run_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BakeryError, match="could not be run") as caught:
        judged(tmp_path, monkeypatch, "import no_such_module\n")
    assert caught.value.exit_code is ExitCode.FAILED


def side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bodies: dict[str, str]) -> dict[str, suite.Verdict]:
    """Run tiny suites at the same time, with one log."""
    log = tmp_path / "log"
    with ExitStack() as running, log.open("w") as file:
        askings = {}
        for name, body in bodies.items():
            folder = tmp_path / name
            folder.mkdir()
            (folder / "conftest.py").write_text("def pytest_addoption(parser): parser.addoption('--none')\n")
            (folder / f"test_{name}.py").write_text(body)
            monkeypatch.setattr(suite, "SUITE", folder)
            argv = suite.argv(["local://"], report=tmp_path / f"{name}.xml")
            progress = SuiteProgress(Console(), write=file.write, of=name)
            askings[name] = running.enter_context(suite.asking(argv, env={}, progress=progress))
        return suite.finish(askings, log=log)


def test_suites_run_side_by_side_and_the_log_says_whose_line_is_whose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    meet = """
import pathlib, time
def test_{0}():
    here = pathlib.Path("{2}")
    (here / "{0}.met").touch()
    ends = time.monotonic() + 20
    while not (here / "{1}.met").exists():
        assert time.monotonic() < ends
        time.sleep(0.05)
"""
    bodies = {"a": meet.format("a", "b", tmp_path), "b": meet.format("b", "a", tmp_path)}
    found = side_by_side(tmp_path, monkeypatch, bodies)
    assert found == {"a": suite.Verdict(asked=("test_a",)), "b": suite.Verdict(asked=("test_b",))}
    lines = (tmp_path / "log").read_text().splitlines()
    assert {line[:3] for line in lines} == {"a: ", "b: "}
    assert [line for line in lines if "test_b PASSED" in line]
    assert "a: a: 1 passed" in capsys.readouterr().err


def test_what_fails_in_any_of_them_is_a_failure_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = {"a": "def test_a(): pass\n", "b": "def test_b(): assert False\n"}
    with pytest.raises(BakeryError, match=r"did not pass 1 of 2 tests:\n  test_b: assert False") as caught:
        side_by_side(tmp_path, monkeypatch, bodies)
    assert caught.value.exit_code is ExitCode.REJECTED
