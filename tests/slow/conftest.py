"""What the tests on real machines share: one image, baked once in a run with an empty cache of its own.

The tests run in several processes: whichever wants the image first bakes it, the others wait for it and use it too.
"""

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bakery.clouds.aws.account import Account, rehearse
from bakery.rehearsal import service
from tests.standin import images
from tests.standin.site import serving

ROOT = Path(__file__).parent.parent.parent
NAME = "host-debian-12"
HOST = ("--image", "host", "--base", "debian-12")
"""What is baked here, where nothing but Debian's archive answers; the default would be dokku on Ubuntu."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True, kw_only=True)
class Baked:
    """A bake that ended well: its folder, what it said, and the environment to repeat it in."""

    folder: Path
    name: str
    said: str
    printed: str
    environment: dict[str, str]

    @property
    def disk(self) -> Path:
        return self.folder / f"{self.name}.qcow2"

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.folder / f"{self.name}.json").read_text())
        return record

    def box(self, provider: str) -> Path:
        return self.folder / f"{self.name}.{provider}.box"

    def inv(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ours as a user would, beside this bake."""
        return run_inv(*words, environment=self.environment)


def run_inv(*words: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    argv = [str(ROOT / "inv"), *words]
    return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def environment_in(folder: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "BAKERY_BUILD_DIR": str(folder / "build")}


def rehearsed_account(build: Path) -> Account:
    """Return AWS's account in the rehearsal that runs for a build folder."""
    there = service.read(build / "rehearsal/server.json")
    return rehearse(endpoint=there.url, keys=(there.keys.access_key, service.SECRET_KEY), ports=service.PORTS)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that all processes of this run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Keep the other processes of this run waiting while the body runs."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def baked(run_folder: Path) -> Baked:
    """Bake `host` on debian-12 from nothing, as the README's first command does."""
    folder = run_folder / "bake"
    told = folder / "told.json"
    folder.mkdir(exist_ok=True)
    with alone(folder / "lock"):
        if not told.exists():
            environment = environment_in(folder)
            done = run_inv("bake", "--image", "host", "--base", "debian-12", environment=environment)
            told.write_text(json.dumps({"said": done.stderr, "printed": done.stdout, "exit_code": done.returncode}))
    answer = json.loads(told.read_text())
    assert answer["exit_code"] == 0, answer["said"]
    return Baked(
        folder=folder / "build/host/local",
        name=NAME,
        said=answer["said"],
        printed=answer["printed"],
        environment=environment_in(folder),
    )


@pytest.fixture(scope="session")
def baked_dokku(baked: Baked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Baked]:
    """Bake `dokku` on that very `host`, out of the stand-in's archive, which is served as long as tests need it."""
    folder = tmp_path_factory.mktemp("standin")
    with serving(folder / "site") as site:
        images.write(folder / "images", site=site)
        environment = {**baked.environment, "BAKERY_IMAGES_DIR": str(folder / "images")}
        done = run_inv("bake", "--image", "dokku", "--base", "debian-12", environment=environment)
        assert done.returncode == 0, done.stderr
        yield Baked(
            folder=baked.folder.parents[1] / "dokku/local",
            name="dokku-debian-12",
            said=done.stderr,
            printed=done.stdout,
            environment=environment,
        )
