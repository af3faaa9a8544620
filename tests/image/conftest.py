"""How the image suite reaches machines: `--hosts` names them, one ssh connection is kept open to each.

A test that takes `each` is asked of every copy, one that takes `first` of the first alone.
"""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import testinfra  # type: ignore[import-untyped]  # it ships no types
from testinfra.host import Host  # type: ignore[import-untyped]  # it ships no types

from bakery.core import scratch
from tests.image.copy import Copy, read_settings

HERE = Path(__file__).parent
NEEDS = {
    "throwaway": "needs a copy to throw away, and without BAKERY_CONSOLES or BAKERY_THROWAWAY this may be in use",
    "twin": "compares two copies, and --hosts names one machine",
    "console": "reads the guests' consoles, and BAKERY_CONSOLES names none",
    "node_file": "needs a second copy that was given BAKERY_NODE_FILE at first boot",
    "dokku": "asks for dokku, and this image has none",
    "real_dokku": "asks what only the real dokku can show, and this is the stand-in of the tests",
}


REAL = {
    "kernel": "the image's own kernel",
    "boot": "a boot by firmware, boot loader and kernel",
    "disk": "a disk with partitions",
    "platform": "the platform: its memory, its first boot",
    "reboot": "a restart of the whole machine",
}
"""What only a guest has. All else is asked of native machines where there are some (bakery/guests/verify.py)."""
WAITING = "waiting"


def pytest_configure(config: pytest.Config) -> None:
    for name, why in NEEDS.items():
        config.addinivalue_line("markers", f"{name}: left out where it {why}")
    config.addinivalue_line("markers", f"{WAITING}: takes minutes, and asks for nothing that other tests changed")
    for name, what in REAL.items():
        config.addinivalue_line("markers", f"{name}: needs {what}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the suite out of a run of all tests: it has nothing to judge without a machine."""
    if config.getoption("hosts", None):
        return None
    if any(HERE in (Path(argument.partition("::")[0]).absolute() / "x").parents for argument in config.args):
        raise pytest.UsageError("tests/image judges running machines: --hosts=ssh://user@address[,…] says which")
    return True


@pytest.hookimpl(trylast=True)  # after `-m`, so that only what was asked for can be left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.option.hosts:
        return  # A run of all tests leaves this folder out, but reads its conftest.
    missing = {
        *([] if _consoles() else ["console"]),
        *([] if _consoles() or os.environ.get("BAKERY_THROWAWAY") else ["throwaway"]),
        *([] if len(_names(config)) > 1 else ["twin"]),
        *([] if os.environ.get("BAKERY_NODE_FILE") else ["node_file"]),
    }
    if any(item.get_closest_marker("dokku") for item in items):
        dokku = _description_of_dokku(config)
        missing |= {"dokku", "real_dokku"} if not dokku else {"real_dokku"} if "stand-in" in dokku else set()
    out = [item for item in items if any(item.get_closest_marker(name) for name in missing)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]
        config.stash[LEFT_OUT] = sorted(name for name in missing if any(item.get_closest_marker(name) for item in out))


LEFT_OUT = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name in config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(f"left out ({name}): what {NEEDS[name]}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "each" in metafunc.fixturenames:
        names = _names(metafunc.config)
        metafunc.parametrize("each", range(len(names)), ids=names, indirect=True)
    if "console" in metafunc.fixturenames:
        consoles = _consoles() or [Path("none")]
        metafunc.parametrize("console", consoles, ids=[path.stem for path in consoles])


@pytest.fixture(scope="session")
def copies(request: pytest.FixtureRequest) -> Iterator[list[Copy]]:
    """Every machine under judgement, in the order of `--hosts`."""
    # Not pytest's own folder: a socket's path may have 104 characters at most, and not all of them.
    sockets = scratch.make_small("bakery-ssh-")
    keep_open = f"-o ControlMaster=auto -o ControlPersist=60s -o ControlPath={sockets}/%C"
    names = request.config.option.hosts.split(",")
    found = [Copy(_reach(request.config, name, options=keep_open)) for name in names]
    # Each answer takes half a minute in TCG, most of it waiting: ask all at the same time.
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda copy: copy.facts, found))
    yield found
    shutil.rmtree(sockets)


@pytest.fixture
def each(request: pytest.FixtureRequest, copies: list[Copy]) -> Copy:
    index: int = request.param
    return copies[index]


@pytest.fixture(scope="session")
def first(copies: list[Copy]) -> Copy:
    return copies[0]


@pytest.fixture(scope="session")
def twin(copies: list[Copy]) -> Copy:
    return copies[1]


@pytest.fixture(scope="session")
def last(copies: list[Copy]) -> Copy:
    """Give the second machine, or the only one: for what takes long while the first is asked, or takes it away."""
    return copies[-1]


@pytest.fixture(scope="session")
def settings(copies: list[Copy]) -> dict[str, str]:
    """What the image was asked to be: from the bake where it is known, else what the machine says of itself."""
    told = os.environ.get("BAKERY_SETTINGS")
    return read_settings(Path(told).read_text()) if told else copies[0].settings


def _names(config: pytest.Config) -> list[str]:
    return [name.removeprefix("ssh://") for name in config.option.hosts.split(",")]


def _description_of_dokku(config: pytest.Config) -> str:
    """Return how the first machine's package of dokku describes itself, nothing where there is none."""
    asked = _reach(config, config.option.hosts.split(",")[0]).run("dpkg-query -W -f='${Description}' dokku")
    return str(asked.stdout) if asked.rc == 0 else ""


def _reach(config: pytest.Config, name: str, *, options: str | None = None) -> Host:
    return testinfra.get_host(
        name if "://" in name else f"ssh://{name}",
        ssh_config=config.option.ssh_config,
        ssh_identity_file=config.option.ssh_identity_file,
        ssh_extra_args=options,
        sudo=True,
    )


def _consoles() -> list[Path]:
    return [Path(name) for name in os.environ.get("BAKERY_CONSOLES", "").split(",") if name]
