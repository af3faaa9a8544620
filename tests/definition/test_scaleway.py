"""The table [scaleway]: what cannot be is one line with the key, before Scaleway is asked for anything."""

from pathlib import Path

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.layers import load_file
from bakery.definition.scaleway import Scaleway, Volume


def read(tmp_path: Path, text: str) -> Scaleway:
    path = tmp_path / "shop.toml"
    path.write_text(f"[scaleway]\n{text}\n")
    return load_file(path).scaleway


def test_nothing_is_asked_for_unless_it_is_written(tmp_path: Path) -> None:
    table = read(tmp_path, "")
    assert (table.zones, table.volume_type, table.buckets, table.tags) == ((), Volume.BLOCK, {}, {})


def test_every_key_can_be_set(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        """
        zones = ["fr-par-1", "it-mil-1"]
        instance_type = "COPARM1-2C-8G"
        volume_type = "l_ssd"
        buckets = { fr-par = "images-of-ours", it-mil = "images.it" }
        allow_from = ["203.0.113.0/24"]
        tags = { team = "web" }
        """,
    )
    assert table.zones == ("fr-par-1", "it-mil-1")
    assert (table.instance_type, table.volume_type) == ("COPARM1-2C-8G", Volume.LOCAL)
    assert table.buckets == {"fr-par": "images-of-ours", "it-mil": "images.it"}


def test_a_layer_below_is_baked_in_the_way_of_the_one_on_top_and_stays_where_it_was() -> None:
    below = Scaleway(zones=("fr-par-1",), tags={"team": "base"})
    top = Scaleway(zones=("pl-waw-1",), volume_type=Volume.LOCAL, instance_type="GP1-XS", buckets={"fr-par": "ours"})
    baked = below.to_bake_below(top)
    assert baked == top.model_copy(update={"zones": ("fr-par-1",)})


WRONG = {
    'zones = ["fr-par-9"]': ("zones.0: there is no zone 'fr-par-9'", "did you mean 'fr-par-3'?"),
    'zones = ["fr-par-1", "fr-par-1"]': ("zones: 'fr-par-1' is listed twice", ""),
    'zones = ["it-mil-1"]': (
        "zones: it-mil-1 has no block storage",
        'volume_type = "l_ssd", or without it-mil-1',
    ),
    'buckets = { fr-par-1 = "images" }': ("there is no region 'fr-par-1'", "did you mean 'fr-par'?"),
    'buckets = { fr-par = "Images" }': (
        "buckets.fr-par: 'Images' is no bucket's name: 3 to 63 small letters, digits, dots and dashes",
        "",
    ),
    'instance_type = "dev1-s"': ("instance_type: 'dev1-s' is no instance type such as 'DEV1-S'", ""),
    "tags = { 'bakery:x' = 'y' }": ("is a tag that is not yours to set", ""),
    "zone = ['fr-par-1']": ("zone: unknown key", "did you mean 'zones'?"),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_is_one_line(tmp_path: Path, text: str) -> None:
    problem, hint = WRONG[text]
    with pytest.raises(BakeryError) as caught:
        read(tmp_path, text)
    assert problem in caught.value.message
    assert "scaleway." in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_a_layer_takes_the_zones_of_the_one_below_and_is_held_to_its_own_disks(tmp_path: Path) -> None:
    from bakery.definition.layers import whole

    (tmp_path / "low.toml").write_text('[scaleway]\nzones = ["it-mil-1"]\nvolume_type = "l_ssd"\n')
    (tmp_path / "top.toml").write_text('from = "low"\n[scaleway]\nbuckets = { it-mil = "images" }\n')
    top = whole("top", folder=tmp_path).scaleway
    assert (top.zones, top.volume_type, top.buckets) == (("it-mil-1",), Volume.LOCAL, {"it-mil": "images"})
    (tmp_path / "top.toml").write_text('from = "low"\n[scaleway]\nvolume_type = "sbs_volume"\n')
    with pytest.raises(BakeryError, match="it-mil-1 has no block storage"):
        whole("top", folder=tmp_path)
