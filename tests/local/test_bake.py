"""The story of a bake, with its long parts played by functions that write a file: what is kept, and when.

The real parts are tested in their own files, and all together in tests/slow/test_bake.py.
"""

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakery.contents import collect, kept, provenance
from bakery.core import folders, process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.disk import base, digests
from bakery.disk.artifact import Artifact
from bakery.disk.base import BaseDisk
from bakery.disk.digests import Digests
from bakery.guests import accelerator, suite, verify
from bakery.local import bake, native_bake, packer_input, plan, render
from bakery.local.plan import Order
from bakery.packer import build, engine
from bakery.packer.workspace import Workspace
from bakery.sources import apt, preflight
from bakery.sources.apt import AptSource, Mirrors, Origin
from bakery.vagrant import boxes
from tests import manifests
from tests.waiting_run import DEADLINE_S, waiting

ORDER = Order(image="host", base="debian-12")
DIGESTS = Digests(disk_sha256="0" * 64, size_gb=40, blocks={0: bytes(32)})


class Kitchen:
    """Plays the parts, and notes them in the order in which they came."""

    def __init__(self, folder: Path) -> None:
        self.parts: list[str] = []
        self.is_good = self.boots_natively = True
        self.says = "what packer said\n"
        self.base = BaseDisk(path=folder / "base.qcow2", sha256="00")

    def played(self, part: str) -> Any:
        def play(*args: Any, **kwargs: Any) -> Any:
            self.parts.append(part)
            return getattr(self, part, lambda *a, **k: {})(*args, **kwargs)

        return play

    def prepare(self, space: Workspace, *_: Any, **__: Any) -> None:
        shutil.rmtree(space.folder, ignore_errors=True)

    def build(self, space: Workspace, *, log: Path, **_: Any) -> dict[str, float]:
        space.disk.parent.mkdir(parents=True)
        space.disk.write_text("a disk")
        space.packages.write_text("nginx\t1.22\tamd64\t1024\n")
        space.settings.parent.mkdir(parents=True)
        space.settings.write_text("BAKERY_IMAGE=host\n")
        log.write_text(self.says)
        return {"system": 1.0}

    def convert(self, argv: list[str], **_: Any) -> None:
        Path(argv[-1]).write_text(Path(argv[-2]).read_text())

    def build_natively(self, space: Workspace, planned: plan.Plan, **_: Any) -> dict[str, float]:
        if not self.boots_natively:
            raise native_bake.NotBootedError("its systemd wants other control groups")
        return self.build(space, log=planned.artifact.unfinished.log)

    def verify(self, subject: verify.Subject, *, log: Path, look: Any, **_: Any) -> dict[str, suite.Verdict]:
        assert subject.disk.read_text() == "a disk"
        log.write_text(self.says)
        look(None, accelerator.Accelerator(name="tcg", reason="a test"))
        if not self.is_good:
            raise BakeryError("the image did not pass 1 of 2 tests", hint="see", exit_code=ExitCode.REJECTED)
        return {"guest": suite.Verdict(asked=("test",) * 2)}

    def from_archive(self, *_: Any, **__: Any) -> BaseDisk:
        return self.base

    def box(self, *_: Path, out: Path, name: str, **__: Any) -> None:
        out.write_text(name)


@pytest.fixture
def kitchen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kitchen:
    made = Kitchen(tmp_path)
    source = AptSource(uri="http://mirror.example/debian", suite="bookworm", components=("main",))
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setattr(apt, "mirrors_for", lambda _: Mirrors(origin=Origin.HOST, sources=(source,)))
    monkeypatch.setattr(engine, "installed", lambda: engine.Packer(version=(1, 6, 6)))
    monkeypatch.setattr(accelerator, "choose", lambda _: accelerator.Accelerator(name="tcg", reason="a test"))
    monkeypatch.setattr(preflight, "preflight", made.played("preflight"))
    monkeypatch.setattr(base, "from_archive", made.played("from_archive"))
    monkeypatch.setattr(packer_input, "prepare", made.played("prepare"))
    monkeypatch.setattr(build, "build", made.played("build"))
    monkeypatch.setattr(native_bake, "build", made.played("build_natively"))
    convert, run = made.played("convert"), process.run
    # git, which the fingerprint asks, is no part of the play.
    monkeypatch.setattr(
        process, "run", lambda argv, **told: convert(argv) if argv[0] == "qemu-img" else run(argv, **told)
    )
    monkeypatch.setattr(verify, "verify_disk", made.played("verify"))
    monkeypatch.setattr(collect, "of", lambda _one, made, *, machine: manifests.of(made, machine=machine))
    monkeypatch.setattr(digests, "of", lambda *_, **__: DIGESTS)
    monkeypatch.setattr(boxes, "vmdk_of", lambda _: nullcontext(lambda: tmp_path / "disk.vmdk"))
    monkeypatch.setattr(boxes, "make_libvirt_box", made.played("box"))
    monkeypatch.setattr(boxes, "make_virtualbox_box", made.played("box"))
    return made


def artifact() -> Artifact:
    return plan.make(ORDER).artifact


def test_sources_are_asked_first_and_boxes_are_made_of_what_passed(kitchen: Kitchen) -> None:
    bake.bake(ORDER, console=Console())
    assert kitchen.parts == ["preflight", "from_archive", "prepare", "build", "convert", "verify", "box", "box"]
    record = artifact().read_record()
    assert record is not None
    assert record["fingerprint"] == plan.make(ORDER).fingerprint
    assert record["begin"] == {"disk": "base.qcow2", "sha256": "00"}
    assert record["step_seconds"] == {"system": 1.0}


def test_the_digests_of_the_disks_blocks_are_kept_with_it(kitchen: Kitchen) -> None:
    bake.bake(ORDER, console=Console())
    made = artifact()
    assert digests.read(made.blocks) == DIGESTS
    record = made.read_record()
    assert record
    assert made.blocks.name in record["files"]


def test_what_is_in_it_is_kept_with_it_as_the_guest_told(kitchen: Kitchen) -> None:
    bake.bake(ORDER, console=Console())
    made = artifact()
    found, record = kept.read(made.manifest), made.read_record()
    assert found
    assert record
    assert (found.release, found.fingerprint, found.machine) == (record["release"], record["fingerprint"], "tcg")
    assert {made.manifest.name, made.sbom.name, made.provenance.name} <= {*record["files"]}
    assert provenance.passed(made.provenance) == {"guest": 2}
    assert json.loads(made.sbom.read_text())["metadata"]["component"]["version"] == record["release"]


def test_the_second_bake_does_nothing_and_says_so(kitchen: Kitchen, capsys: pytest.CaptureFixture[str]) -> None:
    bake.bake(ORDER, console=Console())
    kitchen.parts.clear()
    bake.bake(ORDER, console=Console())
    assert kitchen.parts == []
    assert "unchanged: " in capsys.readouterr().err


def test_an_image_that_does_not_pass_is_kept_apart_and_the_good_one_stays(kitchen: Kitchen) -> None:
    bake.bake(ORDER, console=Console())
    good = artifact().record.read_text()
    kitchen.is_good = False
    with pytest.raises(BakeryError) as caught:
        bake.bake(Order(image="host", base="debian-12", is_forced=True), console=Console())
    assert caught.value.exit_code is ExitCode.REJECTED
    assert str(artifact().rejected) in caught.value.hint
    assert artifact().rejected.read_text() == "a disk"
    assert artifact().record.read_text() == good
    assert plan.make(ORDER).is_done


def test_a_good_bake_clears_the_rejected_one_away(kitchen: Kitchen) -> None:
    kitchen.is_good = False
    with pytest.raises(BakeryError):
        bake.bake(ORDER, console=Console())
    assert artifact().read_record() is None
    kitchen.is_good = True
    bake.bake(ORDER, console=Console())
    assert not artifact().rejected.exists()


def logs() -> dict[str, str]:
    folder = artifact().folder
    return {path.name: path.read_text() for path in folder.iterdir() if path.suffix == ".log"}


def test_the_logs_beside_an_image_are_those_of_its_own_bake(kitchen: Kitchen) -> None:
    bake.bake(ORDER, console=Console())
    first = {"host-debian-12.log": "what packer said\n", "host-debian-12.verify.log": "what packer said\n"}
    assert logs() == first
    kitchen.says, kitchen.is_good = "what it said then\n", False
    with pytest.raises(BakeryError):
        bake.bake(replace(ORDER, is_forced=True), console=Console())
    names = ("host-debian-12.unfinished.log", "host-debian-12.unfinished.verify.log")
    assert logs() == first | dict.fromkeys(names, "what it said then\n")
    kitchen.is_good = True
    bake.bake(replace(ORDER, is_forced=True), console=Console())
    assert logs() == dict.fromkeys(first, "what it said then\n")


def natively(monkeypatch: pytest.MonkeyPatch) -> None:
    native = accelerator.Accelerator(name="native", reason="a test")
    monkeypatch.setattr(accelerator, "choose", lambda _: native)
    monkeypatch.setattr(accelerator, "probe", lambda: accelerator.Accelerator(name="tcg", reason="no KVM"))


def test_where_machines_run_natively_packer_is_given_one(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    natively(monkeypatch)
    bake.bake(ORDER, console=Console())
    assert kitchen.parts[2:5] == ["prepare", "build_natively", "convert"]
    record = artifact().read_record()
    assert record is not None
    assert record["accelerator"] == "native"
    assert record["answered"] == {"guest": ["test", "test"]}


def test_a_base_that_does_not_boot_natively_is_baked_in_a_guest_and_that_is_said(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    natively(monkeypatch)
    kitchen.boots_natively = False
    bake.bake(ORDER, console=Console())
    assert kitchen.parts[2:6] == ["prepare", "build_natively", "prepare", "build"]
    record = artifact().read_record()
    assert record is not None
    assert record["accelerator"] == "tcg"
    said = capsys.readouterr().err
    assert "debian-12 does not boot natively here: its systemd wants other control groups" in said
    assert "guests run with TCG: no KVM" in said


def test_an_interrupted_bake_leaves_neither_disk_nor_key(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        space = Workspace(folder=artifact().workspace)
        space.folder.mkdir(parents=True)
        (space.folder / "key").write_text("private")
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "build", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bake.bake(ORDER, console=Console())
    assert {path.name for path in artifact().folder.iterdir()} == {".host-debian-12.lock", "host-debian-12.packer"}
    assert list(artifact().workspace.iterdir()) == []


def test_render_waits_for_a_bake_of_the_image_that_is_under_way(
    kitchen: Kitchen, capsys: pytest.CaptureFixture[str]
) -> None:
    with folders.locked(artifact().lock, what="a bake", console=Console()):
        rendering = waiting(lambda: render.write(ORDER, console=Console()), what="host-debian-12", capsys=capsys)
        assert kitchen.parts == []
    rendering.result(DEADLINE_S)
    assert kitchen.parts == ["prepare"]


@pytest.mark.parametrize("part", ["preflight", "from_archive", "build", "convert", "verify"])
def test_a_base_is_not_cleaned_away_under_a_bake(
    part: str, kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache/dokku-bakery").mkdir(parents=True)
    play: Any = getattr(kitchen, part, lambda *_, **__: {})

    def clean(*args: Any, **kwargs: Any) -> Any:
        with pytest.raises(BakeryError, match="the cache is in use"):
            folders.clean_cache()
        return play(*args, **kwargs)

    monkeypatch.setattr(kitchen, part, clean, raising=False)
    bake.bake(ORDER, console=Console())
    assert folders.clean_cache() == 0


LAYER = 'from = "host"\ndescription = "one more package"\nsteps = ["system"]\npackages = ["tree"]\n'


def test_a_layer_is_baked_on_the_finished_disk_of_the_one_below(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "host.toml").write_text("")
    (images / "more.toml").write_text(LAYER)
    monkeypatch.setattr("bakery.definition.layers.chain.__kwdefaults__", {"folder": images, "arch": None})
    bake.bake(Order(image="more", base="debian-12"), console=Console())
    assert kitchen.parts.count("build") == 2
    assert kitchen.parts.count("from_archive") == 1
    host = plan.make(ORDER).artifact
    more = plan.make(Order(image="more", base="debian-12")).artifact
    begin = json.loads(more.record.read_text())["begin"]
    assert begin == {"disk": host.disk.name, "sha256": base.sha256(host.disk)}
    kitchen.parts.clear()
    bake.bake(Order(image="more", base="debian-12", is_forced=True), console=Console())
    assert kitchen.parts.count("build") == 1
