"""Fetching through a proxy on loopback, with the real httpx, curl and apt-get; the proxy is a server of this test."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bakery.core import http, http_client, proxies
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases, layers
from bakery.local import packer_input
from bakery.packer import render
from bakery.packer.engine import ENVIRONMENT, installed

BODY = b"from behind the proxy"


@dataclass
class Proxy:
    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Run a proxy that answers every address itself, and let the environment name no other."""
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)
    running = Proxy(url="")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that http.server calls it by
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.url = f"http://127.0.0.1:{server.server_port}"
        yield running
        server.shutdown()
        thread.join()


def test_a_source_is_asked_through_the_proxy(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("NO_PROXY", "::1,fd00::/8,10.0.0.0/8")
    (answer,) = http.ask([http.Source(name="a", url="http://archive.test/Release", needed_for="x")])
    assert answer.body == BODY
    assert proxy.asked == ["http://archive.test/Release"]


def test_this_machine_is_asked_directly(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with http_client.client(timeout_s=5) as client:
        assert client.get(f"{proxy.url}/x").content == BODY
    assert proxy.asked == ["/x"]


@pytest.mark.parametrize(
    ("name", "told"), [("gone.pem", "No such file or directory"), ("notes.txt", "no certificates in PEM")]
)
def test_a_file_of_certificates_that_cannot_be_read_is_told(
    name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("buy milk")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
    with pytest.raises(BakeryError) as caught:
        http_client.client(timeout_s=1)
    assert caught.value.message == f"SSL_CERT_FILE: {tmp_path / name}: {told}"
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_socks_without_its_package_ends_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "find_spec", lambda _: None)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(BakeryError, match="goes through a socks5 proxy"):
        http.ask([http.Source(name="a", url="http://archive.test/", needed_for="x")])


@pytest.mark.parametrize("fetch", [["curl", "-fsS"], ["/usr/lib/apt/apt-helper", "download-file"]])
def test_the_programs_of_the_steps_follow_what_the_steps_are_told(
    fetch: list[str], proxy: Proxy, tmp_path: Path
) -> None:
    if shutil.which(fetch[0]) is None:
        pytest.skip(f"{fetch[0]} is not on this system")
    told = proxies.of_guest({"http_proxy": proxy.url, "NO_PROXY": "::1,fd00::/8"})
    # On this machine the guest's name for it leads nowhere.
    told = {name: value.replace(proxies.GUESTS_HOST, "127.0.0.1") for name, value in told.items()}
    out = ["-o", str(tmp_path / "out")] if fetch[0] == "curl" else []
    argv = [*fetch, *out, "http://archive.test/file", *([] if out else [str(tmp_path / "out")])]
    subprocess.run(argv, env={"PATH": "/usr/bin:/bin", **told}, check=True, capture_output=True)
    assert (tmp_path / "out").read_bytes() == BODY
    assert proxy.asked == ["http://archive.test/file"]


def test_packer_hands_the_proxy_to_the_steps_alone(tmp_path: Path) -> None:
    engine = installed()
    files = packer_input.packer_files(layers.whole("host"), bases.base("debian-12"), packer=engine)
    render.write(tmp_path, files)
    text = files["image.pkr.hcl"]
    assert '"http_proxy=${var.http_proxy}"' in text
    assert "--preserve-env=http_proxy,https_proxy,no_proxy" in text
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PKR_VAR_http_proxy": "http://me:p'w@10.0.2.2:3128",
        **ENVIRONMENT,
    }
    argv = ["packer", "inspect", str(tmp_path)]
    seen = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert "http://me:p'w@10.0.2.2:3128" in seen.stdout + seen.stderr


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, "bash /tmp/bakery-provision/run"),
        ({"https_proxy": "http://p"}, "--preserve-env=http_proxy,https_proxy,no_proxy bash /tmp/bakery-provision/run"),
    ],
)
def test_sudo_keeps_a_proxy_and_is_asked_for_nothing_without_one(
    environment: dict[str, str], asked: str, tmp_path: Path
) -> None:
    template = packer_input.packer_files(layers.whole("host"), bases.base("debian-12"), packer=installed())
    script = re.search(r'"(kept=.*)",\n +"(sudo .*)"', template["image.pkr.hcl"])
    assert script
    (tmp_path / "sudo").write_text('#!/bin/sh\necho "$*"\n')
    (tmp_path / "sudo").chmod(0o755)
    lines = "\n".join(json.loads(f'"{line}"') for line in script.groups())
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", **environment}
    done = subprocess.run(["sh", "-e", "-c", lines], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"{asked}\n"
