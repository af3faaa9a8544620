"""A history is drawn within its frame, and told in a sentence."""

from datetime import UTC, datetime, timedelta

import pytest

from bakery.report import charts
from bakery.report.charts import Point

BEGAN = datetime(2026, 1, 31, 4, 5, tzinfo=UTC)


def points(*values: float, days: int = 1) -> list[Point]:
    return [
        Point(at=BEGAN + timedelta(days=days * number), value=value, text=f"{value:g} s")
        for number, value in enumerate(values)
    ]


def line(drawing: charts.Drawing) -> list[tuple[int, int]]:
    return [(int(x), int(y)) for x, y in (place.split(",") for place in drawing.line.split())]


def test_nothing_has_no_drawing() -> None:
    assert charts.history([], title="Boot") is None


def test_it_is_told_in_a_sentence() -> None:
    drawing = charts.history(points(20, 35, 10, 25), title="Boot")
    assert drawing
    assert drawing.told == (
        "Boot: 20 s on 2026-01-31, 25 s on 2026-02-03; the least 10 s, the most 35 s, of 4 releases."
    )


def test_more_is_higher_and_later_is_further_to_the_right() -> None:
    drawing = charts.history(points(20, 35, 10), title="Boot")
    assert drawing
    (x1, y1), (x2, y2), (x3, y3) = line(drawing)
    assert x1 < x2 < x3
    assert y2 < y1 < y3
    assert drawing.end == (x3, y3)


@pytest.mark.parametrize("values", [(5,), (5, 5, 5), (0, 1e12), (3, 2, 1)])
@pytest.mark.parametrize("days", [0, 1, 1000])
def test_everything_is_within_the_frame(values: tuple[float, ...], days: int) -> None:
    drawing = charts.history(points(*values, days=days), title="Boot")
    assert drawing
    for x, y in line(drawing):
        assert charts.LEFT <= x <= charts.WIDTH - charts.RIGHT
        assert charts.TOP <= y <= charts.HEIGHT - charts.BOTTOM
    assert all(0 <= word.x <= charts.WIDTH and 0 < word.y < charts.HEIGHT for word in drawing.words)


def test_what_never_changed_has_one_value_and_one_day_one_date() -> None:
    drawing = charts.history(points(5, 5, days=0), title="Boot")
    assert drawing
    assert [word.text for word in drawing.words] == ["5 s", "2026-01-31"]
