"""The story of an image that was baked here and goes to AWS as blocks: send, register, launch, judge, publish.

No machine of AWS's bakes anything; the one that judges is started from the new AMI, as for every other release.
"""

from bakery.catalog import catalog, record
from bakery.catalog.catalog import Release
from bakery.cloud import naming
from bakery.clouds.aws import desired, published, register, removal, upload
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.register import Registration
from bakery.clouds.aws.upload import Sent
from bakery.core import folders
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError, ExitCode
from bakery.core.parallel import everywhere
from bakery.disk import digests
from bakery.disk.blocks import BLOCK_SIZE
from bakery.release import approve, import_plan, publish
from bakery.release.import_plan import Order, Plan


def show(order: Order, *, account: Account, console: Console) -> None:
    """Print what an import would do. Raises BakeryError like `import_plan.make`."""
    plan = import_plan.make(order, account=account, console=console)
    columns = ("region", "to do", "why")
    title = f"{plan.image.made.name} from this machine ({len(plan.known.blocks)} blocks of {BLOCK_SIZE} bytes)"
    table(title, columns, plan.rows(order), to_stdout=True)
    print(f"the other regions: {plan.choice.way} ({plan.choice.why})")  # noqa: T201  # the plan is the result


def bring(order: Order, *, account: Account, console: Console) -> Release:
    """Bring the image that was baked here to its regions as a verified release, and return it.

    Raises BakeryError with the exit codes that README.md lists; 4 when it did not pass verification there.
    """
    plan = import_plan.make(order, account=account, console=console)
    made = plan.image.made
    for row in plan.rows(order):
        console.say(": ".join(filter(None, row)))
    console.say(f"the other regions: {plan.choice.way} ({plan.choice.why})")
    with folders.locked(plan.image.artifact.folder / f".{made.image}.import.lock", what=made.name, console=console):
        sent = _send(order, plan, account=account, console=console)
        at_home = sent.get(plan.home.name)
        if isinstance(at_home, BakeryError):
            raise at_home
        _judge(plan, at_home, sent, console=console)
        others = [one.region for one in plan.targets[1:] if isinstance(sent.get(one.region.name), Sent)]
        registered = everywhere(others, lambda region: _register(region, plan, sent[region.name]))
    failures = {name: one for name, one in {**sent, **registered}.items() if isinstance(one, BakeryError)}
    done = tuple(name for name in dict.fromkeys((plan.home.name, *order.regions)) if name not in failures)
    wanted = publish.Order(image=order.image, release=made.release, regions=done)
    release = publish.publish(wanted, account=account, console=console)
    if failures:
        raise publish.refusal(failures)
    return release


def _send(order: Order, plan: Plan, *, account: Account, console: Console) -> dict[str, Sent | BakeryError]:
    """Send to every target that has no AMI yet, and keep the digests for the release that comes next."""
    made, targets = plan.image.made, [one for one in plan.targets if one.region.name not in plan.has]
    sent: dict[str, Sent | BakeryError] = {}
    if targets:
        with console.phase("upload"):
            sent = upload.upload(
                plan.image, plan.known, targets, account=account, console=console, is_verified=order.is_read_back
            )
    path = catalog.digests_of(made.image, made.release, made.arch, is_rehearsal=account.is_rehearsal)
    digests.write(path, plan.known)
    return sent


def _judge(plan: Plan, at_home: Sent | None, sent: dict[str, Sent | BakeryError], *, console: Console) -> None:
    """Make the AMI at home and let it be judged; what others were sent is removed when it does not pass."""
    if at_home is not None:
        _register(plan.home, plan, at_home)
    there = published.find(plan.home, name=plan.image.made.name)
    if there is not None and naming.VERIFIED in there.tags:
        console.say(f"{plan.home.name}: {there.id} was verified already")
        record.record(
            plan.image.made, there, region=plan.home.name, is_rehearsal=plan.home.account.is_rehearsal, console=console
        )
        return
    image = plan.image
    subject = approve.Subject(
        made=image.made,
        definition=image.definition,
        user=image.base.default_user,
        settings=image.artifact.settings.read_text(),
    )
    log = folders.build_dir(image.made.image, plan.home.name) / image.artifact.verdict.name
    try:
        approve.approve(plan.home, subject, console=console, log=log)
    except BakeryError as error:
        if error.exit_code is ExitCode.REJECTED:
            _withdraw(plan, sent, console=console)
        raise


def _withdraw(plan: Plan, sent: dict[str, Sent | BakeryError], *, console: Console) -> None:
    for target in plan.targets[1:]:
        outcome = sent.get(target.region.name)
        if isinstance(outcome, Sent):
            console.say(f"{target.region.name}: removes {outcome.snapshot}, the image did not pass")
            removal.remove_snapshot(target.region, outcome.snapshot)


def _register(region: Region, plan: Plan, sent: Sent | BakeryError) -> str:
    assert isinstance(sent, Sent)
    image, made = plan.image, plan.image.made
    release = record.entry(made, region=plan.home.name, image=None)
    return register.register(
        region,
        Registration(
            name=made.name,
            description=desired.described(image.definition.description),
            arch=made.arch,
            snapshot=sent.snapshot,
            size_gb=max(made.size_gb, plan.known.size_gb),
            boot_mode=plan.boot_mode,
            tags=desired.tags(release, image=made.image, own=image.definition.aws.tags),
        ),
    )
