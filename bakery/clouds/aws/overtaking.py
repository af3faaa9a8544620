"""Who has moved `latest` after us: two commands of two checkouts know nothing of each other but what AWS shows.

Parameter Store takes no condition with a write ("PutParameter" has none), so the last one has it. Each write has a
version of its own, though, and that tells the one before that it was not the last.
"""

from contextlib import suppress

from bakery.cloud import naming
from bakery.cloud.place import overtaken
from bakery.cloud.reconcile import Seen, Wanted
from bakery.clouds.aws import images, parameters
from bakery.clouds.aws.account import ApiError, Region
from bakery.core.errors import BakeryError

SETTLED_S = 10.0
"""Until when a write of ours has been checked by AWS, which answers it before that: then what shows is what stays."""


def is_later(region: Region, wanted: Wanted, seen: Seen) -> bool:
    """Return whether what `latest` shows was written by another command after we have written it."""
    ours = region.written.get(wanted.latest)
    if ours is None or seen.parameters.get(wanted.latest) == seen.image_id:
        return False
    # A write that AWS drops, since its check fails, uses up no version: an equal one is another's then.
    return seen.versions.get(wanted.latest, 0) >= ours


def error(region: Region, wanted: Wanted, image_id: str) -> BakeryError:
    """Return the error of a region whose `latest` is another command's."""
    name = ""
    with suppress(ApiError):
        there = images.at(region, image_id)
        name = naming.release_of(there.name) if there else ""
    is_rehearsal = region.account.is_rehearsal
    return overtaken(region.name, wanted, pointer=wanted.latest, by=name or image_id, is_rehearsal=is_rehearsal)


def failure(region: Region, wanted: Wanted, seen: Seen) -> BakeryError | None:
    """Return the error of a region that was done and whose `latest` another command has moved since."""
    one = parameters.read(region, [wanted.latest]).get(wanted.latest)
    if one and one.image_id != seen.image_id and one.version > seen.versions.get(wanted.latest, 0):
        return error(region, wanted, one.image_id)
    return None
