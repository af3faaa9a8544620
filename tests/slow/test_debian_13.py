"""`host` on Debian 13, out of its package archive: another systemd, another Docker, the same questions.

All of it is behind a proxy, as in many companies: each package comes through it, and nothing of it is in the image.
"""

import json
import os
from pathlib import Path

from bakery.core import process
from bakery.guests import filesystems
from tests.forwarding import forwarding
from tests.slow.conftest import environment_in, run_inv


def test_it_is_baked_and_verified_behind_a_proxy(run_folder: Path, tmp_path: Path) -> None:
    folder = run_folder / "debian-13"
    wanted = ("--image", "host", "--base", "debian-13", "--base-from", "archive")
    with forwarding() as proxy:
        told = {f"{scheme}_proxy": proxy.url for scheme in ("http", "https", "HTTP", "HTTPS")}
        done = run_inv("bake", *wanted, environment=environment_in(folder) | told)
    assert done.returncode == 0, done.stderr
    record = json.loads((folder / "build/host/local/host-debian-13.json").read_text())
    assert f"passed {sum(map(len, record['answered'].values()))} tests" in done.stderr
    assert [name for name in record["answered"]["guest"] if name.startswith("test_the_kernel_reported_no_error")]
    assert "does not boot natively" not in done.stderr
    packages = {name.rpartition("/")[2].partition("_")[0] for name in proxy.asked if name.endswith(".deb")}
    assert {"docker.io", "nginx", "systemd"} <= packages
    assert settings(folder / "build/host/local/host-debian-13.qcow2", tmp_path).count(proxy.url) == 0


def settings(disk: Path, folder: Path) -> str:
    """Return what an image says of proxies where its programs would look."""
    raw = folder / "image.raw"
    process.run(["qemu-img", "convert", "-O", "raw", str(disk), str(raw)])
    root = filesystems.of(raw, is_grown=False)[0]
    at, said = f"{raw}?offset={root.offset}", ""
    process.run(["debugfs", "-R", f"rdump /etc {folder}", at], is_checked=False)
    assert (folder / "etc/os-release").is_symlink()
    for place, _, names in os.walk(folder / "etc"):
        for name in names:
            path = Path(place, name)
            said += "" if path.is_symlink() else path.read_text(errors="replace")
    return said
