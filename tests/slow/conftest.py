"""What the tests on real machines share: one image, baked once in a run with an empty cache of its own."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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
    said: str
    printed: str
    environment: dict[str, str]

    @property
    def disk(self) -> Path:
        return self.folder / f"{NAME}.qcow2"

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.folder / f"{NAME}.json").read_text())
        return record

    def box(self, provider: str) -> Path:
        return self.folder / f"{NAME}.{provider}.box"

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
    done = run_inv("bake", "--image", "host", "--base", "debian-12", environment=environment)
    assert done.returncode == 0, done.stderr
    return Baked(folder=folder / "build/host/local", said=done.stderr, printed=done.stdout, environment=environment)
