"""Judges an image as a stranger would: boots two fresh copies and asks them from outside, over SSH.

The questions are the testinfra suite in tests/image; docs/image.md lists the promise behind each.
"""

import json
import re
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from bakery import ROOT, guest, login, process
from bakery.accelerator import Accelerator
from bakery.console import Console
from bakery.errors import BakeryError, ExitCode, impossible, missing
from bakery.own_steps import OwnStep
from bakery.suite_progress import SuiteProgress

SUITE = ROOT / "tests/image"
NODE_PATH = "/etc/bakery/node.yaml"
LARGER_BY_GB = 20
"""The second copy gets a larger disk than the image was made for: its root must grow to that too."""

PYTEST_ANSWERS = (0, 1)
"""All passed, or some failed; anything else means that pytest itself did not get that far (its docs, "Exit codes")."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An image to judge: its disk, the size it was made for, its login user and what its steps were told."""

    disk: Path
    size_gb: int
    user: str
    settings: Path
    own_steps: tuple[OwnStep, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How many tests ran, and those that did not pass, by name with their first line of why."""

    total: int
    failures: tuple[str, ...]


def verify_disk(subject: Subject, *, accelerator: Accelerator, console: Console, log: Path) -> Verdict:
    """Boot two copies of an image and run the image tests on them.

    Raises BakeryError: exit code 4 when a test fails, 1 when a copy does not come up.
    """
    with guest.site() as site, ExitStack() as running:
        guests = []
        node_file = site.folder / "node.yaml"
        node_file.write_text(node_text(site))
        for name, size_gb, files in (
            ("first", subject.size_gb, {}),
            ("second", subject.size_gb + LARGER_BY_GB, {NODE_PATH: node_file.read_text()}),
        ):
            machine = guest.Machine(
                name=name, disk=subject.disk, size_gb=size_gb, user=subject.user, secret_files=files
            )
            guests.append(running.enter_context(guest.booted(machine, site=site, accelerator=accelerator)))
        console.update("two copies are starting")
        seconds = guest.wait_for_ssh(guests, accelerator=accelerator)
        console.update(f"both answer after {seconds:.0f} s")
        told = {
            "BAKERY_SETTINGS": str(subject.settings),
            "BAKERY_OWN_STEPS": own_steps_text(subject.own_steps),
            "BAKERY_NODE_FILE": str(node_file),
            "BAKERY_CONSOLES": ",".join(str(running_guest.console) for running_guest in guests),
        }
        argv = suite_argv([f"ssh://{one.name}" for one in guests], report=site.folder / "report.xml")
        argv.append(f"--ssh-config={site.ssh_config}")
        return judge(argv, env=told, console=console, log=log)


def node_text(site: guest.Site) -> str:
    """Return what the second copy's owner says at first boot: some of everything, and three mistakes.

    It is JSON, which is YAML too. docs/first-boot.md has the keys.
    """
    deployer, certificate = site.folder / "deployer", site.folder / "certificate"
    pem_key, pem = certificate.with_suffix(".key"), certificate.with_suffix(".crt")
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    process.run(
        ["openssl", *request, "-subj", "/CN=shop.node.test", "-keyout", str(pem_key), "-out", str(pem)],
    )
    key = guest.make_key(deployer)
    told = {
        "domain": "node.test",
        "ssh_keys": {"deployer": key, "no key": "ssh-ed25519 not-a-key", "cut": " ".join(key.split()[:2])[:-10]},
        "settings": {
            "letsencrypt": {
                "email": "owner@node.test",
                "dns-provider": "exec",
                "dns-provider-EXEC_PATH": "/secret/7f3a9c",
            }
        },
        "certificates": {"shop": {"crt": pem.read_text(), "key": pem_key.read_text()}},
        "domian": "mistyped.test",
    }
    return json.dumps(told, indent=1) + "\n"


def own_steps_text(steps: Sequence[OwnStep]) -> str:
    """Return where the image tests find the steps that are not in provision/."""
    return ":".join(str(step.file.absolute()) for step in steps)


def require_login(url: str, *, key: str) -> None:
    """Make sure that the machine at *url* lets us in.

    *key* is the path of a private key, empty for those that ssh tries by itself. Raises BakeryError: exit code 2 when
    *url* is not `ssh://[user@]host[:port]` or the key is not there, 3 when the machine does not let us in.
    """
    if not re.fullmatch(r"ssh://([\w.-]+@)?[\w.:\[\]-]+", url):
        raise impossible(f"--host {url} is not an address", hint="--host ssh://user@192.0.2.7:22")
    if key and not Path(key).is_file():
        raise impossible(f"--key {key}: there is no such file")
    identity = ["-i", key] if key else []
    tried = process.run(["ssh", "-o", "BatchMode=yes", *identity, url, "true"], is_checked=False)
    if tried.exit_code != 0:
        raise missing(f"{url} does not let us in: {login.words(tried)}", hint=f"ssh {url}  (or --key FILE)")


def verify_host(url: str, *, key: str, console: Console, log: Path) -> Verdict:
    """Run the image tests on one machine that runs already, reached as the user's own `ssh` would reach it.

    Raises BakeryError (exit code 4) when a test fails.
    """
    with tempfile.TemporaryDirectory(prefix="bakery-verify-") as folder:
        argv = suite_argv([url], report=Path(folder, "report.xml"))
        argv += [f"--ssh-identity-file={key}"] if key else []
        return judge(argv, env={}, console=console, log=log)


def suite_argv(hosts: Sequence[str], *, report: Path) -> list[str]:
    """Return the command that runs the image tests on *hosts* and writes a JUnit report."""
    return [
        *(sys.executable, "-m", "pytest"),
        *("-v", "--no-header", "--color=no", "-p", "no:cacheprovider", "-o", "console_output_style=count"),
        f"--rootdir={ROOT}",
        f"--junitxml={report}",
        f"--hosts={','.join(hosts)}",
        str(SUITE),
    ]


def read_report(path: Path) -> Verdict:
    """Return what a JUnit report says."""
    cases = list(ET.parse(path).getroot().iter("testcase"))  # noqa: S314  # pytest wrote it a moment ago
    failures = []
    for case in cases:
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        if problem is not None:
            why = (problem.get("message") or "").splitlines()
            failures.append(f"{case.get('name')}: {why[0] if why else 'error'}")
    return Verdict(total=len(cases), failures=tuple(failures))


def judge(argv: list[str], *, env: dict[str, str], console: Console, log: Path) -> Verdict:
    """Run the image tests as `suite_argv` says, everything they print in *log*, and return what they found.

    Raises BakeryError: exit code 4 when a test fails, 1 when the tests could not be run.
    """
    report = Path(next(option.partition("=")[2] for option in argv if option.startswith("--junitxml=")))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", buffering=1) as file:
        progress = SuiteProgress(console, write=file.write)
        finished = process.run(argv, cwd=ROOT, env=env, on_line=progress.hear, is_checked=False)
    if finished.exit_code not in PYTEST_ANSWERS or not report.exists():
        tail = "\n".join(finished.output.splitlines()[-process.TAIL_LINES :])
        raise BakeryError(f"the image tests could not be run (pytest ended with {finished.exit_code}):\n{tail}")
    verdict = read_report(report)
    if verdict.failures:
        listed = "\n".join(f"  {failure}" for failure in verdict.failures)
        raise BakeryError(
            f"the image did not pass {len(verdict.failures)} of {verdict.total} tests:\n{listed}",
            hint=f"the whole story is in {log}",
            exit_code=ExitCode.REJECTED,
        )
    return verdict
