"""What the tests on real machines share: one image, baked once in a run with an empty cache of its own."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.standin import images
from tests.standin.site import serving

ROOT = Path(__file__).parent.parent.parent
NAME = "host-debian-12"


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


@pytest.fixture(scope="session")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Baked:
    """Bake `host` on debian-12 from nothing, as the README's first command does."""
    folder = tmp_path_factory.mktemp("bake")
    environment = environment_in(folder)
    return bake("host", folder=folder, environment=environment)


@pytest.fixture(scope="session")
def baked_dokku(baked: Baked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Baked]:
    """Bake `dokku` on that very `host`, out of the stand-in's archive, which is served as long as tests need it."""
    folder = tmp_path_factory.mktemp("standin")
    with serving(folder / "site") as site:
        images.write(folder / "images", site=site)
        environment = {**baked.environment, "BAKERY_IMAGES_DIR": str(folder / "images")}
        yield bake("dokku", folder=baked.folder.parents[2], environment=environment)


def bake(image: str, *, folder: Path, environment: dict[str, str]) -> Baked:
    """Bake an image on debian-12 with the build folder in *folder*."""
    done = run_inv("bake", "--image", image, "--base", "debian-12", environment=environment)
    assert done.returncode == 0, done.stderr
    return Baked(
        folder=folder / "build" / image / "local",
        name=f"{image}-debian-12",
        said=done.stderr,
        printed=done.stdout,
        environment=environment,
    )
