"""Which proxy leads to an address, by what people have in their environment; values in, values out.

NO_PROXY as curl, Go and Python between them understand it: names with or without a dot in front, addresses, networks
(`fd00::/8`), ports, `*`. This machine itself is never asked for through a proxy, which is Go's rule and so packer's.
"""

import ipaddress
import re
from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import SplitResult, urlsplit

from bakery.core.errors import missing

GUESTS_HOST = "10.0.2.2"
"""What QEMU's user network calls this machine's loopback (QEMU, "Using the user mode network stack")."""

LOOPBACK = ("localhost", "127.0.0.0/8", "::1")
EXAMPLE = "https_proxy=http://HOST:PORT http_proxy=http://HOST:PORT ./inv …"
DEFAULT_PORTS = {"http": 80, "https": 443}


def proxy_for(url: str, environment: Mapping[str, str]) -> str:
    """Return the address of the proxy that leads to *url*, empty where there is none in between."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    rules = [*LOOPBACK, *_told("no", environment).replace(",", " ").split()]
    if any(_is_meant(rule, host=parts.hostname or "", port=port) for rule in rules):
        return ""
    return proxy_of(parts.scheme, environment)


def proxy_of(scheme: str, environment: Mapping[str, str]) -> str:
    """Return the proxy for addresses of a scheme, `http` or `https`, empty where there is none."""
    told = _told(scheme, environment) or _told("all", environment)
    return told if not told or "://" in told else f"http://{told}"


def require_usable(environment: Mapping[str, str]) -> None:
    """Raise BakeryError (exit code 3) when a proxy is of a kind that nothing here can speak to."""
    for scheme in DEFAULT_PORTS:
        variable = _variable(scheme, environment) or _variable("all", environment)
        if not variable:
            continue
        told = _parts(proxy_of(scheme, environment))
        if told is None:
            raise missing(
                f"{scheme} goes through {variable}, which is no address of a proxy",
                hint=f"{EXAMPLE}  (in a password, / is %2F and @ is %40)",
            )
        kind = told.scheme
        if kind.startswith("socks") and find_spec("socksio") is None:
            raise missing(
                f"{scheme} goes through a {kind} proxy here, which needs a package that is not installed",
                hint="https_proxy=http://… http_proxy=http://… ./inv …  (or: .venv/bin/python -m pip install socksio)",
            )
        if kind not in {"", "http", "https", "socks5", "socks5h"}:
            raise missing(
                f"{scheme} goes through a proxy of the kind {kind!r}, which does not exist here",
                hint=EXAMPLE,
            )


def without_own(environment: Mapping[str, str], url: str) -> dict[str, str] | None:
    """Return the proxies by scheme for who knows `https_proxy` alone, or None where that is enough."""
    through = "" if _told("https", environment) else proxy_for(url, environment)
    return dict.fromkeys(DEFAULT_PORTS, through) if through else None


def shown(environment: Mapping[str, str]) -> str:
    """Return the proxy that there is, without name and password, or else which variable has it; empty for none."""
    for scheme in reversed(DEFAULT_PORTS):
        if variable := _variable(scheme, environment) or _variable("all", environment):
            told = _parts(proxy_of(scheme, environment))
            return f"{told.scheme}://{told.netloc.rpartition('@')[2]}" if told else f"in {variable}"
    return ""


def _parts(proxy: str) -> SplitResult | None:
    """Return what a proxy's address says; None where it is none."""
    try:
        parts = urlsplit(proxy)
        host, port = parts.hostname or "", parts.port
        if "[" in parts.netloc or re.fullmatch(r"[\d.]+", host):
            ipaddress.ip_address(host)
    except ValueError:
        return None
    # A `/`, `?` or `#` in a password ends there what is read as host and port.
    is_cut = "@" in parts.path + parts.query + parts.fragment
    return parts if host and port != 0 and not is_cut and proxy.isprintable() else None


def of_guest(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of steps in a machine of this one, so that they reach their archives as we do.

    A proxy on our loopback is at another address there. Empty where there is no proxy; nothing of it is for the image.
    """
    known = {f"{scheme}_proxy": _as_guest(proxy_of(scheme, environment)) for scheme in DEFAULT_PORTS}
    if not any(known.values()):
        return {}
    direct = [*_told("no", environment).replace(",", " ").split(), "localhost", "127.0.0.1", "::1", GUESTS_HOST]
    return {**known, "no_proxy": ",".join(dict.fromkeys(direct))}


def _as_guest(proxy: str) -> str:
    parts = urlsplit(proxy)
    if not parts.hostname or not any(_is_meant(rule, host=parts.hostname, port=0) for rule in LOOPBACK):
        return proxy
    login, at, _ = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{login}{at}{GUESTS_HOST}{port}").geturl()


def _told(what: str, environment: Mapping[str, str]) -> str:
    return environment.get(_variable(what, environment), "").strip()


def _variable(what: str, environment: Mapping[str, str]) -> str:
    """Return which of `http_proxy` and the like is set, empty for none; small letters come first, as for curl."""
    names = (f"{what}_proxy", f"{what.upper()}_PROXY")
    return next((name for name in names if environment.get(name, "").strip()), "")


def _is_meant(rule: str, *, host: str, port: int) -> bool:
    if rule == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(rule.strip("[]"), strict=False)
    except ValueError:
        pass  # one of them is a name, or has a port
    name, colon, wanted = rule.rpartition(":")
    if colon and wanted.isdecimal() and name.count(":") in {0, name.strip("[]").count(":")}:
        return int(wanted) == port and _is_meant(name, host=host, port=port)
    name = rule.lower().removeprefix("*").removeprefix(".")
    return bool(name) and (host.lower() == name or host.lower().endswith(f".{name}"))
