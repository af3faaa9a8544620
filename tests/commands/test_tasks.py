"""The command line: one clear line for a mistake, a documented exit code, the result alone on stdout."""

import ast
import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.commands import command
from tests import forks

INVOKE = "from invoke.main import program; program.run()"
"""What `python -m invoke` runs."""
OF_A_HOST = (
    "--host is a machine that runs already: it takes --key, and neither an image nor a place",
    "./inv verify --host ssh://a@192.0.2.7",
)
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def environment(folder: Path, *, path: str = PATH, **more: str) -> dict[str, str]:
    return {"PATH": path, "HOME": str(folder), "BAKERY_BUILD_DIR": str(folder / "build"), **more}


def invoke(*words: str, folder: Path, path: str = PATH) -> subprocess.CompletedProcess[str]:
    argv = ["--search-root", str(ROOT), *words]
    return forks.command(INVOKE, argv, cwd=folder, env=environment(folder, path=path))


@pytest.mark.parametrize(
    ("words", "exit_code", "error", "hint"),
    [
        (["bake", "--image", "hots"], 2, "there is no image 'hots' in images/", "did you mean 'host'?"),
        (["bake", "--base", "debian-21"], 2, "there is no base 'debian-21'", "did you mean 'debian-13'?"),
        (
            ["bake", "--base-from", "cluod"],
            2,
            "--base-from cluod: a base comes from `archive` or `cloud`",
            "did you mean 'cloud'?",
        ),
        (["verify"], 2, r"\S+dokku-ubuntu-24.04.qcow2 is not there", "./inv bake --image dokku --base ubuntu-24.04"),
        (["verify", "--host", "192.0.2.1"], 2, "--host 192.0.2.1 is not an address", "--host ssh://user@192.0.2.7:22"),
        (
            ["up", "--memory-mb", "lots"],
            2,
            "--memory-mb lots: a whole number of at least 512 is needed",
            "--memory-mb 512",
        ),
        pytest.param(
            ["box", "--keep", "1" * 5000], 2, "--keep: 5000 characters are no such number", "--keep 2", id="digits"
        ),
        (["up", "--http-port", "0"], 2, "--http-port 0: a whole number of at least 1 is needed", "--http-port 2"),
        (
            ["catalog", "--region", "eu-west-2"],
            2,
            "--region is for --rebuild",
            "./inv amis --region …  (shows the ids in a region)",
        ),
        (
            ["diff", "newst", "local"],
            2,
            "there is no release 'newst' of dokku for amd64 in the catalog",
            "did you mean 'newest'?",
        ),
        (
            ["nightly", "--max-age-days", "soon"],
            2,
            "--max-age-days soon: a whole number of at least 0 is needed",
            "--max-age-days 2",
        ),
        (
            ["nightly", "--rehearse", "--push"],
            2,
            "--commit is for real releases: no cloud knows those of a rehearsal",
            "leave it out",
        ),
        (["nightly", "--base", "debian-1"], 2, "there is no base 'debian-1'", "did you mean 'debian-13'?"),
        (
            ["nightly", "--accelerator", "warp", "--dry-run"],
            2,
            "--accelerator warp is not known",
            "one of auto, kvm, native, tcg",
        ),
        (["matrix", "--region", "eu-wst-2-"], 2, "there is no region 'eu-wst-2-'", "did you mean 'eu-west-2'?"),
        (
            ["sbom", "plan"],
            2,
            "what a bake now would make is no release yet.*",
            "./inv diff RELEASE plan --image dokku",
        ),
        (["matrix", "--per", "2"], 2, "--per is for --unproven", "a night has one runner for all regions of an image"),
        (["verify", "--release", "2026"], 2, "--release and --rehearse are for --region", "--region eu-west-2"),
        *(
            (["verify", "--host", "ssh://a@192.0.2.7", *more], 2, *OF_A_HOST)
            for more in (
                ["--region", "eu-west-2"],
                ["--base", "debian-12"],
                ["--image", "host"],
                ["--accelerator", "zzz"],
            )
        ),
        (["certs", "--host", "a", "--app", "shop", "--key", "x"], 2, "--crt is missing", "--crt fullchain.pem"),
        (["certs", "--host", "a", "--app", "shop", "--crt", "x"], 2, "--key is missing", "--key privkey.pem"),
        (["verify", "--key", "x"], 2, "--key is for --host", "--host ssh://user@192.0.2.7"),
        (["verify", "--region", "eu-west-2", "--key", "x"], 2, "--key is for --host", "--host ssh://user@192.0.2.7"),
        (
            ["verify", "--region", "eu-west-2", "--accelerator", "zzz"],
            2,
            "--accelerator is for machines on this machine",
            "leave it out: the cloud runs the machine",
        ),
        (["render", "--rehearse"], 2, "--rehearse is for --region", "leave it out: this machine is no cloud"),
        (
            ["rehearsal", "--stop", "--accelerator", "tcg"],
            2,
            "--accelerator is for a rehearsal that runs, --stop ends it",
            "one of the two",
        ),
        (
            ["diff", "latest", "newest", "--base", "debian-12"],
            2,
            "--base is for local and plan",
            "a release has its own: leave it out",
        ),
        *(
            (words, 2, "--dry of invoke means nothing here: all would be done", "--dry-run, where a command has it")
            for words in (["--dry", "matrix"], ["bake", "--image", "hots", "--dry"])
        ),
        (["sbom", "latest", "--base", "debian-12"], 2, "--base is for local", "a release has its own: leave it out"),
        (["render", "--image", "hosts"], 2, "there is no image 'hosts' in images/", "did you mean 'host'?"),
    ],
)
def test_a_mistake_is_one_line_a_hint_and_an_exit_code(
    words: list[str], exit_code: int, error: str, hint: str, tmp_path: Path
) -> None:
    done = invoke(*words, folder=tmp_path)
    assert done.returncode == exit_code
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert re.fullmatch(f"error: {error}", lines[0])
    assert lines[1:] == [f"hint:  {hint}"]


@pytest.mark.parametrize(
    ("words", "act"),
    [
        (["bake"], "baked"),
        (["bake", "--dry-run"], "baked"),
        (["render"], "baked"),
        (["verify"], "verified"),
        (["up"], "started"),
        (["box"], "baked"),
    ],
    ids=lambda one: one if isinstance(one, str) else " ".join(one),
)
def test_what_this_machine_cannot_run_is_refused_wherever_it_would_have_to(
    words: list[str], act: str, tmp_path: Path
) -> None:
    ours, other = ("amd64", "arm64") if platform.machine() == "x86_64" else ("arm64", "amd64")
    (tmp_path / "tiny.toml").write_text(f'base = "debian-12"\narch = "{other}"\nsteps = ["nginx"]')
    argv = [sys.executable, "-m", "invoke", "--search-root", str(ROOT), *words, "--image", "tiny"]
    told = environment(tmp_path, BAKERY_IMAGES_DIR=str(tmp_path))
    done = subprocess.run(argv, cwd=tmp_path, env=told, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()[-2:]
    assert error == f"error: an {other} image cannot be {act} on this {ours} machine"
    assert hint == f"hint:  on an {other} machine, or in a cloud's place that has them: ./inv regions"


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["certs", "--host", "a", "--app", "shop", "--key", "x", "--crt=~/none"], "--crt"),
        (["verify", "--host", "ssh://a@192.0.2.7", "--key=~/none"], "--key"),
        (["launch", "--region", "eu-west-2", "--user-data=~/none"], "--user-data"),
    ],
)
def test_a_file_in_the_home_is_found_where_the_shell_leaves_its_name_alone(
    words: list[str], option: str, tmp_path: Path
) -> None:
    done = invoke(*words, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {option} {tmp_path}/none: ")


def test_every_command_is_at_the_door() -> None:
    found = {
        node.name
        for path in (ROOT / "bakery" / "commands").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(one).partition("(")[0] == "task" for one in node.decorator_list)
    }
    listed = subprocess.run([sys.executable, "-c", DEFAULTS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"box", "bake"} <= found
    assert found == set(json.loads(listed.stdout)["all"])


def test_a_missing_packer_is_exit_code_3_and_leads_to_doctor(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    done = invoke("render", folder=tmp_path, path=str(tools))
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "error: packer is not installed"
    assert "./inv doctor" in done.stderr.splitlines()[1]


def test_a_packer_that_is_too_old_is_exit_code_3(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "packer").write_text("#!/bin/sh\necho 'Packer v1.5.4'\n")
    (tools / "packer").chmod(0o755)
    done = invoke("render", folder=tmp_path, path=f"{tools}:/usr/bin:/bin")
    assert done.returncode == 3
    assert done.stderr.startswith("error: Packer 1.5.4 is too old, 1.6.0 is the oldest that works\n")


def test_render_leaves_a_folder_packer_finds_valid_and_a_vagrantfile(tmp_path: Path) -> None:
    done = invoke("render", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    folder, vagrantfile = map(Path, done.stdout.split())
    assert {"image.pkr.hcl", "source.pkr.hcl", "seed.iso", "key", "provision", "values.auto.pkrvars.json"} <= {
        path.name for path in folder.iterdir()
    }
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert "no ubuntu-24.04 base is cached yet" in done.stderr
    assert 'config.vm.box = "bakery/dokku-ubuntu-24.04"' in vagrantfile.read_text()
    argv = [
        "packer",
        "validate",
        "-var",
        f"base_disk={folder}/seed.iso",
        "-var",
        f"base_sha256={'0' * 64}",
        str(folder),
    ]
    judged = subprocess.run(
        argv,
        env={"PATH": "/usr/bin", "CHECKPOINT_DISABLE": "1", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_the_list_of_commands_costs_nothing_of_what_the_commands_need(tmp_path: Path) -> None:
    argv = [sys.executable, "-X", "importtime", "-m", "invoke", "--search-root", str(ROOT), "--list"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "bake " in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "bakery.core.errors" in imported
    assert not imported & {"pydantic", "httpx", "rich", "jinja2", "pytest", "vagrant", "bakery.local.plan"}


DEFAULTS = """\
import inspect, json, tasks
from invoke.collection import Collection
found = {name: inspect.signature(one.body).parameters for name, one in Collection.from_module(tasks).tasks.items()}
images = {name: parameters["image"].default for name, parameters in found.items() if "image" in parameters}
print(json.dumps({"images": images, "all": [*found]}))
"""
"""Prints each command that takes an image, with the one it means when none is given, and all commands."""


def test_every_command_means_dokku_unless_it_means_all_images() -> None:
    done = subprocess.run([sys.executable, "-c", DEFAULTS], cwd=ROOT, capture_output=True, text=True, check=True)
    defaults = json.loads(done.stdout)["images"]
    assert len(defaults) >= 15
    assert {name for name, image in defaults.items() if image == ""} == {"catalog", "prune", "validate"}
    assert {image for image in defaults.values() if image} == {"dokku"}


LISTING = """\
import json, tasks
from invoke.collection import Collection
print(json.dumps({one.name: one.help_tuples() for one in Collection.from_module(tasks).to_contexts()}))
"""
"""Prints each command with the lines of its `--help`; each as a command of its own would take a third of a second."""


def test_every_option_of_every_command_is_explained() -> None:
    done = subprocess.run([sys.executable, "-c", LISTING], cwd=ROOT, capture_output=True, text=True, check=True)
    commands = json.loads(done.stdout)
    assert len(commands) >= 10
    for name, options in commands.items():
        assert [option for option, meaning in options if not meaning] == [], name


def test_the_help_of_a_command_shows_its_options(tmp_path: Path) -> None:
    done = invoke("--help", "up", folder=tmp_path)
    assert done.returncode == 0
    assert re.search(r"^  -m STRING, --memory-mb=STRING +\S", done.stdout, re.MULTILINE)


def test_a_build_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "build").touch()
    done = invoke("render", "--image", "host", "--base", "debian-12", folder=tmp_path)
    assert done.returncode == 1
    assert re.match(rf"error: {tmp_path}/build\S*: Not a directory\nhint:  .*BAKERY_BUILD_DIR", done.stderr), (
        done.stderr
    )


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("./inv promote --image host", "./inv promote --rehearse --image host"),
        ("./inv prune  (finishes that)", "./inv prune --rehearse  (finishes that)"),
        ("./inv catalog --rebuild --rehearse --image host", "./inv catalog --rebuild --rehearse --image host"),
        (
            "./inv promote x; or ./inv bake --region y",
            "./inv promote --rehearse x; or ./inv bake --rehearse --region y",
        ),
        ("./inv bake --image host --base debian-12", "./inv bake --image host --base debian-12"),
        ("./inv doctor  (lists them)", "./inv doctor  (lists them)"),
        ("./inv verify --region x", "./inv verify --rehearse --region x"),
        ("./inv verify --image host", "./inv verify --image host"),
        ("./inv publish -h", "./inv publish --rehearse -h"),
        ("did you mean 'prune'?", "did you mean 'prune'?"),
    ],
)
def test_what_a_rehearsal_says_to_type_is_for_the_rehearsal(hint: str, expected: str) -> None:
    assert command.rehearsed(hint) == expected


def test_a_mistake_in_a_rehearsal_never_leads_to_the_account(tmp_path: Path) -> None:
    try:
        refused = invoke("launch", "--rehearse", "--image", "host", "--region", "eu-west-2", folder=tmp_path)
    finally:
        invoke("rehearsal", "--stop", folder=tmp_path)
    promote, bake = "./inv promote --rehearse --image host", "./inv bake --rehearse --image host --region eu-west-2"
    assert refused.stderr.splitlines()[-1] == f"hint:  {promote}; or {bake}"
