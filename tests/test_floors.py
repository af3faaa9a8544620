import ast
import sys
from pathlib import Path

import pytest

from bakery import ROOT, process

GROUND = {"errors", "console", "process"}
ASKED_FOR = {"arch", "bases", "choices", "complaint", "definition", "images", "places", "rules"}
STORIES = {"bake", "certs", "checks", "doctor", "judge", "machine", "publish", "rendering"}
MODULES = sorted((ROOT / "bakery").rglob("*.py"))
FETCHING = {"ask", "cloudimage", "package_index"}
STARTING = {"subprocess", "pty", "multiprocessing"}


def imported(path: Path) -> set[str]:
    """Return the full names of what a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the floor"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def top_level(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def own(path: Path) -> set[str]:
    """Return which modules of the package a file imports."""
    known = {module.stem for module in MODULES}
    parts = (name.split(".") for name in imported(path) if name.startswith("bakery."))
    return {part[1] for part in parts} & known


GRAPH = {path.stem: own(path) for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_only_tasks_know_invoke(path: Path) -> None:
    assert "invoke" not in top_level(path)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_only_process_starts_programs(path: Path) -> None:
    if path.stem == "process":
        return
    assert not top_level(path) & STARTING
    calls = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    assert not {name for name in calls if name.startswith(("exec", "spawn", "posix_spawn", "popen", "system", "fork"))}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_only_what_fetches_knows_httpx(path: Path) -> None:
    assert ("httpx" in top_level(path)) == (path.stem in FETCHING)


@pytest.mark.parametrize("module", sorted(GROUND))
def test_the_ground_floor_stands_on_nothing(module: str) -> None:
    assert GRAPH[module] <= GROUND


@pytest.mark.parametrize("module", sorted(ASKED_FOR & set(GRAPH)))
def test_what_can_be_asked_for_stands_on_the_ground_floor(module: str) -> None:
    assert GRAPH[module] <= GROUND | ASKED_FOR


@pytest.mark.parametrize("module", sorted(GRAPH))
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
    script = "import sys, bakery.plan; print('httpx' in sys.modules)"
    assert process.run([sys.executable, "-c", script], cwd=ROOT).output == "False"
