"""How a night is spread over machines: who bakes which images, and who judges which of them where; asks no cloud."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from bakery.catalog import catalog, promotions
from bakery.catalog.catalog import Catalog, Release
from bakery.core.console import table
from bakery.core.errors import impossible
from bakery.definition import layers, place_names
from bakery.definition.bases import Arch
from bakery.release import plan

PLACES_EACH = 4
"""Places that one runner judges: three minutes each, one after the other."""
MOST_JOBS = 256
"""Jobs of one matrix (docs.github.com, "Running variations of jobs in a workflow")."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one machine does."""

    name: str
    options: str
    """For the command, quoted for a shell."""


def nights(names: Sequence[str], *, places: Sequence[str], is_rehearsal: bool = False) -> list[Job]:
    """Return a job of `nightly` for each family of images: those that stand on a common layer bake it once.

    Raises BakeryError (exit code 2) for an unknown image, and for what can be no place.
    """
    place_names.require_form(places)
    families: list[tuple[set[str], list[str]]] = []
    for name in dict.fromkeys(names or layers.names()):
        chain = {layer.name for layer in layers.chain(name)}
        near = [family for family in families if family[0] & chain]
        families = [family for family in families if family not in near]
        shared = chain.union(*(family[0] for family in near))
        families.append((shared, [*(one for family in near for one in family[1]), name]))
    regions = [*dict.fromkeys(places)]
    jobs = [
        Job(
            name=" ".join(members),
            options=_options({"--image": members, "--region": regions}, is_rehearsal=is_rehearsal),
        )
        for _, members in families
    ]
    return sorted(jobs, key=lambda job: job.name)


def unproven(names: Sequence[str], *, places: Sequence[str], is_rehearsal: bool, most: int = PLACES_EACH) -> list[Job]:
    """Return jobs of `verify`: places where a night's release is, was not baked, and is not `latest` yet.

    Raises BakeryError: exit code 2 like `nights`, and for a file that is no catalog; 3 like `plan.fingerprint_of`.
    """
    place_names.require_form(places)
    found = []
    for name in dict.fromkeys(names or layers.names()):
        definition, known = layers.whole(name), catalog.read(name, is_rehearsal=is_rehearsal)
        newest = _of_a_night(known, definition.arch)
        if newest is None or newest.verified_at is None or newest.bad_since is not None:
            continue
        history = known.history(definition.arch)
        left = [
            place
            for place in newest.places
            if place != newest.baked_in
            and (not places or place in places)
            and promotions.current(history, place) != newest.release
        ]
        for at in range(0, len(left), most):
            some = left[at : at + most]
            options = {"--image": [name], "--release": [newest.release], "--region": some}
            found.append(Job(name=f"{name} in {', '.join(some)}", options=_options(options, is_rehearsal=is_rehearsal)))
    return found


def _of_a_night(known: Catalog, arch: Arch) -> Release | None:
    """Return the newest release that clouds have baked from today's definition: a night points `latest` at no other."""
    having = known.having(arch)
    digests = {base: plan.fingerprint_of(known.image, base=base) for base in {one.base for one in having}}
    found = [one for one in having if one.fingerprint == digests[one.base]]
    return max(found, key=lambda one: one.release, default=None)


def as_json(jobs: Sequence[Job]) -> str:
    """Return a matrix as GitHub Actions reads it: `fromJSON` makes a job of each entry.

    Raises BakeryError (exit code 2) for more of them than it runs.
    """
    if len(jobs) > MOST_JOBS:
        hint = f"--image (some at a time), or with --unproven --per {2 * PLACES_EACH} or more"
        raise impossible(f"{len(jobs)} jobs, and GitHub Actions runs {MOST_JOBS} of a matrix at most", hint=hint)
    return json.dumps({"include": [asdict(job) for job in jobs]})


def show(jobs: Sequence[Job]) -> None:
    """Print the jobs, on stdout: they are the result."""
    table("jobs", ("job", "options"), [(job.name, job.options) for job in jobs], to_stdout=True)


def _options(values: Mapping[str, Sequence[str]], *, is_rehearsal: bool) -> str:
    words = [word for option, some in values.items() for value in some for word in (option, value)]
    return shlex.join([*words, *(["--rehearse"] if is_rehearsal else [])])
