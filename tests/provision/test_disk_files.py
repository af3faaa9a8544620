"""What `bakery-disk` makes on a machine, whoever else makes it at the same time."""

import os
import subprocess
from pathlib import Path

from bakery import ROOT

COMMANDS = {
    "systemd-detect-virt": "exit 1",
    "fallocate": 'shift; size=${1%MiB}; sleep 0.3; truncate --size "${size}M" "$2"; echo "made ${2##*/}" >>"$SAID"',
    "mkswap": 'sleep 0.3; touch "$2.is-swap"; echo "formatted" >>"$SAID"',
    "swapon": '[[ -e $1.is-swap ]] || { echo "no swap in $1" >&2; exit 255; }; echo "$1 file" >>"$SWAPS"',
}


def test_two_at_the_same_time_make_everything_once(tmp_path: Path) -> None:
    store, said, swaps = tmp_path / "store", tmp_path / "said", tmp_path / "swaps"
    swaps.touch()
    for name, body in COMMANDS.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\nset -eu\n{body}\n")
        (tmp_path / name).chmod(0o755)
    script = (ROOT / "provision/files/bakery-disk").read_text()
    script = script.replace("/var/lib/bakery", str(store)).replace("/proc/swaps", str(swaps))
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "BAKERY_SWAP_GB": "1",
        "BAKERY_BALLAST_MB": "1",
        "SAID": str(said),
        "SWAPS": str(swaps),
    }
    runs = [subprocess.Popen(["bash", "-c", script], env=environment, stderr=subprocess.PIPE) for _ in range(2)]
    ended = [(run.communicate(timeout=60)[1].decode(), run.returncode) for run in runs]
    assert ended == [("", 0), ("", 0)]
    assert said.read_text().splitlines() == ["made swap", "formatted", "made ballast.new"]
    assert {path.name for path in store.iterdir()} == {"swap", "swap.is-swap", "ballast"}
