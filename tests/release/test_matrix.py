"""How a night is spread over runners, by definitions and catalogs alone."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bakery.catalog import catalog, promotions
from bakery.catalog.catalog import Placed
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch
from bakery.release import matrix, plan
from tests.rehearsed import HOME, NOW, SIX, verified


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setattr("bakery.definition.layers.chain.__kwdefaults__", {"folder": tmp_path, "arch": None})
    monkeypatch.setattr("bakery.definition.layers.whole.__kwdefaults__", {"folder": tmp_path})
    monkeypatch.setattr("bakery.definition.layers.names.__defaults__", (tmp_path,))
    for name, below in {"host": "", "dokku": "host", "plain": "", "shop": "dokku"}.items():
        (tmp_path / f"{name}.toml").write_text(f'from = "{below}"\npackages = ["tree"]\n' if below else "")
    return tmp_path


def test_images_on_a_common_layer_are_one_job_and_others_their_own() -> None:
    found = {job.name: job.options for job in matrix.nights((), places=())}
    assert found == {"dokku host shop": "--image dokku --image host --image shop", "plain": "--image plain"}


def test_only_what_is_named_is_baked_where_it_is_said() -> None:
    (job,) = matrix.nights(("plain",), places=("eu-west-2", "us-east-1"))
    assert job.options == "--image plain --region eu-west-2 --region us-east-1"


def test_what_is_named_twice_is_done_once() -> None:
    (job,) = matrix.nights(("plain", "plain"), places=("eu-west-2", "eu-west-2"))
    assert (job.name, job.options) == ("plain", "--image plain --region eu-west-2")


@pytest.mark.parametrize("of", [matrix.nights, partial(matrix.unproven, is_rehearsal=True)])
def test_a_place_that_there_cannot_be_is_refused(of: Callable[..., object]) -> None:
    with pytest.raises(BakeryError, match="there is no region 'eu_west_2'") as caught:
        of((), places=("eu_west_2",))
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_two_images_that_share_only_a_layer_that_is_not_asked_for_stay_together(folder: Path) -> None:
    (folder / "blog.toml").write_text('from = "host"\npackages = ["tree"]\n')
    assert [job.name for job in matrix.nights(("blog", "dokku"), places=())] == ["blog dokku"]


def publish(*places: str, release: str = "20261127-0415-0123456789ab", is_bad: bool = False, digest: str = "") -> None:
    made = verified(release)
    there = {name: Placed(image_id=f"ami-{number:017x}", published_at=NOW) for number, name in enumerate(places)}
    digest = digest or plan.fingerprint_of("plain", base=made.base)
    update = {"places": there, "bad_since": NOW if is_bad else None, "fingerprint": digest}
    made = made.model_copy(update=update)
    catalog.change("plain", lambda known: known.with_release(made), is_rehearsal=True, console=Console())


def test_the_jobs_of_a_rehearsal_rehearse() -> None:
    publish(*SIX[:2])
    (night,) = matrix.nights(("plain",), places=(), is_rehearsal=True)
    assert night.options == "--image plain --rehearse"
    assert unproven()[0].endswith(" --rehearse")


def unproven(**told: int) -> list[str]:
    return [job.options for job in matrix.unproven((), places=(), is_rehearsal=True, **told)]


def test_each_place_of_a_new_release_but_its_own_is_judged_by_somebody() -> None:
    publish(*SIX)
    found = unproven(most=2)
    assert all(one.startswith("--image plain --release 20261127-0415-0123456789ab --region ") for one in found)
    assert sorted(re.findall(r"--region (\S+)", " ".join(found))) == sorted({*SIX} - {HOME})
    assert [one.count("--region") for one in found] == [2, 2, 1]


def test_where_it_is_latest_already_nobody_has_anything_to_do() -> None:
    publish(*SIX)

    def promoted(known: catalog.Catalog) -> catalog.Catalog:
        release = known.releases[0].release
        history = promotions.begin((), release, SIX, now=NOW)
        for place in SIX[:-1]:
            history = promotions.finish(history, release, place)
        return known.with_history(Arch.AMD64, history)

    catalog.change("plain", promoted, is_rehearsal=True, console=Console())
    assert unproven() == [f"--image plain --release 20261127-0415-0123456789ab --region {SIX[-1]} --rehearse"]


def test_a_bad_release_is_judged_nowhere() -> None:
    publish(*SIX, is_bad=True)
    assert unproven() == []


def test_what_a_night_would_not_promote_is_judged_nowhere(folder: Path) -> None:
    """Such as one that was sent up from a machine: no runner could tell whether it is of today's definition."""
    publish(*SIX[:2], digest="5" * 64)
    assert unproven() == []
    publish(*SIX[:2], release="20261126-0415-0123456789ab")
    assert unproven() == [f"--image plain --release 20261126-0415-0123456789ab --region {SIX[1]} --rehearse"]
    (folder / "plain.toml").write_text('packages = ["tree"]\n')
    assert unproven() == []


def test_the_matrix_is_what_github_takes() -> None:
    told = json.loads(matrix.as_json(matrix.nights((), places=())))
    assert told["include"][1] == {"name": "plain", "options": "--image plain"}
    assert json.loads(matrix.as_json([])) == {"include": []}


def test_more_jobs_than_github_runs_are_refused_and_none_is_dropped() -> None:
    jobs = [matrix.Job(name=f"image{number}", options="") for number in range(matrix.MOST_JOBS + 1)]
    assert len(json.loads(matrix.as_json(jobs[1:]))["include"]) == matrix.MOST_JOBS
    with pytest.raises(BakeryError, match="257 jobs, and GitHub Actions runs 256") as caught:
        matrix.as_json(jobs)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
