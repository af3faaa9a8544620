"""The story of `invoke verify`: find what to verify, verify it."""

from bakery.catalog.record import Made
from bakery.contents import collect, kept
from bakery.core import folders
from bakery.core.console import Console
from bakery.core.errors import impossible
from bakery.definition import arch, bases, layers
from bakery.disk import artifact
from bakery.guests import accelerator as accelerators
from bakery.guests import suite, verify
from bakery.guests.accelerator import Accelerator
from bakery.guests.guest import Guest
from bakery.guests.suite import Verdict
from bakery.guests.verify import Subject


def image(name: str, *, base: str, accelerator: str, console: Console) -> Verdict:
    """Verify a baked image on fresh copies, which run as *accelerator* says; where it has no manifest it gets one.

    Raises BakeryError: exit code 2 when it was not baked yet or this machine cannot run it, 3 when machines do not run
    so here, 4 when it does not pass.
    """
    wanted = layers.whole(name)
    chosen = bases.base(base or wanted.base)
    arch.require_bakeable(wanted.arch, act="verified")
    made = artifact.local(name, chosen.name)
    record = made.read_record()
    if record is None:
        raise impossible(f"{made.disk} is not there", hint=f"./inv bake --image {name} --base {chosen.name}")
    subject = Subject(
        disk=made.disk,
        size_gb=wanted.disk.size_gb,
        user=chosen.default_user,
        settings=made.settings,
        own_steps=wanted.own_steps,
    )
    machine = accelerators.choose(accelerator)
    console.say(machine.line)

    def look(one: Guest, how: Accelerator) -> None:
        if not made.manifest.exists():
            taken = Made.of_record(record, size_gb=wanted.disk.size_gb)
            kept.write(made.manifest, collect.of(one, taken, machine=how.name))

    with console.phase("verify"):
        found = verify.verify_disk(subject, accelerator=machine, console=console, log=made.verdict, look=look)
    return suite.together(found)


def host(url: str, *, key: str, console: Console) -> Verdict:
    """Verify one machine that runs already, at ssh://[user@]address[:port]; its log is build/verify/local/host.log.

    Raises BakeryError: exit code 2 or 3 when it cannot be reached, 4 when it does not pass.
    """
    verify.require_login(url, key=key)
    with console.phase("verify"):
        return verify.verify_host(url, key=key, console=console, log=folders.build_dir("verify") / "host.log")
