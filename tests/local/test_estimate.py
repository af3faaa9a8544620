"""How long a bake will take: what the last one took, or what is typical, and said to be an estimate."""

import pytest

from bakery.guests.accelerator import Accelerator
from bakery.local import estimate

KVM = Accelerator(name="kvm", reason="")
TCG = Accelerator(name="tcg", reason="")
RECORD = {
    "image": "host",
    "base": "debian-12",
    "accelerator": "tcg",
    "seconds": {"base": 40.0, "packer": 100.5, "verify": 300.0},
}


def test_the_last_bake_tells_how_long_the_next_will_take() -> None:
    assert estimate.seconds(RECORD, has_below=False, accelerator=TCG) == (440.5, "the last bake of host-debian-12")


def test_a_bake_on_another_accelerator_tells_nothing() -> None:
    assert estimate.seconds(RECORD, has_below=False, accelerator=KVM)[0] < 100


@pytest.mark.parametrize(("has_below", "least"), [(False, 400), (True, 1000)])
def test_without_a_record_it_is_what_is_typical_of_such_an_image(has_below: bool, least: int) -> None:
    took, why = estimate.seconds(None, has_below=has_below, accelerator=TCG)
    assert took > least
    assert why == "typical where guests are emulated"


def test_with_kvm_it_is_called_a_guess() -> None:
    assert "guess" in estimate.seconds(None, has_below=True, accelerator=KVM)[1]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([(440.5, "the last bake of x")], "about 7 min (estimate: the last bake of x)"),
        ([(490, "typical"), (1140, "typical")], "about 27 min (estimate: typical)"),
        ([(490, "typical"), (300, "the last bake of x")], "about 13 min (estimate: typical; the last bake of x)"),
        ([(62, "w")], "about 60 s (estimate: w)"),
        ([(0, "w")], "about 10 s (estimate: w)"),
    ],
)
def test_bakes_one_after_another_are_one_estimate(parts: list[tuple[float, str]], text: str) -> None:
    assert estimate.line(parts) == text
