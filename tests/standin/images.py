"""The project's own definitions, with the stand-in's archive and plugin in the place of the real ones."""

import shutil
from pathlib import Path

from bakery import ROOT
from bakery.guests import guest
from tests.standin.site import Site


def write(folder: Path, *, site: Site) -> Path:
    """Copy images/ to *folder* and let `dokku` take dokku, buildx and letsencrypt from *site*; return *folder*.

    A key is in it too, as in an image that nobody else gets, and the example of a step of one's own.
    """
    shutil.copytree(ROOT / "images", folder)
    real = (folder / "dokku.toml").read_text()
    head, _, _ = real.partition("[[plugins]]")
    head = head.replace('from = "host"\n', 'from = "host"\nsteps = ["./examples/65-watches.sh"]\n')
    settings = f"""\
archive = "{site.dokku_archive}"
archive_key = "{site.key}"

[docker]
archive = "{site.docker_archive}"
archive_key = "{site.key}"

[ssh.keys]
ci = "{guest.make_key(folder / "ci")}"

[[plugins]]
name = "letsencrypt"
url = "{site.plugin_url}"
commit = "{site.plugin_commit}"
"""
    (folder / "dokku.toml").write_text(head.rstrip() + "\n" + settings)
    return folder
