"""The story of launching: machines from a release in many regions at once, each waited for until it is healthy.

What cannot be is refused before the first machine costs anything; a region that fails later never harms another.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bakery.catalog.ids import choose_arch
from bakery.cloud import naming
from bakery.core import process, scratch
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.core.parallel import everywhere, failed
from bakery.definition import layers
from bakery.definition.model import Definition
from bakery.guests import health
from bakery.places import machine
from bakery.places.account import Account
from bakery.places.place import Place, Start
from bakery.release import publish
from bakery.release.launch_choice import Choice, choose, releases_of
from bakery.release.launch_order import Order

GROUP = "dokku-bakery"
SSH, WEB = 22, (80, 443)
HEALTHY_DEADLINE_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine that runs; *problem* says why it is not healthy."""

    region: str
    instance_id: str
    address: str
    login_user: str
    look: str
    """What to type to see what it says."""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Launched:
    """What came of an order: the machines, and why a region has none."""

    machines: Sequence[Machine]
    failures: Mapping[str, BakeryError]

    @property
    def addresses(self) -> list[str]:
        """The addresses of the machines that are as they were asked for."""
        return [machine.address for machine in self.machines if not machine.problem]

    def require_all(self) -> None:
        """Raise BakeryError unless all went well: exit code 1, or the regions' own where not one has a machine."""
        failures = dict(self.failures)
        for name in dict.fromkeys(one.region for one in self.machines if one.problem):
            failures[name] = self._illness(name)
        if failures:
            told = publish.NotDoneError(failures)
            raise BakeryError(
                told.message, hint=told.hint, exit_code=ExitCode.FAILED if self.machines else told.exit_code
            )

    def _illness(self, region: str) -> BakeryError:
        ill = [machine for machine in self.machines if machine.region == region and machine.problem]
        told = "\n  ".join(f"{region}: {one.instance_id} runs at {one.address}, but {one.problem}" for one in ill)
        return BakeryError(told, hint=ill[0].look)


def launch(order: Order, *, account: Account, console: Console) -> Launched:
    """Start the machines of an order; return those that run, and why others do not.

    Raises BakeryError (exit code 2) for what cannot be asked for, in whichever region: then nothing was started.
    """
    definition = layers.whole(order.image)
    arch = choose_arch(order.arch) if order.arch else definition.arch
    known = releases_of(order, arch, is_rehearsal=account.is_rehearsal)
    places = account.require(order.regions)
    for place in places:
        place.require_login(definition)

    def look(place: Place) -> Choice:
        return choose(place, order, definition, arch=arch, release=known[place.name] if known else None)

    with console.phase("look"):
        choices = everywhere(places, look)
    require_possible(choices)
    if not order.key and any(place.has_named_keys for place in places):
        console.say(f"no --key: no key of EC2 lets anybody in{_other_ways_in(definition)}")
    with console.phase("launch"):
        outcomes = _start_everywhere(places, order, choices, definition=definition, console=console)
    return Launched(
        machines=[machine for outcome in outcomes.values() if isinstance(outcome, list) for machine in outcome],
        failures=failed(outcomes),
    )


def require_possible(choices: Mapping[str, Choice | BakeryError]) -> None:
    """Raise BakeryError (exit code 2) when one of the regions was asked for something that cannot be."""
    refused = {
        name: choice
        for name, choice in choices.items()
        if isinstance(choice, BakeryError) and choice.exit_code is ExitCode.IMPOSSIBLE
    }
    if refused:
        raise publish.NotDoneError(refused)


def _start_everywhere(
    places: Sequence[Place],
    order: Order,
    choices: Mapping[str, Choice | BakeryError],
    *,
    definition: Definition,
    console: Console,
) -> dict[str, list[Machine] | BakeryError]:
    """Start the machines of all places at the same time, and end them all when the command is interrupted."""
    token, started = secrets.token_hex(16), dict[str, list[str]]()

    def act(place: Place) -> list[Machine]:
        choice = choices[place.name]
        if isinstance(choice, BakeryError):
            raise choice
        started[place.name] = place.start(_start(order, choice, definition, token=token))
        console.say(f"{place.name}: {', '.join(started[place.name])} started from {choice.image.id}")
        found = _wait_running(place, started[place.name], choice, definition=definition)
        return _wait_healthy(place, found, definition=definition, console=console) if order.is_waiting else found

    def tell(place: Place, outcome: list[Machine] | BakeryError) -> None:
        for one in outcome if isinstance(outcome, list) else ():
            console.say(_login(place, one, is_tunnelled=place.is_tunnelled(definition)))
        if isinstance(outcome, BakeryError):
            console.say(f"{place.name}: failed: {outcome.within(place.name)}")

    try:
        return everywhere(places, act, on_done=tell)
    except KeyboardInterrupt:
        _end_everywhere(places, started)
        raise


def _end_everywhere(places: Sequence[Place], started: Mapping[str, Sequence[str]]) -> None:
    """End what was started: whoever presses Ctrl-C, however often, is told that everything was cleaned up.

    Raises BakeryError instead, which names what may still run.
    """
    having = [place for place in places if place.name in started]
    with process.uninterrupted():
        outcomes = everywhere(having, lambda place: machine.end(place, started[place.name]))
        failures = failed(outcomes)
        if failures:
            told = publish.NotDoneError(failures)
            raise BakeryError(f"interrupted, and {told.message}", hint=told.hint)


def _start(order: Order, choice: Choice, definition: Definition, *, token: str) -> Start:
    return Start(
        image=choice.image,
        definition=definition,
        group=GROUP,
        instance_type=choice.instance_type,
        token=token,
        ports=(*WEB, definition.health.port),
        user_data=order.user_data,
        key_name=order.key,
        size_gb=choice.size_gb,
        count=order.count,
        tags={
            naming.TITLE: f"{order.image} {choice.release}",
            naming.IMAGE: order.image,
            naming.RELEASE: choice.release,
        },
    )


def _wait_running(place: Place, ids: Sequence[str], choice: Choice, *, definition: Definition) -> list[Machine]:
    try:
        found = place.wait_running(ids)
    except BakeryError as error:
        raise BakeryError(error.message, hint=place.hint_end(ids)) from error
    return [
        Machine(
            region=place.name,
            instance_id=one.id,
            address=place.address(one, definition, is_any=True),
            login_user=choice.login_user,
            look=place.hint_console(one.id),
        )
        for one in found
    ]


def _wait_healthy(place: Place, found: Sequence[Machine], *, definition: Definition, console: Console) -> list[Machine]:
    def ask(addresses: Sequence[str], port: int) -> dict[str, str]:
        return health.wait_healthy(
            addresses,
            port=port,
            deadline_s=HEALTHY_DEADLINE_S * slowness,
            pause=place.pause,
            say=lambda text: console.say(f"{place.name}: {text}"),
        )

    slowness, port = place.hardware.slowness, definition.health.port
    if not place.is_tunnelled(definition):
        problems = ask([machine.address for machine in found], place.port(port))
        return [replace(machine, problem=problems[machine.address]) for machine in found]
    told: list[Machine] = []
    with scratch.small() as folder:
        for one in found:
            with place.tunnel(one.instance_id, port=port, log=folder / one.instance_id) as (here, local):
                told.append(replace(one, problem=ask([here], local)[here]))
    return told


def _login(place: Place, machine: Machine, *, is_tunnelled: bool) -> str:
    port = place.port(SSH)
    option = f" -p {port}" if port != SSH else ""
    state = f"  (not healthy: {machine.problem})" if machine.problem else ""
    if is_tunnelled:
        return f"{place.name}: {place.hint_login(machine.instance_id)}{state}"
    return f"{place.name}: ssh{option} {machine.login_user}@{machine.address}{state}"


def _other_ways_in(definition: Definition) -> str:
    named = ", ".join(definition.ssh.login)
    return f"; those of the definition do: {named}" if named else ", and the definition has no key that logs in"
