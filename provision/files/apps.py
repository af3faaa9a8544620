"""What dokku's apps are now, read from dokku's files and Docker's socket: no program is started, nothing changes."""

import json
import re
import socket
from pathlib import Path
from typing import Any, NamedTuple

from files import at

# A server block, and an upstream's server in it, as dokku's nginx.conf.sigil writes them.
SERVER = re.compile(r"^\s*server\s*\{(.*?)(?=^\s*(?:server|upstream)\b[^;\n]*\{|\Z)", re.MULTILINE | re.DOTALL)
UPSTREAM = re.compile(r"^\s*server\s+([\d.]+):(\d+);", re.MULTILINE)


class Container(NamedTuple):
    """A process of an app: the address that nginx was told ("" when none), and those that it has for Docker."""

    process: str
    is_running: bool
    told: str
    addresses: tuple[str, ...]

    @property
    def is_web(self) -> bool:
        """Whether visitors are led to it."""
        return self.process.startswith("web.")

    @property
    def is_where_told(self) -> bool:
        """Whether it runs at the address that nginx was told, if that is known."""
        return self.is_running and (not self.told or self.told in self.addresses)


class Site(NamedTuple):
    """Where nginx listens for an app, and by which name."""

    is_tls: bool
    address: str
    port: int
    name: str


class App(NamedTuple):
    """An app: `is_wanted` unless its owner stopped it, `is_proxied` where dokku tells nginx where to find it."""

    name: str
    conf: Path
    containers: tuple[Container, ...]
    others: frozenset[str]
    """The addresses of containers that are not its own: while it is deployed it has old ones and new ones."""
    is_wanted: bool
    is_proxied: bool

    @property
    def web(self) -> list[Container]:
        """Those of its processes that visitors are led to."""
        return [one for one in self.containers if one.is_web]

    @property
    def vhost(self) -> str:
        """What dokku wrote for nginx; nothing where that is missing or empty."""
        return self.conf.read_text(encoding="utf-8", errors="surrogateescape") if self.conf.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether every process of it runs."""
        return bool(self.containers) and all(one.is_running for one in self.containers)

    @property
    def is_routed(self) -> bool:
        """Whether nginx looks for each web process where it is; true where that is not nginx's to do."""
        known = {address for address, _ in UPSTREAM.findall(self.vhost)}
        return not self.is_proxied or all(one.is_where_told and known.intersection(one.addresses) for one in self.web)

    @property
    def site(self) -> Site | None:
        """The first that leads to its processes, by TLS where it has any: without, it only redirects."""
        blocks = [block for block in SERVER.findall(self.vhost) if "proxy_pass" in block]
        return max(map(_site, blocks), key=lambda site: site.is_tls, default=None)


def read_apps() -> list[App]:
    """Return every app that was deployed.

    Raises OSError where Docker does not answer.
    """
    containers = {one["Id"]: one for one in _ask_docker("/containers/json?all=1")}
    folders = sorted(path for path in at("/home/dokku").glob("*/") if not path.name.startswith("."))
    apps = [_app(folder, containers) for folder in folders]
    return [app for app in apps if app.containers or _lost_its_containers(app.name)]


def _lost_its_containers(app: str) -> bool:
    """Whether it was deployed and has not been scaled to nothing, as `web=0` a line."""
    scale = _property(app, "ps", "scale").split()
    is_scaled_away = bool(scale) and all(line.endswith("=0") for line in scale)
    return _property(app, "common", "deployed") == "true" and not is_scaled_away


def _app(folder: Path, known: dict[str, Any]) -> App:
    files = sorted(folder.glob("CONTAINER.*"))
    told = _property(folder.name, "network", "static-web-listener")
    proxy = _property(folder.name, "proxy", "type") or _property("--global", "proxy", "type") or "nginx"
    return App(
        name=folder.name,
        conf=folder / "nginx.conf",
        containers=tuple(_container(path, known) for path in files),
        others=frozenset(
            address
            for one in known.values()
            if (one.get("Labels") or {}).get("com.dokku.app-name") != folder.name
            for address in _addresses(one)
        )
        - {"127.0.0.1", ""},
        is_wanted=_property(folder.name, "ps", "restore") != "false",
        is_proxied=proxy == "nginx" and not told and _property(folder.name, "proxy", "disabled") != "true",
    )


def _container(path: Path, known: dict[str, Any]) -> Container:
    process = path.name.partition(".")[2]
    found = known.get(_line(path), {})
    return Container(
        process=process,
        is_running=found.get("State") == "running",
        told=_line(path.parent / f"IP.{process}"),
        addresses=tuple(filter(None, _addresses(found))),
    )


def _addresses(found: dict[str, Any]) -> list[str]:
    if found.get("HostConfig", {}).get("NetworkMode") == "host":
        return ["127.0.0.1"]
    networks = found.get("NetworkSettings", {}).get("Networks", {})
    # Docker's own network first: dokku asks for that unless an app has another.
    return [networks[name].get("IPAddress", "") for name in sorted(networks, key=lambda name: name != "bridge")]


def _site(block: str) -> Site:
    listens = re.findall(r"^\s*listen\s+(\S+?)((?:\s[^;]*)?);", block, re.MULTILINE)
    where, options = next((one for one in listens if "[" not in one[0]), ("80", ""))
    address, _, port = where.rpartition(":")
    names = re.search(r"^\s*server_name\s+([^;]+);", block, re.MULTILINE)
    name = names[1].split()[0] if names else ""
    # Any name below a wildcard will do; a pattern cannot be asked for.
    name = "127.0.0.1" if not name or name.startswith(("~", "_")) else name.replace("*", "any").lstrip(".")
    return Site(is_tls="ssl" in options.split(), address=address or "127.0.0.1", port=int(port), name=name)


def _property(app: str, plugin: str, key: str) -> str:
    return _line(at(f"/var/lib/dokku/config/{plugin}/{app}/{key}"))


def _line(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _ask_docker(path: str) -> Any:
    with socket.socket(socket.AF_UNIX) as docker:
        docker.settimeout(20)
        docker.connect(str(at("/run/docker.sock")))
        # HTTP/1.0, so that the answer is neither in chunks nor left open.
        docker.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: docker.recv(65536), b"")).partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise OSError(f"docker: {head.decode(errors='replace')}")
    return json.loads(body)
