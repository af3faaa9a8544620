"""Times baking dokku as a layer on a cached host against baking everything at once, in the same run.

    .venv/bin/python bench/layers.py [--runs 1] [--json]

Both are the project's own way, as far as the compressed image: without verification and boxes, which take the same for
both. dokku comes from the stand-in of the tests, so the layer's own packages are small: what is compared is everything
around them. A temporary folder holds it all, with the cache of bases as it is.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

STEPS = 'steps = ["system", "disk", "docker", "nginx", "ssh", "cleanup", "health", "firstboot", "dokku", "plugins"]'


def write_everything(folder: Path) -> None:
    """Write everything.toml: what host and dokku say, in one image without layers."""
    host = (folder / "host.toml").read_text()
    dokku = (folder / "dokku.toml").read_text()
    tables = dokku[dokku.index("[dokku]") :]
    head, _, nginx = host.partition("[nginx]")
    (folder / "everything.toml").write_text(f"{head}{STEPS}\n\n[nginx]{nginx}\n{tables}")


def seconds_of(image: str) -> float:
    """Bake an image, and return the seconds from asking the sources to the compressed disk."""
    from bakery.core.console import Console
    from bakery.guests import verify
    from bakery.local import bake
    from bakery.local.plan import Order
    from bakery.vagrant import boxes

    def no_box(image: Path, *, out: Path, name: str, **_: Path) -> Path:
        out.write_text(f"{name}: no box of {image}")
        return out

    verify.verify_disk = lambda *_, **__: {}

    @contextmanager
    def no_vmdk(image: Path) -> Iterator[Callable[[], Path]]:
        yield lambda: image

    boxes.vmdk_of = no_vmdk
    boxes.make_libvirt_box = boxes.make_virtualbox_box = no_box
    artifact = bake.bake(Order(image=image, base="debian-12", is_forced=True), console=Console())
    record = artifact.read_record()
    assert record is not None
    return float(sum(record["seconds"][phase] for phase in ("preflight", "base", "packer", "compress")))


def main() -> None:
    """Bake host, then both ways as often as asked, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from tests.standin import images
    from tests.standin.site import serving

    with tempfile.TemporaryDirectory(prefix="bakery-bench-") as name, serving(Path(name, "site")) as site:
        folder = images.write(Path(name, "images"), site=site)
        write_everything(folder)
        os.environ |= {"BAKERY_IMAGES_DIR": str(folder), "BAKERY_BUILD_DIR": str(Path(name, "build"))}
        found = {"host": [seconds_of("host")], "layer": [], "everything": []}
        for _ in range(options.runs):
            found["layer"].append(seconds_of("dokku"))
            found["everything"].append(seconds_of("everything"))
    medians = {way: round(statistics.median(runs), 1) for way, runs in found.items()}
    medians["ratio"] = round(medians["layer"] / medians["everything"], 2)
    if options.json:
        print(json.dumps(medians))
        return
    print("\n".join(f"{way:<12}{value:>8}" for way, value in medians.items()))


if __name__ == "__main__":
    main()
