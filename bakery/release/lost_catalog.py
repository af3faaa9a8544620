"""Whether the catalog of an image was lost: AWS has whole releases of it, and the catalog here has none at all.

What no catalog has is taken for another checkout's or for nobody's; where the catalog itself is gone it is neither.
"""

from collections.abc import Iterable, Sequence

from bakery.cloud import naming
from bakery.cloud.values import Image
from bakery.core.errors import BakeryError, impossible
from bakery.core.texts import counted
from bakery.release.recollection import is_release
from bakery.release.retention import Subject, Verdict


def find(subjects: Iterable[Subject], strangers: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    """Return, by image, the verified releases that are in no catalog because there is nothing in it."""
    empty = {one.definition.name for one in subjects if not one.known.releases}
    found: dict[str, list[Verdict]] = {}
    for one in strangers:
        if one.image in empty and one.found is not None and _is_verified_release(one.image, one.found):
            found.setdefault(one.image, []).append(one)
    return found


def rebuilding(image: str, *, is_rehearsal: bool) -> str:
    """Return the command that makes a catalog again."""
    return f"./inv catalog --rebuild{' --rehearse' if is_rehearsal else ''} --image {image}"


def refusal(lost: dict[str, list[Verdict]], *, is_rehearsal: bool) -> BakeryError:
    """Return the error (exit code 2) of a command that would take away what a catalog was lost for."""
    told = "; ".join(
        f"the catalog of {image} is empty, and the cloud has {_told(found)}" for image, found in lost.items()
    )
    hint = "; ".join(rebuilding(image, is_rehearsal=is_rehearsal) for image in lost)
    return impossible(f"{told}: nothing was removed", hint=f"{hint}  (makes it again out of what is there)")


def _is_verified_release(name: str, image: Image) -> bool:
    return naming.VERIFIED in image.tags and is_release(name, image)


def _told(found: Sequence[Verdict]) -> str:
    regions = ", ".join(sorted({one.region for one in found}))
    names = {one.release for one in found}
    return f"{counted(len(names), 'verified release')} of it in {regions}"
