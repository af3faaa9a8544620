"""Serves stand-ins for dokku's archive, docker's archive and a plugin's repository from this machine."""

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.standin import archive, debs

PLUGIN = Path(__file__).parent / "letsencrypt"


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where everything is, and what has been asked for so far."""

    url: str
    git_url: str
    """git's own protocol, because dokku refuses plugins over plain HTTP."""
    key: str
    """The archives' key: 40 hexadecimal digits."""
    plugin_commit: str
    """The commit of version 0.25.1, which is not the newest one: so pinning shows."""
    root: Path
    """What is served."""
    requests: list[str] = field(default_factory=list)

    @property
    def dokku_archive(self) -> str:
        return f"{self.url}/dokku"

    @property
    def docker_archive(self) -> str:
        return f"{self.url}/docker"

    def stock_docker(self, what: str) -> None:
        """Let docker's archive have what a later day of it has, by a name in `debs.LATER_PLUGINS`."""
        (self.root / "docker").rename(self.root / "docker-before")
        (self.root / f"docker-{what}").rename(self.root / "docker")
        shutil.rmtree(self.root / "docker-before")

    @property
    def plugin_url(self) -> str:
        return f"{self.git_url}/dokku-letsencrypt.git"


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """Build everything below *folder*, and serve it while the body runs."""
    root = folder / "site"
    key = _build_archives(folder / "debs", root)
    commit = _build_plugin(folder / "plugin", folder / "git/dokku-letsencrypt.git")
    requests: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # apt asks for many files on one connection
        timeout = 5  # … and a connection left open must not hold up the end

        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(root))

        def do_GET(self) -> None:
            requests.append(self.path)
            super().do_GET()

        def log_message(self, *args: object) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as server, _git_daemon(folder / "git") as git_url:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield Site(url=url, git_url=git_url, key=key, plugin_commit=commit, root=root, requests=requests)
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    block_on_close = False


@contextmanager
def _git_daemon(root: Path) -> Iterator[str]:
    """Serve the repositories below *root* on a free port of this machine; give their address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--listen=127.0.0.1", f"--port={port}", "--reuseaddr", "--export-all", f"--base-path={root}"]
    with subprocess.Popen(["git", "daemon", *options, str(root)], start_new_session=True) as daemon:
        try:
            yield f"git://127.0.0.1:{port}"
        finally:
            os.killpg(daemon.pid, signal.SIGTERM)  # `git` starts the daemon as a child, and would leave it behind


def _build_archives(work: Path, root: Path) -> str:
    work.mkdir(parents=True)
    dokku = root / "dokku"
    days = {"docker": debs.DOCKER_PLUGINS} | {f"docker-{day}": held for day, held in debs.LATER_PLUGINS.items()}
    with archive.signing() as signer:
        suites = ("bookworm", "trixie")
        archive.publish(debs.build_dokku_debs(work), dokku / "debian", suites=suites, component="main", signer=signer)
        (dokku / "gpgkey").write_bytes(signer.public_key())
        for day, plugins in days.items():
            docker = root / day / "linux/debian"
            (work / day).mkdir()
            built = debs.build_docker_debs(work / day, plugins)
            archive.publish(built, docker, suites=suites[:1], component="stable", signer=signer)
            (docker / "gpg").write_bytes(signer.public_key())
        return signer.fingerprint


def _build_plugin(work: Path, bare: Path) -> str:
    """Make the plugin's repository with two commits, and return the older one's id: the same in every run."""
    shutil.copytree(PLUGIN, work)
    for path in work.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.read_bytes().startswith(b"#!") else 0o644)
    _git("init", "--quiet", "--initial-branch", "master", cwd=work)
    commit = _commit("0.25.1", work)
    toml = work / "plugin.toml"
    toml.write_text(toml.read_text().replace("0.25.1", "0.25.2"))
    _commit("0.25.2", work)
    bare.parent.mkdir(parents=True)
    _git("clone", "--quiet", "--bare", str(work), str(bare), cwd=work)
    return commit


def _commit(message: str, work: Path) -> str:
    _git("add", "--all", cwd=work)
    _git("commit", "--quiet", "--message", message, cwd=work)
    return _git("rev-parse", "HEAD", cwd=work)


def _git(*arguments: str, cwd: Path) -> str:
    who = {f"GIT_{role}_{part}": text for role in ("AUTHOR", "COMMITTER") for part, text in _IDENTITY.items()}
    quiet = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    argv = ["git", *arguments]
    return subprocess.run(argv, cwd=cwd, env=who | quiet, check=True, capture_output=True, text=True).stdout.strip()


_IDENTITY = {"NAME": "stand-in", "EMAIL": "root@localhost", "DATE": "2026-01-01T00:00:00Z"}
