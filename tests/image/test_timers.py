"""What the machine does by itself over a day, a week and a month: each thing is started once, and succeeds."""

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.image.copy import Copy

# Those that are on, and ours, which first boot may switch on. What is a template alone has nothing to start.
TIMERS = """systemctl list-unit-files --type=timer --no-legend --plain |
    awk '$1 !~ /@/ && ($2 != "disabled" || $1 ~ /^bakery-/) { print $1 }'"""


@pytest.mark.throwaway
def test_whatever_a_timer_starts_succeeds(first: Copy) -> None:
    said = first.run(
        f"""
        for timer in $({TIMERS}); do
            unit=$(systemctl show --value --property=Unit "$timer")
            echo "$timer"
            systemctl reset-failed "$unit" 2>/dev/null
            timeout 900 systemctl start "$unit" 2>/dev/null && continue
            echo "FAILED $unit: $(journalctl --quiet --output=cat --lines=5 --unit="$unit")"
        done
        """
    )
    assert {"apt-daily.timer", "bakery-cleanup.timer", "logrotate.timer"} <= set(said.splitlines())
    assert "FAILED" not in said, said


# What cron(8) reads: its own table, those of packages, whose names have no dot, and those of people.
TABLES = "/etc/crontab $(find /etc/cron.d -type f -regex '.*/[A-Za-z0-9_-]+') $(find /var/spool/cron/crontabs -type f)"


def as_cron_would(lines: Iterable[str]) -> Iterator[str]:
    """Return for each line of the tables, FILE:LINE, the shell command that does as it says, and tells of a failure."""
    variables: dict[str, str] = {}
    for file, _, line in (line.partition(":") for line in lines):
        if found := re.fullmatch(r"\s*(\w+)\s*=\s*(.*?)\s*", line):
            value = shlex.quote(found[2].strip("\"'"))
            variables[file] = f"{variables.get(file, '')} {found[1]}={value}"
            continue
        times = 1 if line.lstrip().startswith("@") else 5
        is_persons = file.startswith("/var/spool/")
        words = line.split(None, times if is_persons else times + 1)
        user = Path(file).name if is_persons else words[times]
        told = f"env -i HOME=~{user} LOGNAME={user} PATH=/usr/bin:/bin{variables.get(file, '')}"
        start = f"runuser -u {user} -- {told} sh -c {shlex.quote(words[-1])} </dev/null 2>&1"
        yield f"{start} || echo {shlex.quote(f'FAILED: {file}: {line}')}"


@pytest.mark.throwaway
def test_whatever_cron_starts_succeeds(first: Copy) -> None:
    commands = list(as_cron_would(first.run(f"grep -HvE '^[[:space:]]*(#|$)' {TABLES}").splitlines()))
    assert [command for command in commands if "run-parts --report /etc/cron.daily" in command]
    assert first.run("\n".join(commands)) == ""  # cron would mail it


@pytest.mark.throwaway
def test_a_day_later_every_log_is_another_and_is_written_to(first: Copy, settings: dict[str, str]) -> None:
    """As logrotate does it the next night, when all of them are a day old."""
    said = first.run(
        """
        logs=$(ls -d /var/log/nginx/access.log /var/log/dokku/events.log 2>/dev/null)
        for log in $logs; do echo yesterday >>$log; done
        logrotate --force --state /run/rotated /etc/logrotate.conf 2>&1 || echo "exit code $?"
        for log in $logs; do
            grep -x --max-count=1 yesterday $log.1
            ! grep -q yesterday $log || echo "$log is the old one"
        done
        sleep 1 # nginx opens its logs again when it comes to it
        ls -l /proc/$(cat /run/nginx.pid)/fd | grep -o '/var/log/nginx/access.*'
        """
    )
    of_dokku = 1 if settings["BAKERY_DOKKU_PACKAGES"] else 0
    assert said.splitlines() == ["yesterday"] * (1 + of_dokku) + ["/var/log/nginx/access.log"]
