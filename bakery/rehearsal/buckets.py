"""Gives the rehearsal cloud the buckets that a definition names, as its owner would have made them long before."""

from bakery.core.errors import missing
from bakery.definition import layers
from bakery.rehearsal import service


def lend(image: str) -> None:
    """See to it that the rehearsal cloud that runs has an image's buckets; one that is there is no mistake.

    Raises BakeryError (exit code 3) when no rehearsal runs.
    """
    named = layers.whole(image).scaleway.buckets
    if not named:
        return
    there = service.running()
    if there is None:
        raise missing("no rehearsal is running", hint="./inv bake --rehearse --region fr-par-1")
    service.ask(there, "POST", "buckets", body=dict(named))
