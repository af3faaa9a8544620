"""A real bake of `dokku` on `host`: real are Packer, machine, apt, Docker and nginx; dokku is its stand-in."""

import re
from pathlib import Path

from tests.slow.conftest import Baked


def test_the_layer_begins_with_the_very_disk_of_the_one_below(baked: Baked, baked_dokku: Baked) -> None:
    host = baked.record["files"][baked.disk.name]["sha256"]
    assert baked_dokku.record["begin"] == {"disk": baked.disk.name, "sha256": host}
    assert f"unchanged: {baked.disk}" in baked_dokku.said
    assert list(baked_dokku.record["step_seconds"]) == ["watches", "dokku", "plugins", "record", "seal", "check"]


def test_a_step_of_one_s_own_runs_among_ours_with_its_files(baked_dokku: Baked) -> None:
    """That it changes nothing when it runs again, the image tests have asked of a copy."""
    log = (baked_dokku.folder / "dokku-debian-12.log").read_text()
    own = log.partition("BAKERY step 1/6 watches start")[2].partition("BAKERY step 1/6 watches done")[0]
    assert "more watches for dokku" in own
    assert "wrote /etc/sysctl.d/60-watches.conf" in own


def test_its_own_layer_takes_nothing_from_the_distribution(baked_dokku: Baked) -> None:
    """The layer below has all that dokku's packages want, so no list of the distribution is fetched."""
    log = (baked_dokku.folder / "dokku-debian-12.log").read_text()
    assert re.findall(r"apt-get update \((\w+)\)", log) == ["docker", "dokku"]


def test_both_copies_were_judged_and_only_the_real_dokku_is_missing(baked_dokku: Baked) -> None:
    judged = (baked_dokku.folder / "dokku-debian-12.verify.log").read_text()
    assert re.search(r"\d+ passed", judged)
    assert set(re.findall(r"left out \((\w+)\)", judged)) == {"real_dokku"}


def test_the_record_names_plugins_and_keys(baked_dokku: Baked) -> None:
    record = baked_dokku.record
    assert re.fullmatch(r"[0-9a-f]{40}", record["plugins"]["letsencrypt"])
    assert record["ssh_keys"]["ci"].startswith("SHA256:")
    assert record["release"].endswith(record["fingerprint"][:12])


def test_what_it_holds_is_printed_after_the_bake(baked_dokku: Baked) -> None:
    assert re.search(r"holds \d+ packages, \d+ MB unpacked; the largest: ", baked_dokku.said)


def test_another_dokku_is_another_layer_and_the_same_host(baked_dokku: Baked) -> None:
    planned = baked_dokku.inv("bake", "--base", "debian-12", "--dry-run").stdout
    assert "to do        nothing: unchanged" in planned.partition("image        dokku")[2]
    definition = Path(baked_dokku.environment["BAKERY_IMAGES_DIR"], "dokku.toml")
    before = definition.read_text()
    try:
        definition.write_text(before.replace('version = "0.38.27"', 'version = "0.38.28"'))
        host, _, dokku = baked_dokku.inv("bake", "--base", "debian-12", "--dry-run").stdout.partition(
            "image        dokku"
        )
        assert "to do        nothing: unchanged" in host
        assert "to do        bake and verify: its definition changed" in dokku
        refused = baked_dokku.inv("bake", "--base", "debian-12")
        assert refused.returncode == 2
        assert "no dokku matches 0.38.28: there are 0.38.27" in refused.stderr
    finally:
        definition.write_text(before)
