"""What a bake leaves is believed when it is whole, and told of in one line when it is not."""

from pathlib import Path
from typing import Any

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import BaseName
from bakery.disk import artifact
from bakery.disk.artifact import Artifact
from tests.records import a_record, write_record


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "a build"))
    found = artifact.local("host", BaseName.DEBIAN_12)
    found.folder.mkdir(parents=True)
    found.disk.touch()
    return found


def test_a_whole_record_is_read(made: Artifact) -> None:
    assert made.read_record() is None
    write_record(made)
    assert made.read_record() == a_record(made)
    made.disk.unlink()
    assert made.read_record() is None


@pytest.mark.parametrize("text", ["", "garbage", "null", "[]", "{}", '{"files": 3}', "\0\0\0", "\xff"])
def test_a_record_that_no_bake_has_written_is_one_line(text: str, made: Artifact) -> None:
    made.record.write_bytes(text.encode("latin-1"))
    with pytest.raises(BakeryError, match=r"host-debian-12.json is damaged") as caught:
        made.read_record()
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint == f"rm '{made.record}', then ./inv bake --image host --base debian-12"


@pytest.mark.parametrize("values", [{"seconds": 1}, {"fingerprint": None}, {"files": {}}, {"arch": 64}])
def test_so_is_one_that_lacks_what_is_read_of_it(values: dict[str, Any], made: Artifact) -> None:
    write_record(made, **values)
    with pytest.raises(BakeryError, match="is damaged"):
        made.read_record()
