"""The question of vhosts in a machine's health (provision/files/health-vhosts.sh), asked in folders of a test's own."""

import subprocess
from pathlib import Path

import pytest

from bakery import ROOT

SCRIPT = ROOT / "provision/files/health-vhosts.sh"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two apps that are served, and dokku's own folders."""
    for app in ("shop", "web"):
        (tmp_path / "home" / app).mkdir(parents=True)
        (tmp_path / "home" / app / "nginx.conf").write_text("server {}\n")
        (tmp_path / "home" / app / "CONTAINER.web.1").write_text("id\n")
    (tmp_path / "home/.bakery/kept").mkdir(parents=True)
    return tmp_path / "home"


def state(home: Path, *, restore: str = "done") -> str:
    text = SCRIPT.read_text().replace("/home/dokku", str(home)).replace("/var/lib/dokku", str(home.parent / "lib"))
    argv = ["bash", "-euo", "pipefail", "-c", f"{text}\nvhosts_state {restore}"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def told(home: Path, app: str, name: str, value: str, *, plugin: str = "proxy") -> None:
    path = home.parent / "lib/config" / plugin / app / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value)  # without a newline, as dokku writes its properties


def test_all_is_well_where_each_app_has_its_vhost(home: Path) -> None:
    assert state(home) == "done"
    assert state(home.parent / "nothing") == "done"


def test_an_empty_vhost_is_a_problem_by_its_apps_name(home: Path) -> None:
    (home / "shop/nginx.conf").write_text("")
    assert state(home) == "problems: shop"


def test_a_missing_vhost_is_a_problem_only_of_an_app_that_was_deployed(home: Path) -> None:
    for app in ("shop", "web"):
        (home / app / "nginx.conf").unlink()
    (home / "web/CONTAINER.web.1").unlink()
    assert state(home) == "problems: shop"


def test_a_vhost_that_is_missing_because_its_owner_said_so_is_none(home: Path) -> None:
    (home / "shop/nginx.conf").unlink()
    told(home, "shop", "disabled", "true")
    (home / "web/nginx.conf").unlink()
    told(home, "--global", "type", "caddy")
    assert state(home) == "done"
    told(home, "web", "restore", "false", plugin="ps")  # by ps:stop
    assert state(home) == "done"
    told(home, "web", "restore", "true", plugin="ps")
    told(home, "web", "type", "nginx")
    assert state(home) == "problems: web"


def test_while_apps_are_restored_it_waits(home: Path) -> None:
    (home / "shop/nginx.conf").unlink()
    assert state(home, restore="waiting") == "waiting"
