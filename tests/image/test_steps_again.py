"""Running every step a second time changes nothing."""

import base64
import io
import os
import tarfile
from pathlib import Path

import pytest

from tests.image.copy import Copy

PROVISION = Path(__file__).parents[2] / "provision"
# What belongs to the machine, with modes, owners and the time of the last change (ctime tells a rewritten file).
LOOK = r"find /etc /usr /var/lib/dpkg -xdev -printf '%p %y %m %U:%G %s %C@ %l\n' | sort"


@pytest.mark.throwaway
def test_a_second_run_of_the_steps_changes_nothing(first: Copy) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(PROVISION, arcname="provision")
        for script in map(Path, filter(None, os.environ.get("BAKERY_OWN_STEPS", "").split(":"))):
            archive.add(script, arcname=f"provision/{script.name}")
            if script.with_suffix("").is_dir():
                archive.add(script.with_suffix(""), arcname=f"provision/{script.stem}")
    text = first.run(f"""
    rm -rf /run/again && mkdir /run/again && cd /run/again
    echo {base64.b64encode(packed.getvalue()).decode()} | base64 -d | tar -xz
    {LOOK} >before
    steps=$(
        for step in $(. /etc/bakery/image.env; echo "$BAKERY_STEPS_BELOW $BAKERY_STEPS"); do
            # A step of its owner's that is not here can only be left out.
            case $step in seal | check) ;; *) ! compgen -G "provision/??-$step.sh" >/dev/null || echo "$step" ;; esac
        done
    )
    BAKERY_SETTINGS=/etc/bakery/image.env bash provision/run $steps >said 2>&1 || {{ cat said; exit 1; }}
    {LOOK} >after
    diff before after | head -n 40
    grep -E '^  (wrote|enabled|held|apt-get)' said
    rm -rf /run/again /run/systemd/system/tmp.mount.d
    """)
    assert text.splitlines() == []
