import ast
import functools
import sys
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.core import process

GROUND = {"afterlife", "errors", "console", "files", "process", "scratch"}
ASKED_FOR = {
    "arch",
    "aws_table",
    "aws_values",
    "bases",
    "calendar_times",
    "checkout",
    "choices",
    "complaint",
    "definition",
    "house_rules",
    "images",
    "layering",
    "own_steps",
    "places",
    "rules",
    "texts",
}
STORIES = {"bake", "certs", "checks", "doctor", "judge", "machine", "rendering"} | {
    *("amis", "launch", "lending", "promote", "prune", "publish", "rebuild"),
    *("region_bake", "region_import", "region_outlook", "region_rendering", "regions", "validate"),
}
MODULES = sorted((ROOT / "bakery").rglob("*.py"))
FETCHING = {"ask", "cloudimage", "package_index", "web"}
AWS = {"clouds.aws", "clouds.aws_errors", "clouds.credentials"}
WITHOUT_MOTO = {"rehearsal.faults", "rehearsal"}
STARTING = {"subprocess", "pty", "multiprocessing"}


@functools.cache
def imported(path: Path) -> frozenset[str]:
    """Return the full names of what a file imports, wherever in it but for types alone."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the floor"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def top_level(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def name_of(path: Path) -> str:
    """Return a module's name below the package: `clouds.aws`; a package's own file is the package."""
    return ".".join(path.relative_to(ROOT / "bakery").with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path) for path in MODULES}


def own(path: Path) -> set[str]:
    """Return which modules of the package a file imports."""
    words = {name.removeprefix("bakery.") for name in imported(path) if name.startswith("bakery.")}
    return {word if word in NAMES else word.rpartition(".")[0] for word in words} & NAMES


GRAPH = {name_of(path): own(path) for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_tasks_know_invoke(path: Path) -> None:
    assert "invoke" not in top_level(path)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_process_starts_programs(path: Path) -> None:
    if name_of(path) == "process":
        return
    assert not top_level(path) & STARTING
    calls = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    assert not {name for name in calls if name.startswith(("exec", "spawn", "posix_spawn", "popen", "system", "fork"))}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_what_fetches_knows_httpx(path: Path) -> None:
    assert ("httpx" in top_level(path)) == (name_of(path) in FETCHING)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_way_to_aws_knows_boto3(path: Path) -> None:
    assert not top_level(path) & {"boto3", "botocore"} or name_of(path) in AWS


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_rehearsal_knows_moto(path: Path) -> None:
    assert not top_level(path) & {"moto", "werkzeug", "flask"} or name_of(path).startswith("rehearsal.")


@pytest.mark.parametrize("module", sorted(name for name in GRAPH if not name.startswith("rehearsal")))
def test_nothing_needs_the_rehearsal_but_who_starts_it(module: str) -> None:
    """It is an optional extra: whoever imports it must do without moto."""
    assert {name for name in GRAPH[module] if name.startswith("rehearsal")} <= WITHOUT_MOTO


@pytest.mark.parametrize("module", sorted(GROUND))
def test_the_ground_floor_stands_on_nothing(module: str) -> None:
    assert GRAPH[module] <= GROUND


@pytest.mark.parametrize("module", sorted(ASKED_FOR & set(GRAPH)))
def test_what_can_be_asked_for_stands_on_the_ground_floor(module: str) -> None:
    assert GRAPH[module] <= GROUND | ASKED_FOR


@pytest.mark.parametrize("module", sorted(set(GRAPH) - STORIES))
def test_no_module_stands_on_a_story(module: str) -> None:
    assert not GRAPH[module] & STORIES


def test_no_modules_import_one_another_in_a_circle() -> None:
    def walk(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " → ".join((*way, module))
        for below in GRAPH[module]:
            walk(below, (*way, module))

    for module in GRAPH:
        walk(module, ())


def test_the_list_of_tasks_costs_no_library() -> None:
    names = "pydantic httpx rich jinja2 vagrant pytest boto3 scaleway"
    script = f"import sys, tasks; print(*(set({names.split()!r}) & {{name.partition('.')[0] for name in sys.modules}}))"
    assert process.run([sys.executable, "-c", script], cwd=ROOT).output == ""


def test_a_plan_costs_no_web_client() -> None:
    # A bake that finds nothing to do is over within a second; httpx alone takes a fifth of that.
    script = "import sys, bakery.local.plan; print('httpx' in sys.modules)"
    assert process.run([sys.executable, "-c", script], cwd=ROOT).output == "False"
