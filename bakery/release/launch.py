"""The story of launching: machines from a release in many regions at once, each waited for until it is healthy.

What cannot be is refused before the first machine costs anything; a region that fails later never harms another.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bakery.catalog.ids import choose_arch
from bakery.cloud import naming
from bakery.cloud.values import Launch
from bakery.clouds.aws import groups, instances, networks, tunnels
from bakery.clouds.aws.account import Account, Region
from bakery.core import scratch
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.core.parallel import everywhere
from bakery.definition import layers
from bakery.definition.aws import Login
from bakery.definition.model import Definition
from bakery.guests import accelerator, health
from bakery.release import publish
from bakery.release.launch_choice import Choice, choose, releases_of
from bakery.release.launch_order import Order

GROUP = "dokku-bakery"
WEB = (80, 443)
HEALTHY_DEADLINE_S = 600.0
HERE = "127.0.0.1"
"""Where a machine's health answers that is reached through a tunnel."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine that runs; *problem* says why it is not healthy."""

    region: str
    instance_id: str
    address: str
    login_user: str
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
        for name in dict.fromkeys(machine.region for machine in self.machines if machine.problem):
            failures[name] = self._illness(name)
        if failures:
            told = publish.refusal(failures)
            raise BakeryError(
                told.message, hint=told.hint, exit_code=ExitCode.FAILED if self.machines else told.exit_code
            )

    def _illness(self, region: str) -> BakeryError:
        ill = [machine for machine in self.machines if machine.region == region and machine.problem]
        told = "\n  ".join(f"{region}: {one.instance_id} runs at {one.address}, but {one.problem}" for one in ill)
        where = f"--region {region} --instance-id {ill[0].instance_id}"
        return BakeryError(told, hint=f"aws ec2 get-console-output --latest {where}")


def launch(order: Order, *, account: Account, console: Console) -> Launched:
    """Start the machines of an order; return those that run, and why others do not.

    Raises BakeryError (exit code 2) for what cannot be asked for, in whichever region: then nothing was started.
    """
    definition = layers.whole(order.image)
    arch = choose_arch(order.arch) if order.arch else definition.arch
    known = releases_of(order, arch, is_rehearsal=account.is_rehearsal)
    regions = account.require(order.regions)
    for region in regions:
        tunnels.require(region, definition.aws)

    def look(region: Region) -> Choice:
        return choose(region, order, definition, arch=arch, release=known[region.name] if known else None)

    with console.phase("look"):
        choices = everywhere(regions, look)
    require_possible(choices)
    if not order.key:
        console.say(f"no --key: no key of EC2 lets anybody in{_other_ways_in(definition)}")
    with console.phase("launch"):
        outcomes = _start_everywhere(regions, order, choices, definition=definition, console=console)
    return Launched(
        machines=[machine for outcome in outcomes.values() if isinstance(outcome, list) for machine in outcome],
        failures={name: outcome for name, outcome in outcomes.items() if isinstance(outcome, BakeryError)},
    )


def require_possible(choices: Mapping[str, Choice | BakeryError]) -> None:
    """Raise BakeryError (exit code 2) when one of the regions was asked for something that cannot be."""
    refused = {
        name: choice
        for name, choice in choices.items()
        if isinstance(choice, BakeryError) and choice.exit_code is ExitCode.IMPOSSIBLE
    }
    if refused:
        raise publish.refusal(refused)


def _start_everywhere(
    regions: Sequence[Region],
    order: Order,
    choices: Mapping[str, Choice | BakeryError],
    *,
    definition: Definition,
    console: Console,
) -> dict[str, list[Machine] | BakeryError]:
    """Start the machines of all regions at the same time, and end them all when the command is interrupted."""
    account, token, started = regions[0].account, secrets.token_hex(16), dict[str, list[str]]()

    def act(region: Region) -> list[Machine]:
        choice = choices[region.name]
        if isinstance(choice, BakeryError):
            raise choice
        started[region.name] = instances.start(region, _launch(region, order, choice, definition, token=token))
        console.say(f"{region.name}: {', '.join(started[region.name])} started from {choice.image.id}")
        found = _wait_running(region, started[region.name], choice)
        return _wait_healthy(region, found, definition=definition, console=console) if order.is_waiting else found

    def tell(region: Region, outcome: list[Machine] | BakeryError) -> None:
        for machine in outcome if isinstance(outcome, list) else ():
            console.say(_login(machine, account=account, is_tunnelled=definition.aws.login is Login.SSM))
        if isinstance(outcome, BakeryError):
            console.say(f"{region.name}: failed: {outcome.message}")

    try:
        return everywhere(regions, act, on_done=tell)
    except KeyboardInterrupt:
        # Whoever presses Ctrl-C is told that everything was cleaned up.
        for name, ids in started.items():
            instances.terminate(account.aside().region(name), ids, is_new=True)
        raise


def _launch(region: Region, order: Order, choice: Choice, definition: Definition, *, token: str) -> Launch:
    ports, aws = (*WEB, definition.health.port), definition.aws
    network = networks.find(region, aws)
    ours = {naming.TITLE: f"{order.image} {choice.release}", naming.IMAGE: order.image, naming.RELEASE: choice.release}
    return Launch(
        image_id=choice.image.id,
        instance_type=choice.instance_type,
        groups=[groups.for_login(region, aws, name=GROUP, network=network, ports=ports)],
        token=token,
        user_data=order.user_data,
        key_name=order.key,
        size_gb=choice.size_gb,
        root_device=choice.image.root_device,
        count=order.count,
        tags={**aws.tags, **ours},
        subnet=network.subnet,
        is_public=aws.login is Login.SSH,
        profile=aws.instance_profile,
    )


def _wait_running(region: Region, ids: Sequence[str], choice: Choice) -> list[Machine]:
    try:
        found = instances.wait_running(region, ids)
    except BakeryError as error:
        hint = f"aws ec2 terminate-instances --region {region.name} --instance-ids {' '.join(ids)}"
        raise BakeryError(error.message, hint=hint) from error
    return [
        Machine(
            region=region.name,
            instance_id=one.id,
            # A subnet without public addresses is reached through a VPN, or not at all.
            address=instances.address(region, one, is_private=True if choice.is_private else None),
            login_user=choice.login_user,
        )
        for one in found
    ]


def _wait_healthy(
    region: Region, found: Sequence[Machine], *, definition: Definition, console: Console
) -> list[Machine]:
    def ask(addresses: Sequence[str], port: int) -> dict[str, str]:
        return health.wait_healthy(
            addresses,
            port=port,
            deadline_s=HEALTHY_DEADLINE_S * slowness,
            pause=region.account.pause,
            say=lambda text: console.say(f"{region.name}: {text}"),
        )

    slowness, port = accelerator.probe().slowness if region.account.is_rehearsal else 1, definition.health.port
    if definition.aws.login is not Login.SSM:
        problems = ask([machine.address for machine in found], instances.port(region.account, port))
        return [replace(machine, problem=problems[machine.address]) for machine in found]
    told: list[Machine] = []
    with scratch.small() as folder:
        for one in found:
            with tunnels.opened(region, one.instance_id, port=port, log=folder / one.instance_id) as local:
                told.append(replace(one, problem=ask([HERE], local)[HERE]))
    return told


def _login(machine: Machine, *, account: Account, is_tunnelled: bool) -> str:
    port = instances.port(account, groups.SSH)
    option = f" -p {port}" if port != groups.SSH else ""
    state = f"  (not healthy: {machine.problem})" if machine.problem else ""
    if is_tunnelled:
        return (
            f"{machine.region}: aws ssm start-session --region {machine.region} --target {machine.instance_id}{state}"
        )
    return f"{machine.region}: ssh{option} {machine.login_user}@{machine.address}{state}"


def _other_ways_in(definition: Definition) -> str:
    named = ", ".join(definition.ssh.login)
    return f"; those of the definition do: {named}" if named else ", and the definition has no key that logs in"
