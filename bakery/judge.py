"""The story of `invoke verify`: find what to judge, judge it."""

from bakery import accelerator, artifact, bases, images, store, verify
from bakery.console import Console
from bakery.errors import impossible
from bakery.verify import Subject, Verdict


def image(name: str, *, base: str, console: Console) -> Verdict:
    """Judge a baked image on two fresh copies.

    Raises BakeryError: exit code 2 when it was not baked yet, 4 when it does not pass.
    """
    wanted = images.whole(name)
    chosen = bases.base(base or wanted.base)
    made = artifact.local(name, chosen.name)
    if made.read_record() is None:
        raise impossible(f"{made.disk} is not there", hint=f"./inv bake --image {name} --base {chosen.name}")
    subject = Subject(
        disk=made.disk,
        size_gb=wanted.disk.size_gb,
        user=chosen.default_user,
        settings=made.settings,
        own_steps=wanted.own_steps,
    )
    machine = accelerator.probe()
    console.say(f"guests run with {machine.name.upper()}: {machine.reason}")
    with console.phase("verify"):
        return verify.verify_disk(subject, accelerator=machine, console=console, log=made.verdict)


def host(url: str, *, key: str, console: Console) -> Verdict:
    """Judge one machine that runs already, at ssh://[user@]address[:port]; its log is build/verify/local/host.log.

    Raises BakeryError: exit code 2 or 3 when it cannot be reached, 4 when it does not pass.
    """
    verify.require_login(url, key=key)
    with console.phase("verify"):
        return verify.verify_host(url, key=key, console=console, log=store.build_dir("verify") / "host.log")
