"""Everything is decided before anything is done."""

from pathlib import Path

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases
from bakery.definition.bases import Arch, BaseFrom, BaseName
from bakery.disk import artifact
from bakery.local import plan
from bakery.local.plan import Order
from bakery.sources import apt
from bakery.sources.apt import AptSource, Mirrors, Origin
from tests.records import write_record

SOURCE = AptSource(uri="http://mirror.example/debian", suite="bookworm", components=("main",))


@pytest.fixture(autouse=True)
def build_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path))
    set_mirrors(monkeypatch, Mirrors(origin=Origin.HOST, sources=(SOURCE,)))
    return tmp_path


def set_mirrors(monkeypatch: pytest.MonkeyPatch, mirrors: Mirrors | None) -> None:
    monkeypatch.setattr(apt, "mirrors_for", lambda base: mirrors)


def bake_by_hand(order: Order) -> plan.Plan:
    """Put files where a finished bake would have left them."""
    made = plan.make(order)
    made.artifact.folder.mkdir(parents=True, exist_ok=True)
    made.artifact.disk.write_text("a disk")
    write_record(made.artifact, fingerprint=made.fingerprint, baked_at="2026-01-02T03:04:05")
    return made


def test_an_image_that_was_never_baked_is_to_be_baked() -> None:
    made = plan.make(Order(image="host"))
    assert not made.is_done
    assert made.lines()[-1] == "to do        bake and verify: there is no such image yet"


def test_the_same_fingerprint_leaves_nothing_to_do_unless_forced() -> None:
    bake_by_hand(Order(image="host"))
    assert plan.make(Order(image="host")).is_done
    assert plan.make(Order(image="host")).lines()[-1] == "to do        nothing: unchanged since 2026-01-02T03:04:05"
    assert not plan.make(Order(image="host", is_forced=True)).is_done


def test_a_record_without_its_disk_is_not_believed() -> None:
    bake_by_hand(Order(image="host")).artifact.disk.unlink()
    assert not plan.make(Order(image="host")).is_done


def test_another_base_is_another_image_beside_it() -> None:
    first = bake_by_hand(Order(image="host", base="debian-12"))
    other = plan.make(Order(image="host", base="debian-13"))
    assert not other.is_done
    assert other.fingerprint != first.fingerprint
    assert {first.artifact.disk.name, other.artifact.disk.name} == {"host-debian-12.qcow2", "host-debian-13.qcow2"}


@pytest.mark.parametrize(
    ("origin", "asked", "chosen"),
    [
        (Origin.HOST, "", BaseFrom.ARCHIVE),
        (Origin.HOST, "cloud", BaseFrom.CLOUD),
        (Origin.SAME_MIRROR, "", BaseFrom.CLOUD),
        (Origin.SAME_MIRROR, "archive", BaseFrom.ARCHIVE),
        (None, "", BaseFrom.CLOUD),
    ],
)
def test_the_archive_is_chosen_where_the_machines_own_sources_carry_the_release(
    monkeypatch: pytest.MonkeyPatch, origin: Origin | None, asked: str, chosen: BaseFrom
) -> None:
    set_mirrors(monkeypatch, Mirrors(origin=origin, sources=(SOURCE,)) if origin else None)
    made = plan.make(Order(image="host", base_from=asked))
    assert made.demand.base_from is chosen
    assert (made.recipe is not None) is (chosen is BaseFrom.ARCHIVE)


def test_the_layers_below_are_ordered_on_the_base_and_for_the_processor_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "host.toml").write_text("")
    (tmp_path / "shop.toml").write_text("from = 'host'\nbase = 'debian-13'\narch = 'arm64'")
    monkeypatch.setattr("bakery.definition.layers.chain.__kwdefaults__", {"folder": tmp_path, "arch": None})
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    shop = plan.make(Order(image="shop"))
    assert shop.below is not None
    below = plan.make(Order(image="shop").of_layer(shop.below))
    assert (below.artifact.stem, below.fingerprint) == ("host-debian-13", shop.below.fingerprint)
    assert below.recipe is not None
    assert below.recipe.arch is Arch.ARM64


def test_an_archive_this_machine_does_not_know_is_exit_code_3(monkeypatch: pytest.MonkeyPatch) -> None:
    set_mirrors(monkeypatch, None)
    with pytest.raises(BakeryError, match="apt sources name no ubuntu archive") as caught:
        plan.make(Order(image="host", base="ubuntu-24.04", base_from="archive"))
    assert caught.value.exit_code is ExitCode.MISSING
    assert caught.value.hint == "--base-from cloud, or a source for noble in /etc/apt/sources.list.d/"


def test_an_archive_that_is_not_known_leads_to_the_base_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Mirrors(origin=Origin.HOST, sources=(SOURCE,))
    monkeypatch.setattr(apt, "mirrors_for", lambda base: host if base.name == "debian-12" else None)
    with pytest.raises(BakeryError) as caught:
        plan.make(Order(image="host", base="ubuntu-24.04", base_from="archive"))
    assert caught.value.hint.startswith("--base debian-12, or --base-from cloud, or a source for noble")


@pytest.mark.parametrize(
    ("order", "message", "hint"),
    [
        (Order(image="hots"), "there is no image 'hots'", "did you mean 'host'?"),
        (Order(image="host", base="debian-21"), "there is no base 'debian-21'", "did you mean 'debian-13'?"),
        (Order(image="host", base_from="cluod"), "--base-from cluod: a base comes from", "did you mean 'cloud'?"),
    ],
)
def test_what_does_not_exist_is_exit_code_2_with_the_nearest_name(order: Order, message: str, hint: str) -> None:
    with pytest.raises(BakeryError, match=message) as caught:
        plan.make(order)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint == hint


def test_an_artifacts_files_share_the_name_of_image_and_base(build_dir: Path) -> None:
    made = artifact.local("host", bases.base("debian-12").name)
    assert made.disk == build_dir / "host/local/host-debian-12.qcow2"
    assert made.box("libvirt").name == "host-debian-12.libvirt.box"
    assert made.base is BaseName.DEBIAN_12
