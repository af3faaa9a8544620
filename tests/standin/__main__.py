"""Runs a command while the stand-in's archive is served: `python -m tests.standin ./inv bake --base debian-12`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.standin import images
from tests.standin.site import serving

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bakery-standin-") as folder, serving(Path(folder, "site")) as site:
        told = {"BAKERY_IMAGES_DIR": str(images.write(Path(folder, "images"), site=site))}
        sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, **told}, check=False).returncode)
