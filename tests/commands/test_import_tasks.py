"""The command line of what goes from this machine to AWS: a mistake is refused before anything is baked or called."""

from pathlib import Path

import pytest
from invoke.main import program

from bakery import ROOT
from bakery.commands import into_aws
from bakery.core import process
from bakery.local import bake
from tests.aws_account import forget_aws

PUBLISH, PLAN = ["publish", "--from", "local"], ["plan", "--from", "local"]
IMPORT = ["bake", "--import"]
LONDON = ["--region", "eu-west-2"]
OF_THIS_MACHINE = ("is for an image of this machine", "publish --from local, or bake --import")
NO_REGION = ("no region was given", "--region eu-west-2, or aws.regions or scaleway.zones in images/dokku.toml")
MISTAKES = [
    (
        ["publish", "--from", "elsewhere", *LONDON],
        "--from elsewhere: an image comes from 'local', or else from AWS",
        "--from local",
    ),
    (["plan", "--from", "here"], "--from here: an image comes from 'local', or else from AWS", "--from local"),
    (
        [*PUBLISH, *LONDON, "--fan-out", "uplaod"],
        "--fan-out uplaod: there is no such way",
        "did you mean 'upload'?",
    ),
    (
        [*PLAN, *LONDON, "--fan-out", "sideways"],
        "--fan-out sideways: there is no such way",
        "known: auto, copy, upload",
    ),
    (["publish", "--fan-out", "copy"], f"--fan-out {OF_THIS_MACHINE[0]}", OF_THIS_MACHINE[1]),
    (["publish", "--verify-upload"], f"--verify-upload {OF_THIS_MACHINE[0]}", OF_THIS_MACHINE[1]),
    (["publish", "--base", "debian-12"], f"--base {OF_THIS_MACHINE[0]}", OF_THIS_MACHINE[1]),
    (["plan", *LONDON, "--fan-out", "copy"], f"--fan-out {OF_THIS_MACHINE[0]}", OF_THIS_MACHINE[1]),
    (["bake", *LONDON, "--verify-upload"], f"--verify-upload {OF_THIS_MACHINE[0]}", OF_THIS_MACHINE[1]),
    (
        [*PUBLISH, *LONDON, "--release", "newest"],
        "--release is for what is in AWS already",
        "leave it out: what was baked here goes up",
    ),
    (
        [*IMPORT, *LONDON, "--per-region"],
        "--per-region bakes in each region, --import on this machine alone",
        "one of the two",
    ),
    (IMPORT, *NO_REGION),
    (PUBLISH, *NO_REGION),
    ([*IMPORT, *LONDON, "--fan-out", "cpoy"], "--fan-out cpoy: there is no such way", "did you mean 'copy'?"),
    (
        [*PUBLISH, *LONDON, "--base", "debian-13"],
        "dokku on debian-13 was not baked on this machine yet",
        "./inv bake --image dokku --base debian-13",
    ),
    ([*PLAN, *LONDON, "--image", "hots"], "there is no image 'hots' in images/", "did you mean 'host'?"),
]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a build folder that is not there yet; nothing bakes, and whoever calls AWS finds nobody."""
    forget_aws(monkeypatch, home=tmp_path)
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setattr(bake, "bake", lambda *_, **__: pytest.fail("it bakes"))
    monkeypatch.setattr(process, "interrupt_on_sigterm", lambda: None)
    return tmp_path / "build"


@pytest.mark.parametrize(("words", "error", "hint"), MISTAKES, ids=[" ".join(words) for words, _, _ in MISTAKES])
def test_a_mistake_is_one_line_and_a_hint_and_changes_nothing(
    words: list[str], error: str, hint: str, build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        program.run(["invoke", "--search-root", str(ROOT), *words], exit=False)
    said = capsys.readouterr()
    assert (caught.value.code, said.out) == (2, "")
    assert said.err.splitlines() == [f"error: {error}", f"hint:  {hint}"]
    assert not build.exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[scaleway]\nzones = ["fr-par-1"]', ("fr-par-1",)),
        ('[aws]\nregions = ["eu-west-2"]\n[scaleway]\nzones = ["fr-par-1"]', ("eu-west-2", "fr-par-1")),
    ],
)
def test_without_a_region_it_is_every_place_of_the_definition(
    text: str, expected: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.toml").write_text(text)
    monkeypatch.setattr("bakery.definition.layers.whole.__kwdefaults__", {"folder": tmp_path})
    assert into_aws.wanted_regions((), image="shop") == expected
    assert into_aws.wanted_regions(("us-east-1",), image="shop") == ("us-east-1",)
