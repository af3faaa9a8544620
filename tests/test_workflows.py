"""The workflows for GitHub and GitLab: held to those platforms' own schemas, and their shell run with stand-ins.

What is not shown is GitHub itself: its runners, its tokens, its expressions but for the few that are read here.
"""

import json
import os
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bakery import ROOT
from bakery.core import process
from bakery.release import matrix
from bakery.report import site

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
OPERATIONS = ROOT / "docs/operations.md"
STANDS_FOR = """\
#!/usr/bin/env bash
printf '%s\\n' "${0##*/} $*" >>"$SAID"
[[ "$*" != "matrix --json"* ]] || cat "$MATRIX"
[[ "$*" != "issue list"* ]] || cat "$ISSUES"
"""
"""What a program's stand-in does: notes its arguments, and answers the two questions whose answers count."""


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def schema(name: str) -> dict[str, Any]:
    """Return a schema of schemastore.org, as check-jsonschema brings it along."""
    text = (resources.files("check_jsonschema") / "builtin_schemas/vendor" / name).read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path.stem, name, job) for path in WORKFLOWS for name, job in read(path)["jobs"].items()]


def shells() -> dict[str, str]:
    """Return the shell of every step that has any, by workflow, job and step."""
    return {
        f"{workflow}/{job}/{step['name']}": step["run"]
        for workflow, job, told in jobs()
        for step in told["steps"]
        if "run" in step
    }


def shell(end: str) -> str:
    (found,) = [text for name, text in shells().items() if name.endswith(end)]
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_what_github_takes(path: Path) -> None:
    told = read(path)
    told["on"] = told.pop(True)  # YAML 1.1 takes the word for a truth; GitHub's reader does not
    jsonschema.validate(told, schema("github-workflows.json"))


def test_there_are_the_two_that_the_documentation_names() -> None:
    assert {path.stem for path in WORKFLOWS} == {"ci", "nightly"}


def test_every_action_is_one_commit_and_its_version_stands_beside_it() -> None:
    used = [line.partition("uses:")[2].strip() for path in WORKFLOWS for line in path.read_text().splitlines()]
    found = [one for one in used if one]
    assert len(found) == sum("uses" in step for _, _, told in jobs() for step in told["steps"])
    assert not [one for one in found if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)]


@pytest.mark.parametrize("name", sorted(shells()))
def test_the_shell_of_a_step_passes_shellcheck(name: str, tmp_path: Path) -> None:
    script = tmp_path / "step.sh"
    # What GitHub runs steps with (docs.github.com, "Workflow syntax", jobs.<job_id>.steps[*].shell).
    script.write_text(f"#!/usr/bin/env bash\nset -eo pipefail\n{shells()[name]}")
    process.run(["shellcheck", str(script)])


@pytest.mark.parametrize("name", sorted(shells()))
def test_no_expression_is_pasted_into_a_shell(name: str) -> None:
    """What somebody typed into a form would be a program there; it comes as an environment variable."""
    assert "${{" not in shells()[name]


@pytest.mark.parametrize(("workflow", "name", "job"), jobs(), ids=[f"{one}-{two}" for one, two, _ in jobs()])
def test_a_job_says_how_long_it_may_take_and_what_it_may_do(workflow: str, name: str, job: dict[str, Any]) -> None:
    assert 0 < job["timeout-minutes"] <= 360, name
    assert "permissions" in job or read(ROOT / f".github/workflows/{workflow}.yml")["permissions"]


def test_only_who_pushes_may_write_and_only_who_signs_in_gets_a_token() -> None:
    for _, name, job in jobs():
        scripts = "".join(step.get("run", "") for step in job["steps"])
        uses = "".join(step.get("uses", "") for step in job["steps"])
        rights = job.get("permissions", {})
        assert (rights.get("contents") == "write") == ("--push" in scripts), name
        signs_in = "configure-aws-credentials" in uses or "deploy-pages" in uses
        assert (rights.get("id-token") == "write") == signs_in, name
        assert (rights.get("pages") == "write") == ("deploy-pages" in uses), name


def test_nights_never_overlap_and_none_is_cancelled_halfway() -> None:
    assert read(ROOT / ".github/workflows/nightly.yml")["concurrency"] == {
        "group": "nightly",
        "cancel-in-progress": False,
    }


def outcome(text: str, folder: Path, **environment: str) -> tuple[list[str], str]:
    """Run a step as GitHub does, with stand-ins for the programs; return what they were asked, and its output."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    for path in (folder / "inv", *(tools / name for name in ("git", "gh", "apt-get"))):
        path.write_text(STANDS_FOR)
        path.chmod(0o755)
    script, said, output = folder / "step.sh", folder / "said", folder / "output"
    script.write_text(text)
    for name in ("matrix", "issues"):
        (folder / name).touch()
    told = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "SAID": str(said),
        "MATRIX": str(folder / "matrix"),
        "ISSUES": str(folder / "issues"),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_WORKSPACE": str(folder),
        **environment,
    }
    argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    subprocess.run(argv, cwd=folder, env=told, check=True)
    lines = said.read_text().splitlines() if said.exists() else []
    return [line for line in lines if not line.startswith("git ")], output.read_text() if output.exists() else ""


def test_the_plan_asks_for_what_was_typed_and_hands_the_matrix_on(tmp_path: Path) -> None:
    (tmp_path / "matrix").write_text('{"include": [{"name": "host", "options": "--image host"}]}\n')
    said, output = outcome(shell("plan/Who bakes what"), tmp_path, IMAGES="host dokku", REGIONS="eu-west-2")
    assert said == ["inv matrix --json --image host --image dokku --region eu-west-2"]
    assert output == 'nights={"include": [{"name": "host", "options": "--image host"}]}\n'
    assert json.loads(output.partition("=")[2])["include"][0]["name"] == "host"


def test_the_pages_are_those_that_the_report_has_written(tmp_path: Path) -> None:
    said, _ = outcome(shell("pages/Write the pages"), tmp_path)
    assert said == ["inv report"]
    job = read(ROOT / ".github/workflows/nightly.yml")["jobs"]["pages"]
    (sent,) = [step["with"]["path"] for step in job["steps"] if "upload-pages-artifact" in step.get("uses", "")]
    assert ROOT / sent == site.folder_of(is_rehearsal=False)


def test_without_anything_typed_it_asks_for_all(tmp_path: Path) -> None:
    said, _ = outcome(shell("plan/Who bakes what"), tmp_path, IMAGES="", REGIONS="")
    assert said == ["inv matrix --json"]


@pytest.mark.parametrize(("each", "more"), [("", ""), ("true", " --no-promote")])
def test_a_night_is_one_command_with_the_options_of_its_job(tmp_path: Path, each: str, more: str) -> None:
    options = "--image host --image dokku --region eu-west-2"
    said, _ = outcome(shell("night/The night"), tmp_path, OPTIONS=options, VERIFY_EACH=each)
    assert said == [f"inv -y nightly {options}{more} --push"]


@pytest.mark.parametrize(("told", "are_any"), [('{"include": []}', "false"), ('{"include": [{"name": "x"}]}', "true")])
def test_runners_are_only_begun_where_a_machine_is_to_be_verified(tmp_path: Path, told: str, are_any: str) -> None:
    (tmp_path / "matrix").write_text(told + "\n")
    said, output = outcome(shell("unproven/Where a machine is still to be verified"), tmp_path)
    assert said == ["inv matrix --json --unproven"]
    assert output == f"places={told}\nare_any={are_any}\n"


def test_nothing_left_is_written_as_the_workflow_compares_it() -> None:
    assert f"'{matrix.as_json([])}'" in shell("unproven/Where a machine is still to be verified")


@pytest.mark.parametrize(
    ("issues", "asked"), [("", "gh issue create --title The nightly fails"), ("7\n", "gh issue comment 7 --body")]
)
def test_a_failure_is_one_issue_however_many_nights_it_lasts(tmp_path: Path, issues: str, asked: str) -> None:
    (tmp_path / "issues").write_text(issues)
    said, _ = outcome(shell("tell/Say that the night failed"), tmp_path, RUN="https://github.com/o/r/actions/runs/1")
    assert said[0].startswith("gh issue list --state open")
    assert said[1].startswith(asked)
    assert any("https://github.com/o/r/actions/runs/1" in line for line in said)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", OPERATIONS.read_text(), re.MULTILINE | re.DOTALL)


def test_the_pipeline_in_the_documentation_is_what_gitlab_takes() -> None:
    (pipeline,) = [text for text in blocks("yaml") if "stage" in text or "script" in text]
    jsonschema.validate(yaml.safe_load(pipeline), schema("gitlab-ci.json"))


def test_the_trust_policy_in_the_documentation_takes_both_forms_of_subject() -> None:
    (policy,) = [json.loads(text) for text in blocks("json")]
    (statement,) = policy["Statement"]
    subjects = statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subjects == [
        "repo:OWNER/REPO:ref:refs/heads/main",
        "repo:OWNER@OWNER_ID/REPO@REPO_ID:ref:refs/heads/main",
    ]


LISTING = """\
import json, tasks
from invoke.collection import Collection
commands = Collection.from_module(tasks).to_contexts()
print(json.dumps({one.name: " ".join(option for option, _ in one.help_tuples()) for one in commands}))
"""
"""Prints each command with its options."""


def test_every_option_that_a_workflow_or_the_documentation_types_is_one() -> None:
    done = subprocess.run([sys.executable, "-c", LISTING], cwd=ROOT, check=True, capture_output=True, text=True)
    options = json.loads(done.stdout)
    typed = [text for path in (*WORKFLOWS, OPERATIONS) for text in re.findall(r"\./inv[^\n`|#]*", path.read_text())]
    assert len(typed) > 10
    for text in typed:
        words = [word for word in text.split()[1:] if word != "-y"]
        command = words[0].rstrip("`)")
        assert command in options, text
        for option in re.findall(r"--[a-z-]+", text):
            assert re.search(rf"{option}\b", options[command]), text


def test_steps_run_in_bash_everywhere() -> None:
    for path in WORKFLOWS:
        assert read(path)["defaults"] == {"run": {"shell": "bash"}}
