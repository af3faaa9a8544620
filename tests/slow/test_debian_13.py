"""`host` on Debian 13, out of its package archive: another systemd, another Docker, the same questions."""

import json
from pathlib import Path

from tests.slow.conftest import environment_in, run_inv


def test_it_is_baked_and_judged(run_folder: Path) -> None:
    folder = run_folder / "debian-13"
    environment = environment_in(folder)
    done = run_inv(
        *("bake", "--image", "host", "--base", "debian-13", "--base-from", "archive"), environment=environment
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((folder / "build/host/local/host-debian-13.json").read_text())
    assert f"passed {sum(map(len, record['answered'].values()))} tests" in done.stderr
    assert [name for name in record["answered"]["guest"] if name.startswith("test_the_kernel_reported_no_error")]
    assert "does not boot natively" not in done.stderr
