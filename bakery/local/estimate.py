"""How long a bake will take, said as an estimate: what the last one took here, or else what is typical."""

from collections.abc import Mapping
from typing import Any

from bakery.guests.accelerator import Accelerator

BASE_S = 490
"""An image on a base, emulated on two cores (docs/performance.md, "How long it takes")."""
LAYER_S = 1140
"""An image on another one, likewise, with its image tests (docs/performance.md, "A whole test run")."""
NATIVE_BASE_S, NATIVE_LAYER_S = 180, 400
"""The same where machines run natively and one guest is emulated (docs/performance.md)."""


def seconds(record: Mapping[str, Any] | None, *, has_below: bool, accelerator: Accelerator) -> tuple[float, str]:
    """Return how many seconds one bake will take, and why so many.

    *record* is the last bake's, None where there was none; it counts where guests ran as they will now.
    """
    if record is not None and record["accelerator"] == accelerator.name:
        return sum(record["seconds"].values()), f"the last bake of {record['image']}-{record['base']}"
    if accelerator.is_native:
        return NATIVE_LAYER_S if has_below else NATIVE_BASE_S, "typical where machines run natively"
    typical = LAYER_S if has_below else BASE_S
    if accelerator.name == "kvm":
        return typical / 6, "a guess: with KVM none was measured"
    return typical, "typical where guests are emulated"


def line(parts: list[tuple[float, str]]) -> str:
    """Return the estimate of one bake after another for people, such as `about 9 min (estimate; …)`."""
    total = sum(part for part, _ in parts)
    reasons = "; ".join(dict.fromkeys(reason for _, reason in parts))
    rounded = f"{total / 60:.0f} min" if total >= 90 else f"{max(10, round(total, -1)):.0f} s"
    return f"about {rounded} (estimate: {reasons})"
