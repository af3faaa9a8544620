"""Judges an image by a machine started from it, never by the one it was baked in; the machine is ended afterwards."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bakery.catalog import record
from bakery.catalog.record import Made
from bakery.cloud import naming
from bakery.cloud.values import Image, Instance
from bakery.contents import changelog, collect, kept, provenance
from bakery.contents.provenance import Origin
from bakery.core.console import Console
from bakery.definition.model import Definition
from bakery.guests import guest, seed, suite, verify
from bakery.guests.guest import Guest, Site
from bakery.guests.suite import Verdict
from bakery.packer import settings
from bakery.places import machine
from bakery.places.place import Place, Start

GROUP = "dokku-bakery-verify"
SSH = 22


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is judged: the image that was made, who may log in, and the settings its steps were given."""

    made: Made
    definition: Definition
    user: str
    settings: str
    origin: Origin | None = None
    """Where it comes from, if it was not baked in a cloud just now."""


def approve(place: Place, subject: Subject, *, console: Console, log: Path) -> str:
    """Wait for the newest image of a name, judge a machine started from it, and mark it; return its id.

    The catalog has it before and after. Raises BakeryError: exit code 4 when a test fails, 1 when the image or the
    machine does not come up.
    """
    made = subject.made
    with console.phase(f"image in {place.name}"):
        image = place.wait_available(made.name)
        record.record(made, image, region=place.name, is_rehearsal=place.is_rehearsal, console=console)
    with console.phase(f"verify in {place.name}"):
        verdict = verify_image(place, subject, image, console=console, log=log)
        kind = ", natively: what needs firmware, kernel or disk was not asked" if place.hardware.is_native else ""
        console.update(f"passed {verdict.total} tests on a machine started from {image.id}{kind}")
    record.record(made, marked(place, made), region=place.name, is_rehearsal=place.is_rehearsal, console=console)
    changelog.write(made.image, is_rehearsal=place.is_rehearsal, console=console)
    return image.id


def marked(place: Place, made: Made) -> Image:
    """Return the image with the mark that it passed; where another run has marked it meanwhile, that one counts."""
    image = place.wait_available(made.name)
    if naming.VERIFIED in image.tags:
        return image
    statement = kept.provenance_of(_manifest(place, made))
    marks = {
        naming.VERIFIED: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        naming.PROVENANCE: provenance.digest(statement),
    }
    return place.mark(image, {name: value for name, value in marks.items() if value})


def _manifest(place: Place, made: Made) -> Path:
    return kept.of_release(made.image, made.release, made.arch, is_rehearsal=place.is_rehearsal)


def verify_image(place: Place, subject: Subject, image: Image, *, console: Console, log: Path) -> Verdict:
    """Start a machine from an image, ask it what it holds, run the image tests on it, and end it.

    Raises BakeryError: exit code 4 when a test fails, 1 when the machine does not come up.
    """
    made, definition = subject.made, subject.definition
    place.require_login(definition)
    speed = place.hardware
    if place.is_rehearsal:
        console.say(f"{place.name}: {speed.line}")
    with guest.site() as site:
        public_key = site.key.with_suffix(".pub").read_text().strip()
        start = Start(
            image=image,
            definition=definition,
            group=GROUP,
            instance_type=place.instance_type(made.arch, place.named_type(definition)),
            token=site.folder.name,
            user_data=seed.user_data(public_keys=[public_key]).encode(),
            tags={naming.TITLE: f"verify {made.name}", naming.RUN: made.release},
            is_ending=True,
        )
        with (
            machine.running(place, start) as instance,
            place.way(instance, definition, port=SSH, log=site.folder / "tunnel.log") as (address, port),
        ):
            console.update(f"{instance.id} is starting at {address}")
            one = _reach(place, instance, site=site, address=address, user=subject.user, port=port)
            seconds = guest.wait_for_ssh([one], accelerator=speed)
            console.update(f"it answers after {seconds:.0f} s")
            one.fetch_console()
            teller = speed.name if place.is_rehearsal else place.cloud
            # Before the tests, which leave things behind; kept only if they pass.
            manifest = collect.of(one, made, machine=teller)
            only = verify.WITHOUT_GUEST if speed.is_native else ""
            verdict = _judge(subject, one, site=site, only=only, console=console, log=log)
            path = _manifest(place, made)
            if not path.exists():  # a copy of the same holds the same
                kept.write(path, manifest)
                began = Origin(begin=image.tags.get(naming.BEGIN, ""), steps=definition.all_steps)
                origin = replace(subject.origin or began, judged=image.id)
                tests = {place.name: verdict.asked}
                provenance.write(kept.provenance_of(path), manifest, origin=origin, tests=tests)
            return verdict


def _judge(subject: Subject, one: Guest, *, site: Site, only: str, console: Console, log: Path) -> Verdict:
    told_steps = site.folder / settings.FILE_NAME
    told_steps.write_text(subject.settings)
    told = {
        "BAKERY_SETTINGS": str(told_steps),
        "BAKERY_OWN_STEPS": verify.own_steps_text(subject.definition.own_steps),
        "BAKERY_THROWAWAY": "1",
        # A native machine has none that a kernel writes to, and some clouds show theirs in a browser alone.
        "BAKERY_CONSOLES": "" if only or not one.console.read_text() else str(one.console),
    }
    argv = suite.argv([f"ssh://{one.name}"], report=site.folder / "report.xml", only=only)
    argv.append(f"--ssh-config={site.ssh_config}")
    return suite.judge(argv, env=told, console=console, log=log)


def _reach(place: Place, instance: Instance, *, site: Site, address: str, user: str, port: int) -> Guest:
    name = "first"
    with site.ssh_config.open("a") as config:
        config.write(guest.ssh_entry(name, address=address, port=port, user=user, site=site))
    console, log = site.folder / f"{name}.console", site.folder / f"{name}.log"
    console.touch()

    def fetch_console() -> None:
        console.write_text(place.console_text(instance.id))

    return Guest(name=name, ssh_config=site.ssh_config, console=console, log=log, fetch_console=fetch_console)
