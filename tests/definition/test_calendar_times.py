"""Calendar times are judged as systemd judges them, where it is there and where it is not."""

import shutil
import subprocess

import pytest

from bakery.definition import calendar_times

RIGHT = [
    "*-*-* 04:15:00",
    "04:15",
    "4:15",
    "daily",
    "weekly UTC",
    "Mon,Thu *-*-* 03:00:00",
    "Mon..Fri 22:30",
    "Sat *-*-1..7 18:00:00",
    "*-02~03",
    "Mon *-05~07/1",
    "2026-*-01/2 00:00",
    "*:0/15",
    "*-*-* 00/6:00:00",
    "Monday *-*-* 01,13:30 Europe/London",
    "Mon-Fri 08:05:40",
    "*-*-* *:*:00/20.5",
    "05-03",
]
WRONG = {
    "0 4 * * *": "it looks like cron's",
    "*/5 * * * *": "it looks like cron's",
    "4am": "hours go from 00 to 23, and minutes follow",
    "4:30 pm": "'pm' is no time zone",
    "": "it is empty",
    "soon": "neither days nor a time are in it",
    "*-*-* 25:00": "there is no hour 25",
    "*-13-01": "there is no month 13",
    "*-*-32": "there is no day 32",
    "04:60": "there is no minute 60",
    "*-*-* 04:15:00 Mars/Base": "'Mars/Base' is no time zone",
    "*-*-* x:15": "'x' is no hour",
    "Mond 04:15": "neither days nor a time are in it",
}


@pytest.mark.parametrize("text", RIGHT)
def test_what_systemd_takes_is_right(text: str) -> None:
    assert calendar_times.problem(text) == ""


@pytest.mark.parametrize(("text", "problem"), WRONG.items())
def test_what_it_does_not_take_is_told_why(text: str, problem: str) -> None:
    assert calendar_times.problem(text) == problem


def test_systemd_agrees() -> None:
    assert shutil.which("systemd-analyze"), "Debian and Ubuntu have it"
    for text, is_right in [*((one, True) for one in RIGHT), *((one, False) for one in WRONG)]:
        done = subprocess.run(["systemd-analyze", "calendar", "--", text], capture_output=True, check=False)
        assert (done.returncode == 0) is is_right, text
