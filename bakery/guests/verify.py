"""Verifies an image as a stranger would: boots two fresh copies and asks them from outside, over SSH.

The questions are the testinfra suite in tests/image; docs/image.md lists the promise behind each.
"""

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import impossible, missing
from bakery.definition.own_steps import OwnStep
from bakery.guests import accelerator as accelerators
from bakery.guests import guest, login, suite
from bakery.guests.accelerator import NATIVE, Accelerator
from bakery.guests.guest import Guest, Machine, Site
from bakery.guests.progress import SuiteProgress
from bakery.guests.suite import Asking, Verdict

NODE_PATH = "/etc/bakery/node.yaml"
LARGER_BY_GB = 20
"""The second copy gets a larger disk than the image was made for: its root must grow to that too."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An image to verify: its disk, the size it was made for, its login user and what its steps were told."""

    disk: Path
    size_gb: int
    user: str
    settings: Path
    own_steps: tuple[OwnStep, ...] = ()

    @property
    def has_dokku(self) -> bool:
        """Whether dokku is in it."""
        return re.search(r"^BAKERY_DOKKU_PACKAGES=.*\w", self.settings.read_text(), flags=re.MULTILINE) is not None


REAL = ("kernel", "boot", "disk", "platform", "reboot")
"""The marks of tests that only a machine with firmware, boot loader, kernel and disk of its own can answer."""
WAITING = "waiting"
"""The mark of those that wait for minutes on purpose: a native machine more costs less. There are some for dokku."""
ON_GUEST = " or ".join(REAL)
"""pytest's expression for what only a guest can answer."""
WITHOUT_GUEST = f"not ({ON_GUEST})"
"""The one for all that a native machine can answer."""
GUEST = "guest"


def verify_disk(
    subject: Subject,
    *,
    accelerator: Accelerator,
    console: Console,
    log: Path,
    look: Callable[[Guest, Accelerator], object] = lambda *_: None,
) -> dict[str, Verdict]:
    """Boot copies of an image and run the image tests on them; return what was found by the kind of machine.

    Two guests are asked everything. Where machines run natively, two or three of those are asked what does not need a
    guest, and at the same time one guest is asked the rest. *look* is given a guest that nobody told anything, and how
    it runs, before tests change what is in it.

    Raises BakeryError: exit code 4 when a test fails, 1 when a copy does not come up.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with guest.site() as site, ExitStack() as running, log.open("w", buffering=1) as file:
        node_file = site.folder / "node.yaml"
        node_file.write_text(node_text(site))
        told = {
            "BAKERY_SETTINGS": str(subject.settings),
            "BAKERY_OWN_STEPS": own_steps_text(subject.own_steps),
            "BAKERY_NODE_FILE": str(node_file),
            "BAKERY_THROWAWAY": "1",
        }
        asked = panels(subject, node_file=node_file, accelerator=accelerator)
        for panel in reversed(asked):  # the guest first, which takes longest to let us in
            panel.start(running, site=site)
        console.update(f"{sum(len(panel.machines) for panel in asked)} copies are starting")
        askings: dict[str, Asking] = {}
        for panel in asked:
            panel.wait(console, meanwhile=lambda: [one.look() for one in askings.values()])
            if panel.name == GUEST:
                look(panel.guests[0], panel.accelerator)
            progress = SuiteProgress(console, write=file.write, of=panel.name if len(asked) > 1 else "")
            asking = suite.asking(panel.argv(site), env=told | panel.told, progress=progress)
            askings[panel.name] = running.enter_context(asking)
        return suite.finish(askings, log=log)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Machines that are asked the same tests: those that *only* selects, pytest's expression of marks."""

    name: str
    machines: tuple[Machine, ...]
    accelerator: Accelerator
    only: str = ""
    guests: list[Guest] = field(default_factory=list)

    def start(self, running: ExitStack, *, site: Site) -> None:
        """Start the machines, which end with *running*."""
        for machine in self.machines:
            self.guests.append(running.enter_context(guest.booted(machine, site=site, accelerator=self.accelerator)))

    def wait(self, console: Console, *, meanwhile: Callable[[], object]) -> None:
        """Wait until each of them lets us in, and call *meanwhile* as long as that takes."""
        seconds = guest.wait_for_ssh(self.guests, accelerator=self.accelerator, meanwhile=meanwhile)
        console.update(f"{' and '.join(one.name for one in self.guests)} let us in after {seconds:.0f} s")

    @property
    def told(self) -> dict[str, str]:
        """The consoles of guests; a native machine has none that a kernel writes to."""
        consoles = [] if self.accelerator.is_native else [str(one.console) for one in self.guests]
        return {"BAKERY_CONSOLES": ",".join(consoles)}

    def argv(self, site: Site) -> list[str]:
        """Return the command that asks them."""
        hosts = [f"ssh://{one.name}" for one in self.guests]
        command = suite.argv(hosts, report=site.folder / f"{self.name}.xml", only=self.only)
        return [*command, f"--ssh-config={site.ssh_config}"]


def panels(subject: Subject, *, node_file: Path, accelerator: Accelerator) -> list[Panel]:
    """Return which copies of an image are booted, how, and what each of them is asked; every test is in one panel."""
    both = _two(subject, node_file=node_file)
    if not accelerator.is_native:
        return [Panel(name=GUEST, machines=both, accelerator=accelerator)]
    real = replace(accelerators.probe(), guests=1)
    found = [
        Panel(name=NATIVE, machines=both, accelerator=accelerator, only=f"not ({ON_GUEST} or {WAITING})"),
        Panel(name=GUEST, machines=(_larger(subject),), accelerator=real, only=ON_GUEST),
    ]
    if subject.has_dokku:
        third, only = replace(both[0], name="third"), f"{WAITING} and {WITHOUT_GUEST}"
        found.insert(1, Panel(name=f"{NATIVE} {WAITING}", machines=(third,), accelerator=accelerator, only=only))
    return found


def _two(subject: Subject, *, node_file: Path) -> tuple[Machine, Machine]:
    """Return a copy that nobody told anything, and a larger one that was given a file by its owner."""
    first = Machine(name="first", disk=subject.disk, size_gb=subject.size_gb, user=subject.user)
    second = replace(_larger(subject), name="second", secret_files={NODE_PATH: node_file.read_text()})
    return first, second


def _larger(subject: Subject) -> Machine:
    size_gb = subject.size_gb + LARGER_BY_GB
    return Machine(name=GUEST, disk=subject.disk, size_gb=size_gb, user=subject.user)


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
        argv = suite.argv([url], report=Path(folder, "report.xml"))
        argv += [f"--ssh-identity-file={key}"] if key else []
        return suite.judge(argv, env={}, console=console, log=log)
