"""A script beside one's definitions is a step among ours, under the same rules; without one nothing is otherwise."""

import json
import re
import shutil
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases
from bakery.definition.choices import DEFAULT_STEPS, Step
from bakery.definition.layers import chain, effective, whole
from bakery.definition.own_steps import OwnStep
from bakery.guests import verify
from bakery.packer import engine, fingerprint, settings
from tests.definition.test_house_rules import GOOD

EXAMPLES = ROOT / "images/examples"
NO_STEP = "is no step of one's own such as './65-name.sh', in the definition's folder or below it"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "steps.d"
    (own / "65-watch").mkdir(parents=True)
    (own / "65-watch/deep").mkdir()
    (own / "65-watch/deep/file").write_text("x = 1\n")
    script = own / "65-watch.sh"
    script.write_text(GOOD)
    script.chmod(0o755)
    (tmp_path / "shop.toml").write_text('from = "host"\nsteps = ["./steps.d/65-watch.sh"]\npackages = ["htop"]')
    return tmp_path


def refusal(folder: Path) -> tuple[str, str]:
    with pytest.raises(BakeryError) as caught:
        chain("shop", folder=folder)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    return caught.value.message.removeprefix(f"{folder}/shop.toml: "), caught.value.hint


def printed(folder: Path) -> str:
    return fingerprint.fingerprint(chain("shop", folder=folder)[-1], beneath=("x",))


def test_it_runs_by_its_number_among_the_steps_that_follow_from_the_file(folder: Path) -> None:
    layers = chain("shop", folder=folder)
    assert layers[-1].all_steps == (Step.SYSTEM, "watch", Step.RECORD, Step.SEAL, Step.CHECK)
    told = settings.settings(layers, bases.base("debian-12"), fingerprint="f", release="r", build_user="u")
    assert told["BAKERY_STEPS"] == "system watch record seal check"


def test_it_comes_on_top_of_the_usual_steps_of_an_image_without_layers_below(folder: Path) -> None:
    (folder / "shop.toml").write_text('steps = ["./steps.d/65-watch.sh"]')
    (shop,) = chain("shop", folder=folder)
    assert shop.steps == (*DEFAULT_STEPS[:6], "watch", *DEFAULT_STEPS[6:])


def test_beside_steps_of_ours_it_is_what_is_listed(folder: Path) -> None:
    (folder / "shop.toml").write_text('from = "host"\nsteps = ["nginx", "./steps.d/65-watch.sh"]')
    assert chain("shop", folder=folder)[-1].steps == (Step.NGINX, "watch")


def test_it_and_all_its_files_go_into_the_machine(folder: Path) -> None:
    found = fingerprint.provision_contents(chain("shop", folder=folder)[-1])
    assert found["65-watch.sh"].data == GOOD.encode()
    assert found["65-watch.sh"].is_program
    assert found["65-watch/deep/file"].data == b"x = 1\n"
    assert {"run", "lib.sh", "10-system.sh"} < set(found)


@pytest.mark.parametrize("name", ["65-watch.sh", "65-watch/deep/file"])
def test_a_change_of_it_or_of_its_files_is_another_image(folder: Path, name: str) -> None:
    before = printed(folder)
    (folder / "steps.d" / name).write_text((folder / "steps.d" / name).read_text() + "# more\n")
    assert printed(folder) != before


def test_where_it_lies_is_not_part_of_the_image(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "images"
    shutil.copytree(folder, elsewhere)
    assert printed(elsewhere) == printed(folder)
    values = chain("shop", folder=folder)[-1].model_dump(mode="json")
    assert json.dumps(values["steps"]) == '["system", "watch"]'


def test_the_runner_s_marks_of_it_are_understood() -> None:
    event = engine.step_event("BAKERY step 2/6 log4-shipper done 1.5")
    assert event is not None
    assert (event.name, event.value) == ("log4-shipper", "1.5")


@pytest.mark.parametrize(
    ("step", "problem", "hint"),
    [
        ("./65-watch.sh", "'./65-watch.sh' is not there", ""),
        ("./steps.d/6-watch.sh", f"'./steps.d/6-watch.sh' {NO_STEP}", ""),
        ("../65-watch.sh", f"'../65-watch.sh' {NO_STEP}", ""),
        ("./a/../65-watch.sh", f"'./a/../65-watch.sh' {NO_STEP}", ""),
        ("65-watch.sh", f"'65-watch.sh' {NO_STEP}", ""),
        ("./65-nginx.sh", "'./65-nginx.sh' has the name of a step of ours", "another name"),
        ("./80-watch.sh", "'./80-watch.sh': record, seal and check end every bake", "a number from 01 to 79"),
        ("./00-watch.sh", "'./00-watch.sh': record, seal and check end every bake", "a number from 01 to 79"),
        ("ngnix", "'ngnix' is not possible here", "did you mean 'nginx'?"),
    ],
)
def test_what_is_no_step_is_told_with_the_reason(step: str, problem: str, hint: str, folder: Path) -> None:
    (folder / "shop.toml").write_text(f'steps = ["{step}"]')
    assert refusal(folder) == (f"steps.0: {problem}", hint)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("set -euo pipefail\n", ""), "'set -euo pipefail' must be among its first five lines"),
        (("log", "set -x; log"), "'set -x; log \"$BAKERY_IMAGE\"' prints secrets"),
        (("IMAGE", "IMGE"), "no step is told BAKERY_IMGE: did you mean 'BAKERY_IMAGE'?"),
    ],
)
def test_the_house_rules_are_asked_before_a_bake(change: tuple[str, str], problem: str, folder: Path) -> None:
    (folder / "steps.d/65-watch.sh").write_text(GOOD.replace(*change))
    message, hint = refusal(folder)
    assert message == f"steps.0: ./steps.d/65-watch.sh: {problem}"
    assert "Steps of your own" in hint


def test_a_script_without_its_run_bit_is_refused_as_ours_would_be(folder: Path) -> None:
    (folder / "steps.d/65-watch.sh").chmod(0o644)
    assert refusal(folder)[0].endswith("it has no run bit: chmod +x")


def test_a_script_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "steps.d/65-watch.sh").write_bytes(b"\xff\xfe")
    assert refusal(folder)[0].endswith("it is not UTF-8 text")


def test_two_layers_have_no_step_of_one_name(folder: Path) -> None:
    (folder / "more.toml").write_text('from = "shop"\nsteps = ["./steps.d/65-watch.sh"]')
    with pytest.raises(BakeryError, match=r"more\.toml: steps: a layer below has a step 'watch' already") as caught:
        chain("more", folder=folder)
    assert caught.value.hint == "another name"


def test_the_image_tests_are_told_where_the_steps_of_all_layers_are(folder: Path) -> None:
    (folder / "more.toml").write_text('from = "shop"')
    steps = effective(chain("more", folder=folder)).own_steps
    assert verify.own_steps_text(steps) == str(folder / "steps.d/65-watch.sh")
    assert verify.own_steps_text(()) == ""


def test_the_example_can_be_read_and_needs_nothing_but_itself() -> None:
    nodes = whole("nodes", folder=EXAMPLES)
    (step,) = nodes.own_steps
    assert isinstance(step, OwnStep)
    assert set(step.contents()) == {"65-watches.sh", "65-watches/watches.conf"}


def test_the_manual_shows_the_example_as_it_is() -> None:
    (shown,) = re.findall(r"```bash\n(.*?)```", (ROOT / "images/README.md").read_text(), flags=re.DOTALL)
    assert shown == (EXAMPLES / "65-watches.sh").read_text()
