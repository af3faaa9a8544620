"""Who may import whom: rooms stand on those below them, and know of another room what its `__init__` exports."""

import ast
import functools
import re
import sys
from importlib import import_module
from pathlib import Path

import botocore.loaders
import pytest

from bakery import ROOT
from bakery.core import process

ROOMS = (
    *(
        "core",
        "definition",
        "sources",
        "disk",
        "guests",
        "packer",
        "vagrant",
        "cloud",
        "catalog",
        "contents",
        "report",
        "local",
    ),
    *("places", "clouds.aws", "clouds.scaleway", "release", "commands"),
)
"""From the lowest to the highest: a room imports those before it. docs/architecture.md shows them as a picture."""
BESIDE = "rehearsal"
"""An optional extra beside them: it may know all rooms, and the command line alone starts it."""
MODULES = sorted((ROOT / "bakery").rglob("*.py"))
FETCHING = {"core.http", "core.http_client", "disk.cloudimage", "sources.index"}
AWS = {"clouds.aws.account", "clouds.aws.errors", "clouds.aws.credentials"}
STORAGE = {"clouds.scaleway.buckets", "clouds.scaleway.upload", "clouds.scaleway.errors"}
"""What speaks of Scaleway's object storage, which is asked in the words of Amazon's."""
WITHOUT_MOTO = {"rehearsal", "rehearsal.base_disk", "rehearsal.buckets", "rehearsal.service"}
STARTING = {"subprocess", "pty", "multiprocessing"}
CALLED = ("ec2", "ssm", "ebs")
"""Services of AWS whose calls are made, and whose answers are read, in the room of AWS alone."""


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@functools.cache
def imported(path: Path) -> frozenset[str]:
    """Return the full names of what a file imports, wherever in it but for types alone."""
    found: set[str] = set()
    nodes = [*ast.walk(tree_of(path))]
    for_types = {
        id(below)
        for node in nodes
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for each in node.body
        for below in ast.walk(each)
    }
    for node in nodes:
        if id(node) in for_types:
            continue
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


@functools.cache
def graph() -> dict[str, set[str]]:
    """Return what each module imports of the package; read once, by the process that asks."""
    return {name_of(path): own(path) for path in MODULES}


def room_of(module: str) -> str:
    """Return the room of a module, empty for the package itself and for the folder of the clouds."""
    return next((room for room in (*ROOMS, BESIDE) if f"{module}.".startswith(f"{room}.")), "")


def test_only_the_door_to_the_accounts_knows_which_clouds_there_are() -> None:
    knowing = {module for module in graph() for name in graph()[module] if name.startswith("clouds.")}
    assert {one for one in knowing if not one.startswith(("clouds.", BESIDE))} == {"commands.session"}


def is_next(upper: str, lower: str, arrows: set[tuple[str, str]]) -> bool:
    """Return whether an arrow of the picture says what no two others say together."""
    return not any(
        (upper, between) in arrows and leads(between, lower, arrows)
        for between in {to for _, to in arrows} - {upper, lower}
    )


def leads(upper: str, lower: str, arrows: set[tuple[str, str]]) -> bool:
    below = {to for at, to in arrows if at == upper and to not in {upper, ""}}
    return lower in below or any(leads(one, lower, arrows) for one in below)


def knowing(*names: str) -> set[str]:
    """Return the modules that import any of some packages."""
    return {name_of(path) for path in MODULES if top_level(path) & {*names}}


def test_only_the_command_line_knows_invoke() -> None:
    assert {room_of(name) for name in knowing("invoke")} == {"commands"}


def starts(node: ast.AST) -> bool:
    """Return whether a node is what os has to start a program with."""
    is_of_os = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    ways = ("exec", "spawn", "posix_spawn", "popen", "system", "fork")
    return is_of_os and isinstance(node, ast.Attribute) and node.attr.startswith(ways)


def test_only_process_starts_programs() -> None:
    assert knowing(*STARTING) == {"core.process"}
    assert {name_of(path) for path in MODULES if any(starts(node) for node in ast.walk(tree_of(path)))} == set()


def test_only_what_fetches_knows_httpx() -> None:
    assert knowing("httpx") == FETCHING


def test_only_the_way_to_aws_knows_boto3() -> None:
    assert knowing("boto3", "botocore") <= AWS | STORAGE


def test_only_scaleways_room_and_its_rehearsal_know_its_sdk() -> None:
    knows = knowing("scaleway", "scaleway_core")
    assert {name for name in knows if not name.startswith(("clouds.scaleway.", "rehearsal.scaleway."))} == set()


@functools.cache
def fields() -> frozenset[str]:
    """Return what EC2, SSM and EBS call the parts of what they are asked and answer, as botocore knows it."""
    loader = botocore.loaders.Loader()
    shapes = [loader.load_service_model(one, "service-2")["shapes"].values() for one in CALLED]
    names = {name for some in shapes for shape in some for name in shape.get("members", ())}
    # A few begin small, such as `key`, which are anybody's words; "Port" is one of ssh's, too.
    return frozenset(name for name in names if name[0].isupper()) - {"Port"}


def words(node: ast.AST) -> list[str]:
    """Return what a node reads or names a part of something by: x["A"], x.get("A"), {"A": …}, call(A=…)."""
    said: list[ast.expr | None] = []
    if isinstance(node, ast.Subscript):
        said = [node.slice]
    elif isinstance(node, ast.Dict):
        said = [*node.keys]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"get", "pop"}:
        said = [*node.args[:1]]
    named = [one.arg or "" for one in node.keywords] if isinstance(node, ast.Call) else []
    return [*named, *(str(one.value) for one in said if isinstance(one, ast.Constant))]


def calls_aws(node: ast.AST) -> bool:
    """Return whether a node is region.ec2(…), region.call("ec2", …) or region.all("ec2", …)."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
    return node.func.attr in CALLED or (node.func.attr in {"call", "all"} and first in CALLED)


def test_only_the_room_of_aws_and_its_rehearsal_speak_as_aws_does() -> None:
    others = [one for one in MODULES if room_of(name_of(one)) not in {"clouds.aws", BESIDE}]
    nodes = [(name_of(one), node) for one in others if name_of(one) not in STORAGE for node in ast.walk(tree_of(one))]
    assert {(name, word) for name, node in nodes for word in words(node) if word in fields()} == set()
    assert {name for name, node in nodes if calls_aws(node)} == set()


def test_only_the_rehearsal_knows_moto() -> None:
    assert {room_of(name) for name in knowing("moto", "werkzeug", "flask")} == {BESIDE}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_stands_on_those_below_it(room: str) -> None:
    allowed = {*ROOMS[: ROOMS.index(room) + 1], *([BESIDE] if room == "commands" else [])}
    used = {(module, name) for module in graph() if room_of(module) == room for name in graph()[module]}
    assert {(module, name) for module, name in used if room_of(name) not in allowed and name != "clouds"} == set()


def test_what_starts_a_rehearsal_can_do_without_moto() -> None:
    used = {name for module in graph() if room_of(module) == "commands" for name in graph()[module]}
    assert {name for name in used if room_of(name) == BESIDE} <= WITHOUT_MOTO


def test_every_module_is_in_a_room() -> None:
    assert {name for name in graph() if not room_of(name)} == {"__init__", "clouds"}


@pytest.mark.parametrize("room", [*ROOMS, BESIDE])
def test_a_room_exports_what_others_use_of_it_and_nothing_else(room: str) -> None:
    used = {name for module in graph() if room_of(module) != room for name in graph()[module] if room_of(name) == room}
    exported = import_module(f"bakery.{room}").__all__
    assert exported == sorted(name.rpartition(".")[2] for name in used - {room})


def test_the_picture_shows_the_rooms_as_they_are() -> None:
    shown = re.findall(r"^    (\S+) --> (\S+)$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    arrows = {(room_of(module), room_of(name)) for module in graph() for name in graph()[module]}
    direct = {
        (upper, lower)
        for upper, lower in arrows
        if upper and lower and upper != lower and is_next(upper, lower, arrows)
    }
    assert set(shown) == {(upper.replace(".", "/"), lower.replace(".", "/")) for upper, lower in direct}


def test_no_modules_import_one_another_in_a_circle() -> None:
    done: set[str] = set()

    def walk(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " → ".join((*way, module))
        for below in graph()[module] - done:
            walk(below, (*way, module))
        done.add(module)

    for module in graph():
        walk(module, ())


def test_the_list_of_tasks_costs_no_library() -> None:
    names = "pydantic httpx rich jinja2 vagrant pytest boto3 scaleway"
    script = f"import sys, tasks; print(*(set({names.split()!r}) & {{name.partition('.')[0] for name in sys.modules}}))"
    assert process.run([sys.executable, "-c", script], cwd=ROOT).output == ""


def test_a_plan_costs_no_web_client() -> None:
    # A bake that finds nothing to do is over within a second; httpx alone takes a fifth of that.
    script = "import sys, bakery.local.plan; print('httpx' in sys.modules)"
    assert process.run([sys.executable, "-c", script], cwd=ROOT).output == "False"
