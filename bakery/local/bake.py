"""The story of a bake: plan, ask the sources, base, Packer, verify, keep. Nothing is kept that was not verified."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bakery.contents import collect, kept, provenance, sbom, signature
from bakery.contents.provenance import Origin
from bakery.core import folders, process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.disk import base, qemu_img
from bakery.disk import digests as block_digests
from bakery.disk.artifact import Artifact
from bakery.disk.base import BaseDisk
from bakery.guests import accelerator, suite, verify
from bakery.guests.accelerator import Accelerator
from bakery.guests.guest import Guest
from bakery.guests.suite import Verdict
from bakery.local import estimate, native_bake, packer_input, plan
from bakery.local.native_bake import NotBootedError
from bakery.local.plan import Order, Plan
from bakery.packer import build, engine
from bakery.packer.engine import Packer
from bakery.packer.workspace import Workspace
from bakery.sources import packages, preflight
from bakery.vagrant import boxes, vagrantfile

NEED_GB = 6.0
"""Packer's copy of the base, the compressed image and two boxes at the same time, for images of ordinary size."""


def bake(order: Order, *, console: Console) -> Artifact:
    """Bake what was ordered, layers first, unless it is there already; return its artifact.

    Raises BakeryError with the exit codes that README.md lists; 4 when the image did not pass verification.
    """
    planned = plan.make(order)
    artifact = planned.artifact
    if planned.is_done:
        console.say(f"unchanged: {artifact.disk} ({planned.reason}; --force bakes it again)")
        return artifact
    with folders.cache_in_use(), folders.locked(artifact.lock, what=artifact.stem, console=console):
        planned = plan.make(order)
        if planned.is_done and not order.is_forced:
            console.say("unchanged: the other run has baked it")
            return artifact
        machine = accelerator.choose(order.accelerator)
        for line in [*planned.own_lines(), f"time         {expected(planned, machine=machine)}"]:
            console.say(line)
        # All sources of all layers, before the first of them costs minutes.
        signature.require_usable()
        with console.phase("preflight"):
            digests = preflight.preflight(planned.demand)
        asked_s = console.seconds["preflight"]
        below = bake(order.of_layer(planned.below), console=console) if planned.below else None
        console.seconds.clear()
        console.seconds["preflight"] = asked_s
        _bake_one(planned, below=below, digests=digests, machine=machine, console=console)
    return artifact


def expected(planned: Plan, *, machine: Accelerator) -> str:
    """Return how long a bake and those below it will take, for people."""
    parts = []
    one: Plan | None = planned
    while one is not None and not one.is_done:
        parts.append(estimate.seconds(one.record, has_below=one.below is not None, accelerator=machine))
        one = one.below
    return estimate.line(parts[::-1])


def base_disk(planned: Plan, *, below: Artifact | None, digests: Mapping[str, str], console: Console) -> BaseDisk:
    """Return the disk to begin with: the layer below, the archive's packages, or the distribution's cloud image."""
    if below is not None:
        record = below.read_record()
        assert record is not None
        return BaseDisk(path=below.disk, sha256=record["files"][below.disk.name]["sha256"])
    if planned.recipe is None:
        return base.from_cloud_image(planned.base, planned.definition.arch, console=console)
    return base.from_archive(planned.recipe, digests=digests, console=console)


def _bake_one(
    planned: Plan, *, below: Artifact | None, digests: Mapping[str, str], machine: Accelerator, console: Console
) -> None:
    packer = engine.installed()
    console.say(machine.line)
    folders.require_space(planned.artifact.folder, need_gb=NEED_GB, what=f"the image {planned.definition.name}")
    with console.phase("base"):
        disk = base_disk(planned, below=below, digests=digests, console=console)
    space = Workspace(folder=planned.artifact.workspace)
    try:
        with folders.work_dir(planned.artifact.folder) as work:
            with console.phase("packer"):
                steps, machine = _build(planned, space, disk=disk, machine=machine, packer=packer, console=console)
            draft = Artifact(image=planned.definition.name, base=planned.base.name, folder=work)
            with console.phase("compress"):
                _collect(space, draft=draft)
            digest = base.sha256(draft.disk)
            with boxes.vmdk_of(draft.disk) as vmdk:
                with console.phase("verify"):
                    found = _verify(planned, draft=draft, machine=machine, console=console)
                with console.phase("boxes"):
                    _make_boxes(planned, draft=draft, vmdk=vmdk(), digest=digest)
            with console.phase("digests"):
                block_digests.write(draft.blocks, block_digests.of(draft.disk, sha256=digest))
            record = _record(planned, disk=disk, packer=packer, machine=machine)
            record |= {"seconds": dict(console.seconds), "step_seconds": steps}
            record["answered"] = {name: list(verdict.asked) for name, verdict in found.items()}
            _state(planned, draft=draft, disk=disk, packer=packer, tests=found)
            _keep(planned, draft=draft, record=record)
    finally:
        space.clear()
    _summarize(planned.artifact, console=console)


def _build(
    planned: Plan, space: Workspace, *, disk: BaseDisk, machine: Accelerator, packer: Packer, console: Console
) -> tuple[dict[str, float], Accelerator]:
    """Let Packer run the steps; return the seconds each took, and how the machine did run in the end."""
    if machine.is_native:
        packer_input.prepare(space, planned, disk=None, accelerator=machine, packer=packer)
        try:
            return native_bake.build(space, planned, disk=disk, packer_=packer, console=console), machine
        except NotBootedError as error:
            machine = accelerator.probe()
            console.say(f"{planned.base.name} does not boot natively here: {error}")
            console.say(machine.line)
    packer_input.prepare(space, planned, disk=disk, accelerator=machine, packer=packer)
    return build.build(space, log=planned.artifact.unfinished.log, packer_=packer, console=console), machine


def _collect(space: Workspace, *, draft: Artifact) -> None:
    form = space.disk.suffix.removeprefix(".")
    process.run(qemu_img.to_qcow2_argv(space.disk, source_format=form, out=draft.disk, is_compressed=True))
    shutil.copy(space.packages, draft.packages)
    shutil.copy(space.settings, draft.settings)


def _verify(planned: Plan, *, draft: Artifact, machine: Accelerator, console: Console) -> dict[str, Verdict]:
    subject = verify.Subject(
        disk=draft.disk,
        size_gb=planned.definition.disk.size_gb,
        user=planned.base.default_user,
        settings=draft.settings,
        own_steps=planned.definition.own_steps,
    )

    def look(one: Guest, how: Accelerator) -> None:
        manifest = collect.of(one, planned.made, machine=how.name)
        kept.write(draft.manifest, manifest)
        draft.sbom.write_text(sbom.text(manifest))

    try:
        log = planned.artifact.unfinished.verdict
        found = verify.verify_disk(subject, accelerator=machine, console=console, log=log, look=look)
    except BakeryError as error:
        if error.exit_code is ExitCode.REJECTED:
            draft.disk.replace(planned.artifact.rejected)
            error.hint += f"; the image is kept as {planned.artifact.rejected}"
        raise
    total = suite.together(found).total
    each = ", ".join(f"{name} {verdict.total}" for name, verdict in found.items())
    console.update(f"passed {total} tests on fresh copies{f' ({each})' if len(found) > 1 else ''}")
    return found


def _make_boxes(planned: Plan, *, draft: Artifact, vmdk: Path, digest: str) -> None:
    name = vagrantfile.box_name(planned.definition.name, planned.base.name, digest)
    boxes.make_libvirt_box(draft.disk, out=draft.box("libvirt"), name=name)
    boxes.make_virtualbox_box(draft.disk, vmdk=vmdk, out=draft.box("virtualbox"), name=name)


def _record(planned: Plan, *, disk: BaseDisk, packer: Packer, machine: Accelerator) -> dict[str, object]:
    return {
        "image": planned.definition.name,
        "base": planned.base.name,
        "arch": planned.definition.arch,
        "fingerprint": planned.fingerprint,
        "release": planned.release,
        "plugins": {plugin.name: plugin.commit for plugin in planned.definition.plugins},
        "ssh_keys": {key.name: key.fingerprint for key in planned.keys},
        "baked_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "begin": {"disk": disk.path.name, "sha256": disk.sha256},
        "packer": str(packer),
        "accelerator": machine.name,
    }


def _state(planned: Plan, *, draft: Artifact, disk: BaseDisk, packer: Packer, tests: Mapping[str, Verdict]) -> None:
    """Write where the image comes from and what it passed."""
    manifest = kept.read(draft.manifest)
    assert manifest is not None
    origin = Origin(
        begin=disk.path.name,
        begin_digest=disk.sha256,
        steps=planned.definition.all_steps,
        tools={"packer": str(packer)},
        products={path.name: base.sha256(path) for path in (draft.disk, draft.sbom)},
    )
    asked = {name: verdict.asked for name, verdict in tests.items()}
    provenance.write(draft.provenance, manifest, origin=origin, tests=asked)


def _keep(planned: Plan, *, draft: Artifact, record: dict[str, object]) -> None:
    """Move everything to its place; the record goes away first and comes back last, so half of it is never believed."""
    kept = planned.artifact
    files = sorted(path for path in draft.folder.iterdir() if path.is_file())
    record["files"] = {path.name: {"bytes": path.stat().st_size, "sha256": base.sha256(path)} for path in files}
    # Written before anything is moved: a disk that is full by now must not cost what was baked before.
    folders.write_json(draft.record, record)
    kept.record.unlink(missing_ok=True)
    for path in files:
        path.replace(kept.folder / path.name)
    kept.unfinished.log.replace(kept.log)
    kept.unfinished.verdict.replace(kept.verdict)
    kept.rejected.unlink(missing_ok=True)
    draft.record.replace(kept.record)


def _summarize(artifact: Artifact, *, console: Console) -> None:
    timed = "  ".join(f"{phase} {seconds:.0f} s" for phase, seconds in console.seconds.items())
    console.say(f"baked and verified: {artifact.disk} ({artifact.disk.stat().st_size / 1e6:.0f} MB)")
    console.say(packages.summary(artifact.packages.read_text()))
    console.say(f"{timed}  total {sum(console.seconds.values()):.0f} s")
