"""The story of a bake in AWS: plan, Packer, launch the new image, judge it, record it, copy it to the others.

Only what was launched and judged gets the tag `bakery:verified`; what was done before a kill is found again by name.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bakery.catalog import record
from bakery.catalog.catalog import Release
from bakery.cloud import naming
from bakery.contents import signature
from bakery.core import folders
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition import layers
from bakery.disk.artifact import Artifact
from bakery.packer import settings
from bakery.places.account import Account
from bakery.places.baking import Baking
from bakery.places.place import Place
from bakery.release import approve, plan, publish
from bakery.release.approve import Subject
from bakery.release.plan import RegionPlan


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for; the first region of each cloud bakes, the others get copies unless each is to bake."""

    image: str
    regions: tuple[str, ...]
    base: str = ""
    is_forced: bool = False
    is_per_region: bool = False


def bake(order: Order, *, account: Account, console: Console) -> Release:
    """Bake what was ordered unless it is there already, verify it, and bring it to all the regions; return the release.

    Raises BakeryError with the exit codes that README.md lists; 4 when the image did not pass verification.
    """
    places = require(order, account=account)
    release = bake_in(places[0], order, console=console)
    failures: dict[str, BakeryError] = {}
    for place in (places if order.is_per_region else homes(places))[1:]:
        try:
            bake_in(place, order, console=console, release=release)
        except BakeryError as error:
            failures[place.name] = error
            console.say(f"{place.name}: failed: {error.within(place.name)}")
    lost = {place.cloud for place in homes(places) if place.name in failures}
    done = tuple(place.name for place in places if place.name not in failures and place.cloud not in lost)
    wanted = publish.Order(image=order.image, release=release, regions=done)
    return publish.publish_rest(wanted, failures, account=account, console=console)


def homes(places: Sequence[Place]) -> list[Place]:
    """Return the first place of each cloud: nothing is copied from one cloud to another."""
    found: dict[str, Place] = {}
    for place in places:
        found.setdefault(place.cloud, place)
    return [*found.values()]


def require(order: Order, *, account: Account) -> list[Place]:
    """Return the places that were ordered.

    Raises BakeryError (exit code 2) for one that this account may not use, or where readers could not read the image.
    """
    signature.require_usable()
    places, definition = account.require(order.regions), layers.whole(order.image)
    for place in places:
        place.require_readable(definition)
    for place in places if order.is_per_region else homes(places):
        place.require_login(definition)
    return [*places]


def bake_in(place: Place, order: Order, *, console: Console, release: str = "") -> str:
    """Bake and verify in one place what is not there yet; return the release's name.

    *release* is the name of what another place has baked, so that this one's is the same.
    """
    with alone(order.image, place.name, console=console):
        planned = plan.make(order.image, place, base=order.base, release=release, is_forced=order.is_forced)
        for line in planned.lines():
            console.say(line)
        _bake_layer(place, planned, console=console)
    return planned.release


def alone(image: str, place: str, *, console: Console) -> AbstractContextManager[None]:
    """Let nobody else bake an image in a place, or write what it is baked from, while the body runs."""
    lock = folders.build_dir(image, place) / ".bake.lock"
    return folders.locked(lock, what=f"{image} in {place}", console=console)


def _bake_layer(place: Place, planned: RegionPlan, *, console: Console) -> str:
    """Bake and verify one layer, those below first; return the image's id."""
    if planned.found is not None and planned.is_verified:
        console.say(f"unchanged: {planned.found.id} in {place.name} ({planned.name})")
        record.record(planned.made, planned.found, region=place.name, is_rehearsal=place.is_rehearsal, console=console)
        return planned.found.id
    if planned.found is None:
        begin = _bake_below(place, planned.below, console=console) if planned.below else planned.base_image.id
        with console.phase(f"packer in {place.name}"):
            _pack(place, planned, begin=begin, console=console)
    return approve.approve(place, subject(place, planned), console=console, log=artifact(place, planned).verdict)


def _bake_below(place: Place, planned: RegionPlan, *, console: Console) -> str:
    """Do the same for a layer below, unless another run that was busy with it has done so."""
    with alone(planned.definition.name, place.name, console=console):
        return _bake_layer(place, plan.again(planned, place), console=console)


def subject(place: Place, planned: RegionPlan) -> Subject:
    """Return what is asked of a machine from the image of a plan, in whichever place."""
    user = place.login_user(planned.base, is_import=False)
    return Subject(made=planned.made, definition=planned.definition, user=user, settings=_settings(planned, user=user))


def _settings(planned: RegionPlan, *, user: str) -> str:
    told = settings.settings(
        planned.layers,
        planned.base,
        fingerprint=planned.fingerprint,
        release=planned.release,
        build_user=user,
        keys=planned.keys,
    )
    return settings.render_env(told)


def _pack(place: Place, planned: RegionPlan, *, begin: str, console: Console) -> None:
    baking = Baking(
        layers=planned.layers,
        definition=planned.definition,
        base=planned.base,
        keys=planned.keys,
        made=planned.made,
        source_image=begin,
        root_device=planned.base_image.root_device,
        artifact=artifact(place, planned),
    )
    console.say(f"{place.name}: baked {place.bake(baking, console=console)}")
    # A nightly asks it: where the base, or the layer below, is another one by now, this image is due.
    place.mark(place.wait_available(planned.name), {naming.BEGIN: begin})


def artifact(place: Place, planned: RegionPlan) -> Artifact:
    """Return where a bake in a place leaves its folder and its logs."""
    folder = folders.build_dir(planned.definition.name, place.name)
    return Artifact(image=planned.definition.name, base=planned.base.name, folder=folder)
