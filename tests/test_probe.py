"""The machine's own probe (provision/files/bakery-health): what it publishes is there for every minute to come."""

import os
import re
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from bakery import ROOT

PROBE = ROOT / "provision/files/bakery-health"
BEGIN = 1700000039  # the last second but one of its minute
# A clock that is almost a minute later at every command, however the time is asked: by bash's own variable, which is a
# plain one once it was unset, or by date, which reads the file that the variable is kept in.
CLOCK = """
set -o functrace
unset EPOCHSECONDS
EPOCHSECONDS=%d
trap 'EPOCHSECONDS=$((EPOCHSECONDS + 59)); echo "$EPOCHSECONDS" >"$CLOCK"' DEBUG
"""
DATE = """#!/bin/sh
exec /bin/date -d "$(/bin/date -d "@$(cat "$CLOCK")" "+%F %T %z") $2" "$3"
"""


def test_no_minute_is_left_out_where_it_turns_while_the_answer_is_published(tmp_path: Path) -> None:
    functions = re.search(r"^publish\(\) \{\n.*?^\}\n", PROBE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert functions
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "date").write_text(DATE, encoding="utf-8")
    (programs / "date").chmod(0o755)
    (tmp_path / "healthy").mkdir()
    clock = tmp_path / "clock"
    script = f"set -euo pipefail\nstate={tmp_path} status=healthy\n{functions[0]}{CLOCK % BEGIN}publish json '{{}}'"
    told = {"PATH": f"{programs}:{os.environ['PATH']}", "BAKERY_HEALTH_INTERVAL_S": "30", "TZ": "UTC"}
    subprocess.run(["bash", "-c", script], env={**told, "CLOCK": str(clock)}, check=True)
    assert int(clock.read_text(encoding="utf-8")) > BEGIN + 5 * 60, "the clock stood still"
    minutes = sorted(datetime.fromisoformat(path.stem) for path in (tmp_path / "healthy").iterdir())
    assert [later - minutes[0] for later in minutes] == [timedelta(minutes=number) for number in range(3)]
