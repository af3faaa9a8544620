"""What every test may use: golden files, renewed with `pytest --update-golden`, and a rehearsal cloud."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bakery.rehearsal.server import Rehearsal

GOLDEN = Path(__file__).parent / "golden"

Golden = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what is rendered now into tests/golden")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Return a check that a rendered text is the one kept under its name in tests/golden."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("update_golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"there is no {path}: pytest --update-golden writes it"
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture(scope="module")
def stage() -> "Iterator[Rehearsal]":
    """Run a rehearsal cloud for the tests of one file; whoever takes it resets it first."""
    # moto takes a second and a half, which the image tests should not pay for.
    from bakery.rehearsal.server import serving

    with serving() as rehearsal:
        yield rehearsal
