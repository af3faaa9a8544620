"""Times the local bake, cold and warm and unchanged, against a plain Packer template in the same run.

    .venv/bin/python bench/local_bake.py [--runs 1] [--accelerator auto]

Everything happens in a temporary folder with an empty cache. Prints a table of seconds and ratios, and JSON with
`--json`. The plain way gets a base without Docker and nginx, made by the same tools, and is not verified.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bakery.core import process  # noqa: E402
from bakery.core.console import Console, table  # noqa: E402
from bakery.definition.bases import BaseName  # noqa: E402
from bakery.disk import archive, artifact, qemu_img  # noqa: E402
from bakery.disk.base import sha256  # noqa: E402
from bakery.guests import accelerator, guest, qemu, seed  # noqa: E402
from bakery.local import plan  # noqa: E402
from bakery.local.plan import Order  # noqa: E402
from bakery.packer import engine  # noqa: E402

ORDER = Order(image="host", base=BaseName.DEBIAN_12)


def timed(work: Callable[[], object]) -> float:
    """Return the wall-clock seconds that *work* takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def our_recipe() -> archive.Recipe:
    """Return the recipe of our base, which has the packages unpacked that the plain way installs."""
    recipe = plan.make(ORDER).recipe
    assert recipe is not None
    return recipe


def plain_base(folder: Path) -> Path:
    """Make the base of the plain way: the same essentials, nothing that the template installs."""
    disk = folder / "plain-base.qcow2"
    archive.build(replace(our_recipe(), packages=()), out=disk, console=Console())
    return disk


def plain_packer(folder: Path, base: Path) -> None:
    """Bake with the plain template and compress the result as the bakery does."""
    key = guest.make_key(folder / "key")
    seed.make_seed(
        folder / "seed.iso",
        user_data=seed.user_data(public_keys=[key], is_grown=False),
        meta_data=seed.meta_data(instance_id="plain", hostname="plain"),
    )
    machine = accelerator.probe()
    values = {
        "base_disk": base,
        "base_sha256": sha256(base),
        "seed": folder / "seed.iso",
        "private_key": folder / "key",
        "firmware": qemu.firmware(),
        "accelerator": machine.name,
        "cpu": machine.cpu,
        "output_dir": folder / "output",
        "packages": " ".join(our_recipe().packages),
    }
    options = [option for name, value in values.items() for option in ("-var", f"{name}={value}")]
    environment = {**engine.ENVIRONMENT, "PACKER_CACHE_DIR": str(folder / "cache")}
    process.run(["packer", "build", *options, str(ROOT / "bench/plain.pkr.hcl")], env=environment)
    disk = folder / "output/disk.qcow2"
    process.run(qemu_img.to_qcow2_argv(disk, source_format="qcow2", out=folder / "plain.qcow2", is_compressed=True))


def inv(*words: str) -> None:
    """Run one command of ours as a user would."""
    process.run([str(ROOT / "inv"), *words], cwd=ROOT)


def once(folder: Path, *, chosen: str) -> dict[str, float]:
    """Measure everything one time in *folder*, ours with the accelerator that was chosen; return seconds by name."""
    os.environ |= {"XDG_CACHE_HOME": str(folder / "cache"), "BAKERY_BUILD_DIR": str(folder / "build")}
    ours = ("bake", "--image", ORDER.image, "--base", ORDER.base, "--accelerator", chosen)
    seconds = {"cold": timed(lambda: inv(*ours))}
    seconds |= {f"cold: {phase}": spent for phase, spent in phases().items()}
    seconds["unchanged"] = timed(lambda: inv(*ours))
    seconds["warm"] = timed(lambda: inv(*ours, "--force"))
    seconds |= {f"warm: {phase}": spent for phase, spent in phases().items()}
    seconds["invoke --list"] = timed(lambda: inv("--list"))
    base_s = timed(lambda: plain_base(folder))
    work = folder / "plain"
    work.mkdir()
    seconds["plain: packer"] = timed(lambda: plain_packer(work, folder / "plain-base.qcow2"))
    seconds["plain: base"] = base_s
    seconds["plain"] = base_s + seconds["plain: packer"]
    seconds["MB: ours"] = artifact.local("host", BaseName.DEBIAN_12).disk.stat().st_size / 1e6
    seconds["MB: plain"] = (work / "plain.qcow2").stat().st_size / 1e6
    return seconds


def phases() -> dict[str, float]:
    """Return the seconds of each phase of the last bake, from its record."""
    record = artifact.local("host", BaseName.DEBIAN_12).read_record()
    assert record is not None
    return {phase: float(spent) for phase, spent in record["seconds"].items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=1, help="how often; medians are printed")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--accelerator", default=accelerator.AUTO, help="ours: auto, kvm, native or tcg")
    options = parser.parse_args()
    runs = []
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory(prefix="bakery-bench-") as folder:
            runs.append(once(Path(folder), chosen=options.accelerator))
    median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    ratios = {}
    for kind in ("cold", "warm"):
        judged = median[f"{kind}: verify"] + median[f"{kind}: boxes"]
        ratios[f"{kind} bake, verified, with boxes / plain Packer"] = median[kind] / median["plain"]
        ratios[f"{kind} bake as far as plain Packer goes / plain Packer"] = (median[kind] - judged) / median["plain"]
    if options.json:
        print(json.dumps({"runs": runs, "median": median, "ratios": ratios}, indent=2))
        return
    rows = [(name, f"{value:.1f}") for name, value in median.items()]
    table(f"Median of {options.runs}", ("what", "seconds (or MB)"), rows, to_stdout=True)
    table("Ratios", ("what", "ratio"), [(name, f"{value:.2f}") for name, value in ratios.items()], to_stdout=True)


if __name__ == "__main__":
    main()
