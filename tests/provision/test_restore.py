"""What brings dokku's apps back and says which are up (bakery-restore, bakery-apps), run for real in a root of its own.

Docker is a stand-in that answers on a socket what a test tells it to; dokku and sudo are scripts that note their calls.
"""

import json
import os
import re
import shutil
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bakery import ROOT

FILES = ROOT / "provision/files"
VHOST = """
server {{
  listen      [::]:80;
  listen      80;
  server_name {name}.test;
  location    / {{
    proxy_pass  http://{name}-5000;
  }}
  include /home/dokku/{name}/nginx.conf.d/*.conf;
}}

upstream {name}-5000 {{
{servers}}}
"""


class Machine:
    """A root with dokku's files in it, and what Docker says of containers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.containers: list[dict[str, object]] = []
        self.later: list[dict[str, object]] = []
        (root / "home/dokku").mkdir(parents=True)
        (root / "run").mkdir()
        (root / "bin").mkdir()
        for name in ("dokku", "sudo"):
            script = f'#!/bin/bash\necho "{name} $*" >>{root}/calls\n[[ "$*" != *broken* ]]\n'
            (root / "bin" / name).write_text(script)
            (root / "bin" / name).chmod(0o755)

    def app(self, name: str, **processes: tuple[str, str]) -> Path:
        """Add an app; each process has the address that nginx was told and the one it has ("" when it does not run)."""
        folder = self.root / "home/dokku" / name
        folder.mkdir()
        servers = ""
        for process, (told, address) in processes.items():
            kind, _, number = process.partition("_")
            self.container(f"{name}-{process}", address)
            (folder / f"CONTAINER.{kind}.{number}").write_text(f"{name}-{process}\n")
            if kind == "web":
                (folder / f"IP.web.{number}").write_text(f"{told}\n")
                servers += f"  server {told}:5000;\n"
        (folder / "nginx.conf").write_text(VHOST.format(name=name, servers=servers))
        return folder / "nginx.conf"

    def container(self, name: str, address: str, *, mode: str = "default") -> None:
        found: dict[str, object] = {"Id": name, "State": "running" if address else "exited"}
        found["HostConfig"] = {"NetworkMode": mode}
        found["NetworkSettings"] = {"Networks": {"bridge": {"IPAddress": address}}}
        self.containers.append(found)

    def write_property(self, app: str, plugin: str, key: str, value: str) -> None:
        path = self.root / "var/lib/dokku/config" / plugin / app / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value + "\n")

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a program without the patience that it has for apps, none of which answers here."""
        program = self.root / name
        text = (FILES / name).read_text().replace("PATIENCE_S = 60", "PATIENCE_S = 0")
        program.write_text(text.replace("time.sleep(2)", "time.sleep(0.05)"))
        env = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "BAKERY_ROOT": str(self.root), "PYTHONPATH": str(FILES)}
        argv = ["python3", "-B", str(program)]
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)

    def restore(self) -> subprocess.CompletedProcess[str]:
        return self.run("bakery-restore")

    @property
    def calls(self) -> list[str]:
        path = self.root / "calls"
        return sorted(path.read_text().splitlines()) if path.exists() else []

    @property
    def has_ended(self) -> bool:
        return (self.root / "run/bakery-restore/ended").exists()


@pytest.fixture
def machine() -> Iterator[Machine]:
    # Not pytest's own folder: a socket's path may have 107 characters at most.
    root = Path(tempfile.mkdtemp(prefix="bakery-"))
    here = Machine(root)

    class Docker(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/containers/json?all=1"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(here.containers).encode())
            here.containers = here.later or here.containers

        def log_message(self, *args: object) -> None:
            pass

        def address_string(self) -> str:
            return "a socket"

    with socketserver.ThreadingUnixStreamServer(str(root / "run/docker.sock"), Docker) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield here
        server.shutdown()
        thread.join()
    shutil.rmtree(root)


RELOAD = "sudo /usr/bin/systemctl reload nginx"


def test_what_runs_where_nginx_looks_for_it_is_left_alone(machine: Machine) -> None:
    conf = machine.app(
        "shop", web_1=("172.17.0.2", "172.17.0.2"), web_2=("172.17.0.3", "172.17.0.3"), worker_1=("", "172.17.0.4")
    )
    before = conf.read_text()
    done = machine.restore()
    assert (done.returncode, done.stderr, machine.calls) == (0, "", [])
    assert conf.read_text() == before
    assert "1 of 1 apps are back by themselves" in done.stdout
    assert machine.has_ended


def test_containers_that_swapped_their_addresses_are_found_at_once_and_dokku_writes_it_down(machine: Machine) -> None:
    one = machine.app("one", web_1=("172.17.0.2", "172.17.0.3"))
    two = machine.app("two", web_1=("172.17.0.3", "172.17.0.2"))
    machine.app("three", web_1=("172.17.0.20", "172.17.0.20"))
    machine.restore()
    assert re.findall(r"server ([\d.]+):5000;", one.read_text()) == ["172.17.0.3"]
    assert re.findall(r"server ([\d.]+):5000;", two.read_text()) == ["172.17.0.2"]
    assert machine.calls == ["dokku ps:start one", "dokku ps:start two", RELOAD]


def test_what_does_not_run_is_started_and_its_vhost_points_to_nobody_elses_container(machine: Machine) -> None:
    dead = machine.app("dead", web_1=("172.17.0.2", ""))
    half = machine.app("half", web_1=("172.17.0.3", "172.17.0.3"), web_2=("172.17.0.4", ""))
    machine.restore()
    assert not dead.exists()
    assert re.findall(r"server ([\d.]+):5000;", half.read_text()) == ["172.17.0.3"]
    assert machine.calls == ["dokku ps:start dead", "dokku ps:start half", RELOAD]


def test_a_worker_that_does_not_run_costs_the_web_nothing(machine: Machine) -> None:
    conf = machine.app("shop", web_1=("172.17.0.2", "172.17.0.2"), worker_1=("", ""))
    before = conf.read_text()
    machine.restore()
    assert conf.read_text() == before
    assert machine.calls == ["dokku ps:start shop"]


def test_what_its_owner_stopped_stays_stopped_and_loses_its_vhost(machine: Machine) -> None:
    conf = machine.app("shop", web_1=("172.17.0.2", ""))
    machine.write_property("shop", "ps", "restore", "false")
    machine.restore()
    assert not conf.exists()
    assert machine.calls == [RELOAD]


def test_a_vhost_that_is_missing_or_empty_is_written_again(machine: Machine) -> None:
    machine.app("empty", web_1=("172.17.0.2", "172.17.0.2")).write_text("")
    machine.app("missing", web_1=("172.17.0.3", "172.17.0.3")).unlink()
    machine.restore()
    assert machine.calls == ["dokku ps:start empty", "dokku ps:start missing"]


@pytest.mark.parametrize(
    ("plugin", "key", "value"),
    [("proxy", "disabled", "true"), ("proxy", "type", "traefik"), ("network", "static-web-listener", "10.0.0.5:80")],
)
def test_where_nginx_is_not_told_by_dokku_where_containers_are_it_is_left_alone(
    machine: Machine, plugin: str, key: str, value: str
) -> None:
    conf = machine.app("shop", web_1=("172.17.0.2", "172.17.0.9"))
    before = conf.read_text()
    machine.write_property("shop", plugin, key, value)
    machine.restore()
    assert (conf.read_text(), machine.calls) == (before, [])


def test_a_process_whose_address_dokku_did_not_note_is_looked_for_in_the_vhost(machine: Machine) -> None:
    conf = machine.app("shop", web_1=("172.17.0.2", "172.17.0.2"))
    (conf.parent / "IP.web.1").unlink()
    machine.restore()
    assert machine.calls == []
    machine.containers.clear()
    machine.container("shop-web_1", "172.17.0.3")
    machine.restore()
    assert machine.calls == ["dokku ps:start shop"]


def test_an_app_that_was_never_deployed_is_no_app_yet_and_one_whose_containers_are_gone_is_started(
    machine: Machine,
) -> None:
    machine.app("new")
    machine.app("lost")
    machine.write_property("lost", "common", "deployed", "true")
    machine.app("nothing")
    machine.write_property("nothing", "common", "deployed", "true")
    machine.write_property("nothing", "ps", "scale", "web=0\nworker=0")
    machine.restore()
    assert machine.calls == ["dokku ps:start lost"]


def test_what_an_owner_wrote_into_a_vhost_stays(machine: Machine) -> None:
    conf = machine.app("shop", web_1=("172.17.0.2", "172.17.0.3"))
    conf.write_text(conf.read_text() + "upstream legacy {\n  server 10.0.0.5:80;\n  server 172.17.0.22:80;\n}\n")
    machine.restore()
    assert re.findall(r"server ([\d.:]+);", conf.read_text()) == ["172.17.0.3:5000", "10.0.0.5:80", "172.17.0.22:80"]


def test_one_that_does_not_start_is_named_and_the_others_are_started_all_the_same(machine: Machine) -> None:
    machine.app("broken", web_1=("172.17.0.2", ""))
    machine.app("shop", web_1=("172.17.0.3", ""))
    done = machine.restore()
    assert done.returncode == 0
    assert "<4>broken did not start: dokku ps:start broken ended with 1" in done.stdout
    assert "dokku ps:start shop" in machine.calls
    assert machine.has_ended


def test_where_docker_does_not_answer_the_end_is_told_all_the_same(machine: Machine) -> None:
    (machine.root / "run/docker.sock").unlink()
    done = machine.restore()
    assert done.returncode == 1
    assert "FileNotFoundError" in done.stderr
    assert machine.has_ended


def test_of_apps_that_should_run_it_is_said_which_are_up(machine: Machine) -> None:
    machine.app("dead", web_1=("172.17.0.2", ""))
    machine.app("stopped", web_1=("172.17.0.3", ""))
    machine.write_property("stopped", "ps", "restore", "false")
    machine.app("worker", worker_1=("", "172.17.0.4"))
    machine.app("new")
    done = machine.run("bakery-apps")
    assert (done.returncode, done.stdout, done.stderr) == (0, "dead down\nworker up\n", "")


def test_one_that_is_down_is_asked_once_more_with_what_is_there_then(machine: Machine) -> None:
    machine.app("worker", worker_1=("", ""))
    before, machine.containers = machine.containers, []
    machine.container("worker-worker_1", "172.17.0.4")
    machine.containers, machine.later = before, machine.containers
    assert machine.run("bakery-apps").stdout == "worker up\n"
