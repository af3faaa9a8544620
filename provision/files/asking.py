"""Whether dokku's apps answer: asked through nginx by each one's own name, within bounds of time and number."""

import random
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

from apps import UPSTREAM, App, Site

APPS = 100  # of more than that, others are asked the next time
AT_ONCE = 16
ANSWER_S = 5
TOGETHER_S = 10
# What nginx says by itself when the app does not answer; anything else is the app's own answer.
NO_ANSWER = {0, 502, 504}


def ask(apps: list[App]) -> dict[str, bool]:
    """Return for each app by name whether it answers; those that were not asked in time are left out."""
    some = random.sample(apps, min(len(apps), APPS))  # so that all have their turn
    if not some:
        return {}
    pool = ThreadPoolExecutor(min(len(some), AT_ONCE))
    asked = {pool.submit(answers, app): app.name for app in some}
    done, late = wait(asked, timeout=TOGETHER_S)
    pool.shutdown(wait=False, cancel_futures=True)
    return {asked[one]: one.result() for one in done} | {asked[one]: False for one in late if not one.cancelled()}


def answers(app: App) -> bool:
    """Whether all its processes run and can be reached where nginx looks for them, and it says something."""
    if not app.is_running or not app.is_proxied or not app.web:
        return app.is_running
    # Not where its containers are by dokku's files: during a deploy they tell of the new ones, and nginx of the old.
    upstreams = UPSTREAM.findall(app.vhost)
    if not upstreams or any(address in app.others for address, _ in upstreams):
        return False
    is_reached = all(_accepts(address, int(port)) for address, port in upstreams)
    return is_reached and (app.site is None or _code(app.site) not in NO_ANSWER)


def _accepts(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=ANSWER_S).close()
    except OSError:
        return False
    return True


def _code(site: Site) -> int:
    """Return the code of the answer, 0 without one. What the certificate says is another check's subject."""
    request = f"HEAD / HTTP/1.1\r\nHost: {site.name}\r\nUser-Agent: bakery-health\r\nConnection: close\r\n\r\n"
    try:
        with closing(_connect(site)) as stream:
            stream.sendall(request.encode())
            status = stream.recv(64).split()
    except OSError:
        return 0
    return int(status[1]) if len(status) > 1 and status[1].isdigit() else 0


def _connect(site: Site) -> socket.socket:
    plain = socket.create_connection((site.address, site.port), timeout=ANSWER_S)
    if not site.is_tls:
        return plain
    try:
        return _unverified().wrap_socket(plain, server_hostname=site.name)
    except OSError:
        plain.close()
        raise


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the default one would read all authorities first
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
