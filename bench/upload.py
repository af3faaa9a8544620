"""Times bringing a local disk to a rehearsal cloud as blocks: ours, as users write it, the floor; a delta; 34 regions.

    .venv/bin/python bench/upload.py [--runs 3] [--only one nightly regions] [--users-gb 1]

Cloud and client are a process each on this machine and share its processors. Figures are medians. "requests" are the
blocks that the cloud was sent, as it counted them; CPU is the client's with what it started (qemu-nbd, qemu-img);
"peak" is the client's memory and "qemu" that of what it started; "cloud CPU" is what the rehearsal took meanwhile.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bakery.core.console import table  # noqa: E402
from bench import upload_clients as clients  # noqa: E402
from bench import upload_disks as disks  # noqa: E402
from bench.upload_clients import Client, Spent  # noqa: E402
from bench.upload_disks import BLOCK, SIZE_GB  # noqa: E402

LATENCY_MS, SMALL_BLOCKS, COUNTS, SERIAL = 100.0, 100, (1, 6, 17, 34), 6
NIGHTS = ("20260105-0415-0123456789ab", "20260106-0415-0123456789ab")
FEW = 4
PARTS = ("one", "nightly", "regions")
LOAD = os.getloadavg()[0]
"""Of the minute before it began."""
LOOK_S = 0.2
SPAWN = multiprocessing.get_context("spawn")


def serve(pipe: Any, folder: Path) -> None:
    """Run a rehearsal cloud that begins anew with each latency (ms) it is told, and tells calls and CPU for None."""
    from bakery.rehearsal.faults import Faults
    from bakery.rehearsal.server import serving
    from bench.publish import places

    with serving(folder=folder) as rehearsal:
        pipe.send(rehearsal.url)
        while (order := pipe.recv()) != "end":
            if order is not None:
                rehearsal.reset()
                for disk in rehearsal.world.folder.glob("snap-*.raw"):
                    disk.unlink()
                rehearsal.world.opted_in.update(places(COUNTS[-1]))
                rehearsal.faults = Faults(latency_ms=order)
            pipe.send((sum(call.action == "PutSnapshotBlock" for call in rehearsal.calls), clients.cpu_s()))


def report(pipe: Any, act: Client, url: str) -> None:
    """Do *act* in this process, which is a new one, and tell what it took."""
    pipe.send(act(url))


class Cloud:
    """A rehearsal cloud in a process of its own, and clients in theirs."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self.url: str = pipe.recv()

    def anew(self, *, latency_ms: float = 0.0) -> None:
        """Forget all there is; answer every call so much later from now on."""
        self._ask(latency_ms)

    def spent(self, act: Client) -> Spent:
        """Return what *act* took as a client."""
        puts, cpu = self._ask(None)
        here, there = SPAWN.Pipe(duplex=False)
        client = SPAWN.Process(target=report, args=(there, act, self.url))
        client.start()
        there.close()
        qemu = 0.0
        while not here.poll(LOOK_S):
            qemu = max(qemu, clients.qemu_mb(client.pid or 0))
        spent: Spent = here.recv()
        client.join()
        after, cpu_after = self._ask(None)
        return replace(spent, qemu_mb=qemu, requests=after - puts, cloud_cpu_s=cpu_after - cpu)

    def medians(self, runs: int, acts: dict[str, Client], *, latency_ms: float = 0.0) -> dict[str, Spent]:
        """Return the medians of several runs, each on a new cloud; all take turns, since a machine's speed drifts."""
        found: dict[str, list[Spent]] = {name: [] for name in acts}
        for _ in range(runs):
            for name, act in acts.items():
                self.anew(latency_ms=latency_ms)
                found[name].append(self.spent(act))
        return {name: clients.median(spent) for name, spent in found.items()}

    def _ask(self, order: float | None) -> tuple[int, float]:
        self._pipe.send(order)
        answer: tuple[int, float] = self._pipe.recv()
        return answer


@contextmanager
def running(folder: Path) -> Iterator[Cloud]:
    """Give the body a cloud."""
    here, there = SPAWN.Pipe()
    server = SPAWN.Process(target=serve, args=(there, folder))
    server.start()
    there.close()
    try:
        yield Cloud(here)
    finally:
        here.send("end")
        server.join()


def one_image(cloud: Cloud, raw: Path, data: set[int], *, runs: int, users_gb: int) -> list[str]:
    """Time the first night's disk on its way to one region, and print it; return what it comes to."""
    copy, disk, blocks = raw.with_name("copy.raw"), disks.at(raw, NIGHTS[0]), sorted(data)
    kind, every = "users', zeros left out", "users', every block"
    few, many = (f"floor, {count} connections" for count in (FEW, clients.CONNECTIONS))
    rows = cloud.medians(
        runs,
        {
            "ours": partial(clients.ours, regions=(clients.HOME,)),
            many: partial(clients.floor, raw=raw, indexes=blocks, connections=clients.CONNECTIONS),
            few: partial(clients.floor, raw=raw, indexes=blocks, connections=FEW),
            "reading the digests, once an image": clients.read_digests,
            kind: partial(clients.users, disk=disk, raw=copy, blocks=SIZE_GB << 11, is_kind=True),
            every: partial(clients.users, disk=disk, raw=copy, blocks=users_gb << 11, is_kind=False),
        },
    )
    copy.unlink()
    mine, factor = rows["ours"], SIZE_GB / users_gb
    rows[every] = replace(
        rows[every], requests=rows[every].requests * factor, cloud_cpu_s=rows[every].cloud_cpu_s * factor
    )
    show(f"{SIZE_GB} GiB, {disk.stat().st_size / 1e6:.0f} MB as qcow2, {len(data)} blocks with data", rows)
    return [
        f"{every}: puts timed for {users_gb} GiB and reckoned for {SIZE_GB}; the raw copy was made in full",
        f"requests: {mine.requests:.0f}, blocks with data: {len(data)}",
        *(f"speed / {name}: {rows[name].seconds / mine.seconds:.2f}, aim 0.80" for name in (many, few)),
        f"peak memory: {mine.peak_mb:.0f} MB, and {mine.qemu_mb:.0f} MB of qemu-nbd; aim 200 MB",
    ]


def nightly(cloud: Cloud, raw: Path, data: set[int], *, runs: int) -> list[str]:
    """Time the second night's disk, all of it and what differs, and print it; return what it comes to."""
    from bakery.disk import artifact
    from tests import local_images

    changed = disks.change(raw, data, chance=random.Random(2))  # noqa: S311  # the same changes each time
    disks.keep(raw, release=NIGHTS[1])
    everything = partial(clients.ours, regions=(clients.HOME,))
    whole, deltas = [], []
    for _ in range(runs):
        cloud.anew()
        whole.append(cloud.spent(everything))
        cloud.anew()
        disks.at(raw, NIGHTS[0])
        old, parent = artifact.local("host", local_images.BASE).blocks, cloud.spent(everything).snapshot
        disks.at(raw, NIGHTS[1])
        deltas.append(cloud.spent(partial(everything, parent=(parent, old))))
    delta = clients.median(deltas)
    show(f"The next night: {len(changed)} blocks changed", {"all of it": clients.median(whole), "what differs": delta})
    return [
        f"requests of the delta: {delta.requests:.0f}, blocks changed: {len(changed)}",
        f"StartSnapshot took {delta.start_s:.2f} s of the delta's, in which the rehearsal copies the parent's blocks",
    ]


def many_regions(cloud: Cloud, folder: Path, *, runs: int) -> list[str]:
    """Time a small disk on its way to 1 to 34 regions with a slow answer to every call; return what it comes to."""
    from bench.publish import places

    raw, chance = folder / "small.raw", random.Random(3)  # noqa: S311  # the same disk each time
    with raw.open("wb") as file:
        file.truncate(1 << 30)
        file.write(chance.randbytes(SMALL_BLOCKS * BLOCK))
    disks.keep(raw, release=NIGHTS[0])
    cloud.spent(clients.read_digests)
    serially = f"{SERIAL} one after another"
    acts: dict[str, Client] = {f"{count} at once": partial(clients.ours, regions=places(count)) for count in COUNTS}
    acts[serially] = partial(clients.ours, regions=places(SERIAL), is_serial=True)
    rows = cloud.medians(runs, acts, latency_ms=LATENCY_MS)
    show(f"{SMALL_BLOCKS} blocks to many regions, {LATENCY_MS:.0f} ms a call", rows)
    one_s = rows[serially].seconds / SERIAL
    return [
        f"{count} at once / one after another: {rows[f'{count} at once'].seconds / one_s / count:.2f}"
        f"{'' if count == SERIAL else f' (reckoned from {SERIAL})'}"
        for count in COUNTS[1:]
    ]


def show(title: str, rows: dict[str, Spent]) -> None:
    """Print a table whose ratios are to its first row."""
    first = next(iter(rows.values()))
    columns = ("", "seconds", "ratio", "CPU s", "cloud CPU s", "peak MB", "qemu MB", "requests", "MB sent")
    told = [
        (
            name,
            f"{one.seconds:.2f}",
            f"{one.seconds / first.seconds:.2f}",
            f"{one.cpu_s:.2f}",
            f"{one.cloud_cpu_s:.2f}",
            f"{one.peak_mb:.0f}",
            f"{one.qemu_mb:.0f}",
            f"{one.requests:.0f}",
            f"{one.requests * BLOCK / 1e6:.0f}",
        )
        for name, one in rows.items()
    ]
    table(title, columns, told, to_stdout=True)


def main() -> None:
    """Time everything as often as asked, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--users-gb", type=int, default=1, help="GiB of which every block is put (the rest is reckoned)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bakery-bench-") as name, running(Path(name)) as cloud:
        raw, data, said = Path(name, "disk.raw"), set[int](), []
        if {"one", "nightly"} & set(options.only):
            data = disks.fill(raw, chance=random.Random(1))  # noqa: S311  # the same disk each time
            disks.keep(raw, release=NIGHTS[0])
            cloud.spent(clients.read_digests)
        if "one" in options.only:
            said += one_image(cloud, raw, data, runs=options.runs, users_gb=options.users_gb)
        if "nightly" in options.only:
            said += nightly(cloud, raw, data, runs=options.runs)
        if "regions" in options.only:
            said += many_regions(cloud, raw.parent, runs=options.runs)
    print("\n".join([*said, f"load before and after: {LOAD:.1f}, {os.getloadavg()[0]:.1f}"]))


if __name__ == "__main__":
    main()
