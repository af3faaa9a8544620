"""A night right after a real bake, by the real archive: nothing would move, and no machine is started to learn that."""

import json
import shutil
from pathlib import Path

from tests.slow.conftest import HOST, NAME, Baked


def test_a_night_after_a_bake_has_nothing_to_do(baked: Baked) -> None:
    record = baked.record
    night = baked.inv("nightly", *HOST)
    assert night.returncode == 0, night.stderr
    assert "host (this machine): unchanged: same definition, base and packages" in night.stderr
    assert "unchanged" in night.stdout
    assert baked.record == record


def test_of_a_package_that_is_older_than_the_archives_a_night_says_so_and_of_no_other(
    baked: Baked, tmp_path: Path
) -> None:
    """As if the archive had a newer one by now: the list of what was baked is changed, and nothing is baked."""
    folder = tmp_path / "host/local"
    folder.mkdir(parents=True)
    (folder / baked.disk.name).symlink_to(baked.disk)
    shutil.copy(baked.folder / f"{NAME}.json", folder)
    lines = (baked.folder / f"{NAME}.packages.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    (real,) = [row[1] for row in rows if row[0] == "openssl"]
    older = [[row[0], "1.0" if row[0] == "openssl" else row[1], *row[2:]] for row in rows]
    (folder / f"{NAME}.packages.tsv").write_text("".join("\t".join(row) + "\n" for row in older))
    night = Baked(
        folder=folder,
        name=NAME,
        said="",
        printed="",
        environment={**baked.environment, "BAKERY_BUILD_DIR": str(tmp_path)},
    ).inv("nightly", *HOST, "--dry-run")
    assert night.returncode == 0, night.stderr
    assert "1 package would move" in night.stderr
    assert f"openssl 1.0 → {real}" in night.stdout
    assert json.loads((folder / f"{NAME}.json").read_text()) == baked.record
