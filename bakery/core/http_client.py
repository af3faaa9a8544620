"""The one way to a web server: httpx, through the proxy that `proxies` names for each address.

httpx reads the environment by itself, but ends with a traceback for `NO_PROXY=::1,fd00::/8` and for SOCKS.
"""

import os
import ssl

import httpx

from bakery.core import proxies
from bakery.core.errors import impossible


class _ByAddress(httpx.BaseTransport):
    """Sends each request through its own proxy, or through none; connections are kept for all of them."""

    def __init__(self) -> None:
        self._trust = _trust()
        self._ways: dict[str, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._way(proxies.proxy_for(str(request.url), os.environ)).handle_request(request)

    def close(self) -> None:
        for way in self._ways.values():
            way.close()

    def _way(self, proxy: str) -> httpx.HTTPTransport:
        # setdefault: threads share a client, and one that comes second takes the first one's.
        if proxy not in self._ways:
            self._ways.setdefault(proxy, httpx.HTTPTransport(verify=self._trust, proxy=proxy or None))
        return self._ways[proxy]


def client(*, timeout_s: float) -> httpx.Client:
    """Return a client that follows redirects and waits *timeout_s* for each byte.

    Raises BakeryError: exit code 2 when the environment's SSL_CERT_FILE cannot be used, 3 when its proxy is of a kind
    that nothing here can speak to.
    """
    proxies.require_usable(os.environ)
    return httpx.Client(transport=_ByAddress(), trust_env=False, follow_redirects=True, timeout=timeout_s)


def _trust() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        told = "no certificates in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        named = os.environ.get("SSL_CERT_FILE", "")
        raise impossible(f"SSL_CERT_FILE: {named}: {told}", hint="name another file, or unset it") from error
