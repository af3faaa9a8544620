"""The machine's own probe (provision/files/bakery-health): what it publishes is there for every minute to come."""

import os
import re
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from bakery import ROOT

PROBE = ROOT / "provision/files/bakery-health"
# A minute that turns whenever the time is asked.
DATE = """#!/bin/sh
now=$(cat "$0.now")
echo $((now + 59)) >"$0.now"
exec /bin/date -d "$(/bin/date -d "@$now" "+%F %T %z") $2" "$3"
"""


def test_no_minute_is_left_out_where_it_turns_while_the_answer_is_published(tmp_path: Path) -> None:
    functions = re.search(r"^publish\(\) \{\n.*?^\}\n", PROBE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert functions
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "date").write_text(DATE, encoding="utf-8")
    (programs / "date").chmod(0o755)
    (programs / "date.now").write_text("1700000039\n", encoding="utf-8")
    (tmp_path / "healthy").mkdir()
    script = f"set -euo pipefail\nstate={tmp_path} status=healthy\n{functions[0]}publish json '{{}}'"
    told = {"PATH": f"{programs}:{os.environ['PATH']}", "BAKERY_HEALTH_INTERVAL_S": "30", "TZ": "UTC"}
    subprocess.run(["bash", "-c", script], env=told, check=True)
    minutes = sorted(datetime.fromisoformat(path.stem) for path in (tmp_path / "healthy").iterdir())
    assert [later - minutes[0] for later in minutes] == [timedelta(minutes=number) for number in range(3)]
