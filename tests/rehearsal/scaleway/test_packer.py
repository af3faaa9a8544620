"""Packer's own scaleway builder against the rehearsal: with the 1.6 series, a whole build from a local disk."""

import os
import subprocess
from pathlib import Path

from bakery.rehearsal import service
from bakery.rehearsal.scaleway import market
from bakery.rehearsal.scaleway.ground import Kind
from tests.scaleway_clients import ZONE, Clients

TEMPLATE = """
source "scaleway" "one" {{
  api_url         = "{url}"
  image           = "{image}"
  commercial_type = "DEV1-S"
  zone            = "fr-par-1"
  image_name      = "golden"
  snapshot_name   = "golden"
  server_name     = "golden"
  boottype        = "local"
  remove_volume   = true
  communicator    = "none"
}}
build {{
  sources = ["source.scaleway.one"]
}}
"""


def test_packer_builds_an_image_and_leaves_nothing_else(clients: Clients, tmp_path: Path) -> None:
    base = market.image_id(ZONE, "debian_bookworm", arch="x86_64", sort="instance_local")
    template = tmp_path / "one.pkr.hcl"
    template.write_text(TEMPLATE.format(url=clients.rehearsal.url, image=base))
    there = service.Running(url=clients.rehearsal.url, pid=0)
    folders = {"PACKER_CONFIG_DIR": str(tmp_path / "config"), "PACKER_CACHE_DIR": str(tmp_path / "cache")}
    env = {**os.environ, **folders, **service.scaleway_environment(there), "CHECKPOINT_DISABLE": "1"}
    built = subprocess.run(
        ["packer", "build", "-color=false", template],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (image,) = clients.instance.list_images(name="golden").images
    assert f"(ID: {image.id}) in zone 'fr-par-1'" in built.stdout
    assert image.root_volume.volume_type == "l_ssd"
    assert clients.instance.list_servers().servers == []
    assert clients.instance.list_volumes().volumes == []
    assert len([*clients.rehearsal.ground.of(Kind.SNAPSHOT)]) == 1
