"""Judges an AMI by a machine started from it, never by the one it was baked in; the machine is ended afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bakery.catalog import record
from bakery.catalog.record import Made
from bakery.cloud import naming
from bakery.cloud.values import Image, Instance, Launch
from bakery.clouds.aws import acts, groups, instances, networks, published, tunnels
from bakery.clouds.aws.account import Region
from bakery.contents import collect, kept
from bakery.core.console import Console
from bakery.definition.aws import Aws, Login
from bakery.definition.model import Definition
from bakery.guests import accelerator, guest, seed, suite, verify
from bakery.guests.accelerator import Accelerator
from bakery.guests.guest import Guest, Site
from bakery.guests.suite import Verdict
from bakery.packer import settings

GROUP = "dokku-bakery-verify"
HARDWARE = Accelerator(name="kvm", reason="a machine of AWS")
AWS = "aws"
"""What kind of machine tells what a release holds, when it is none of a rehearsal."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is judged: the image that was made, who may log in, and the settings its steps were given."""

    made: Made
    definition: Definition
    user: str
    settings: str


def approve(region: Region, subject: Subject, *, console: Console, log: Path) -> str:
    """Wait for the newest AMI of a name, judge a machine started from it, and mark it; return its id.

    The catalog has it before and after. Raises BakeryError: exit code 4 when a test fails, 1 when the image or the
    machine does not come up.
    """
    made = subject.made
    with console.phase(f"image in {region.name}"):
        image = published.wait_available(region, name=made.name)
        record.record(made, image, region=region.name, is_rehearsal=region.account.is_rehearsal, console=console)
    with console.phase(f"verify in {region.name}"):
        verdict = verify_image(region, subject, image, console=console, log=log)
        console.update(f"passed {verdict.total} tests on a machine started from {image.id}")
    record.record(
        made, _marked(region, made), region=region.name, is_rehearsal=region.account.is_rehearsal, console=console
    )
    return image.id


def _marked(region: Region, made: Made) -> Image:
    """Return the AMI with the mark that it passed; where another run has marked it meanwhile, that one counts."""
    image = published.wait_available(region, name=made.name)
    if naming.VERIFIED in image.tags:
        return image
    return acts.tag(region, image, {naming.VERIFIED: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"})


def verify_image(region: Region, subject: Subject, image: Image, *, console: Console, log: Path) -> Verdict:
    """Start a machine from an AMI, ask it what it holds, run the image tests on it, and end it.

    Raises BakeryError: exit code 4 when a test fails, 1 when the machine does not come up.
    """
    made, account, aws = subject.made, region.account, subject.definition.aws
    tunnels.require(region, aws)
    network = networks.find(region, aws)
    speed = accelerator.probe() if account.is_rehearsal else HARDWARE
    with guest.site() as site:
        public_key = site.key.with_suffix(".pub").read_text().strip()
        launch = Launch(
            image_id=image.id,
            instance_type=instances.instance_type(region, arch=made.arch, wanted=aws.instance_type),
            groups=[groups.for_login(region, aws, name=GROUP, network=network)],
            token=site.folder.name,
            user_data=seed.user_data(public_keys=[public_key]).encode(),
            tags={**aws.tags, naming.TITLE: f"verify {made.name}", naming.RUN: made.release},
            subnet=network.subnet,
            is_public=aws.login is Login.SSH,
            profile=aws.instance_profile,
            is_ending=True,
        )
        with (
            instances.running(region, launch) as (instance,),
            _way(region, instance, aws, site=site) as (address, port),
        ):
            console.update(f"{instance.id} is starting at {address}")
            one = _reach(site, address, user=subject.user, port=port)
            seconds = guest.wait_for_ssh([one], accelerator=speed)
            console.update(f"it answers after {seconds:.0f} s")
            text = instances.console_text(region, instance.id)
            one.console.write_text(text)
            machine = speed.name if account.is_rehearsal else AWS
            # Before the tests, which leave things behind; kept only if they pass.
            manifest = collect.of(one, made, machine=machine)
            verdict = _judge(subject, one, site=site, has_console=bool(text), console=console, log=log)
            path = kept.of_release(made.image, made.release, made.arch, is_rehearsal=account.is_rehearsal)
            kept.write(path, manifest)
            return verdict


@contextmanager
def _way(region: Region, instance: Instance, aws: Aws, *, site: Site) -> Iterator[tuple[str, int]]:
    """Give the address and port at which a machine's SSH answers while the body runs."""
    if aws.login is Login.SSM:
        log = site.folder / "tunnel.log"
        with tunnels.opened(region, instance.id, port=groups.SSH, log=log) as port:
            yield "127.0.0.1", port
        return
    address = instances.address(region, instance, is_private=aws.login is Login.PRIVATE)
    yield address, instances.port(region.account, groups.SSH)


def _judge(subject: Subject, one: Guest, *, site: Site, has_console: bool, console: Console, log: Path) -> Verdict:
    told_steps = site.folder / settings.FILE_NAME
    told_steps.write_text(subject.settings)
    told = {
        "BAKERY_SETTINGS": str(told_steps),
        "BAKERY_OWN_STEPS": verify.own_steps_text(subject.definition.own_steps),
        "BAKERY_THROWAWAY": "1",
        "BAKERY_CONSOLES": str(one.console) if has_console else "",
    }
    argv = suite.argv([f"ssh://{one.name}"], report=site.folder / "report.xml")
    argv.append(f"--ssh-config={site.ssh_config}")
    return suite.judge(argv, env=told, console=console, log=log)


def _reach(site: Site, address: str, *, user: str, port: int) -> Guest:
    name = "first"
    with site.ssh_config.open("a") as config:
        config.write(guest.ssh_entry(name, address=address, port=port, user=user, site=site))
    console, log = site.folder / f"{name}.console", site.folder / f"{name}.log"
    console.touch()
    return Guest(name=name, ssh_config=site.ssh_config, console=console, log=log)
