"""How an image is judged: the command, and what a report means."""

from pathlib import Path

import pytest

from bakery import guest, verify
from bakery.console import Console
from bakery.errors import BakeryError, ExitCode

REPORT = """<?xml version="1.0"?><testsuites><testsuite name="pytest" tests="3">
<testcase classname="x" name="test_good" />
<testcase classname="x" name="test_bad"><failure message="assert 1 == 2&#10;more">long</failure></testcase>
<testcase classname="x" name="test_broken"><error message="no fixture">x</error></testcase>
</testsuite></testsuites>"""


def test_a_report_names_every_test_that_did_not_pass(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    verdict = verify.read_report(tmp_path / "report.xml")
    assert verdict == verify.Verdict(total=3, failures=("test_bad: assert 1 == 2", "test_broken: no fixture"))


def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> verify.Verdict:
    """Run a tiny suite through the same way as the image tests."""
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "conftest.py").write_text("def pytest_addoption(parser): parser.addoption('--none')\n")
    (suite / "test_it.py").write_text(body)
    monkeypatch.setattr(verify, "SUITE", suite)
    return verify.judge(
        verify.suite_argv(["local://"], report=tmp_path / "report.xml"), env={}, console=Console(), log=tmp_path / "log"
    )


def test_an_image_that_passes_has_no_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(tmp_path, monkeypatch, "def test_it(): pass\n") == verify.Verdict(total=1, failures=())


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


@pytest.mark.parametrize("url", ["192.0.2.7", "http://192.0.2.7", "ssh://", "ssh://host;reboot"])
def test_what_is_no_ssh_address_is_refused(url: str) -> None:
    with pytest.raises(BakeryError, match="is not an address") as caught:
        verify.require_login(url, key="")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_a_key_that_is_not_there_is_refused() -> None:
    with pytest.raises(BakeryError, match="--key /no/such/key: there is no such file"):
        verify.require_login("ssh://root@127.0.0.1", key="/no/such/key")


def test_a_machine_that_does_not_answer_is_exit_code_3() -> None:
    url = f"ssh://root@127.0.0.1:{guest.free_port()}"
    with pytest.raises(BakeryError, match=r"does not let us in: .*refused") as caught:
        verify.require_login(url, key="")
    assert caught.value.exit_code is ExitCode.MISSING
