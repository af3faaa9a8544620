"""How dokku's apps are asked whether they answer (asking.py): by a real request, with a web server in nginx's place."""

import importlib.util
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bakery import ROOT

FILES = ROOT / "provision/files"
VHOST = """
server {{
  listen      [::]:80;
  listen      80;
  server_name shop.test www.shop.test;
  location    / {{ return 301 https://$host:443$request_uri; }}
}}
server {{
  listen      [::]:{port}{options};
  listen      127.0.0.1:{port}{options};
  {name}
  location    / {{
    proxy_pass  http://shop-5000;
  }}
}}
upstream shop-5000 {{
  server 127.0.0.1:{upstream};
}}
"""


def load(name: str) -> ModuleType:
    """Return a module of the machine's, by the name that its programs find it under."""
    spec = importlib.util.spec_from_file_location(name, FILES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def asking() -> Iterator[Any]:
    load("files")
    load("apps")
    yield load("asking")
    del sys.modules["files"], sys.modules["apps"], sys.modules["asking"]


class Web:
    """A web server that answers as it is told, and notes who was asked for."""

    def __init__(self) -> None:
        self.code = 200
        self.pause_s = 0.0
        self.hosts: list[str] = []
        self.port = 0


@contextmanager
def serving(tls: tuple[Path, Path] | None = None) -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            web.hosts.append(self.headers["Host"])
            time.sleep(web.pause_s)
            if web.code:
                self.send_response(web.code)
                self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        web.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as here:
        yield here


def app(
    asking: Any, folder: Path, web: Web, *, options: str = "", name: str = "server_name shop.test;", **other: Any
) -> Any:
    """Return an app with one process whose vhost leads to that web server, and its upstream, too."""
    told = {"upstream": web.port, "is_running": True, "is_proxied": True, "others": (), **other}
    conf = folder / "nginx.conf"
    conf.write_text(VHOST.format(port=web.port, options=options, name=name, upstream=told["upstream"]))
    apps = sys.modules["apps"]
    process = apps.Container("web.1", told["is_running"], "127.0.0.1", ("127.0.0.1",))
    return apps.App("shop", conf, (process,), frozenset(told["others"]), is_wanted=True, is_proxied=told["is_proxied"])


@pytest.mark.parametrize(
    ("code", "is_up"),
    [(200, True), (301, True), (404, True), (500, True), (503, True), (502, False), (504, False), (0, False)],
)
def test_what_nginx_says_when_an_app_does_not_answer_is_no_answer(
    asking: Any, tmp_path: Path, web: Web, code: int, is_up: bool
) -> None:
    web.code = code
    assert asking.ask([app(asking, tmp_path, web)]) == {"shop": is_up}
    assert web.hosts == ["shop.test"]


def test_an_app_with_a_certificate_is_asked_by_tls_and_what_it_says_is_another_checks_subject(
    asking: Any, tmp_path: Path
) -> None:
    key, crt = tmp_path / "key", tmp_path / "crt"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*new, "-subj", "/CN=other.test", "-keyout", key, "-out", crt], check=True, capture_output=True)
    with serving((crt, key)) as web:
        assert asking.ask([app(asking, tmp_path, web, options=" ssl http2")]) == {"shop": True}
        assert web.hosts == ["shop.test"]


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("server_name *.shop.test;", "any.shop.test"),
        ("server_name .shop.test;", "shop.test"),
        ("server_name ~^(www|shop)\\.test$;", "127.0.0.1"),
        ("server_name _;", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_it_is_asked_by_a_name_that_it_has(asking: Any, tmp_path: Path, web: Web, name: str, host: str) -> None:
    asking.ask([app(asking, tmp_path, web, name=name)])
    assert web.hosts == [host]


def test_a_process_that_does_not_run_or_cannot_be_reached_is_down_though_nginx_answers(
    asking: Any, tmp_path: Path, web: Web
) -> None:
    assert asking.ask([app(asking, tmp_path, web, is_running=False)]) == {"shop": False}
    assert asking.ask([app(asking, tmp_path, web, upstream=1)]) == {"shop": False}


def test_a_vhost_that_is_missing_or_empty_is_down_and_where_dokku_writes_none_the_process_counts(
    asking: Any, tmp_path: Path, web: Web
) -> None:
    one = app(asking, tmp_path, web)
    one.conf.write_text("")
    assert asking.ask([one]) == {"shop": False}
    one.conf.unlink()
    assert asking.ask([one]) == {"shop": False}
    assert asking.ask([one._replace(is_proxied=False)]) == {"shop": True}


def test_nobody_is_waited_for_longer_than_is_said(
    asking: Any, tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "TOGETHER_S", 0.3)
    monkeypatch.setattr(asking, "AT_ONCE", 2)
    web.pause_s = 1
    one = app(asking, tmp_path, web)
    began = time.monotonic()
    # Two are asked and late; the third has not had its turn, so nothing is known of it.
    said = asking.ask([one._replace(name=name) for name in ("a", "b", "c")])
    assert time.monotonic() - began < 0.9
    assert sorted(said.values()) == [False, False]


def test_of_very_many_only_some_are_asked_each_time(
    asking: Any, tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "APPS", 3)
    one = app(asking, tmp_path, web)
    many = [one._replace(name=f"app{number}") for number in range(20)]
    assert len(asking.ask(many)) == 3
    assert len({name for _ in range(20) for name in asking.ask(many)}) > 3


def test_an_app_in_whose_place_another_answers_is_down_and_one_whose_old_process_answers_is_not(
    asking: Any, tmp_path: Path, web: Web
) -> None:
    assert asking.ask([app(asking, tmp_path, web, others=("127.0.0.1",))]) == {"shop": False}
    # During a deploy the new container is at another address, and the old one is still asked.
    one = app(asking, tmp_path, web)
    moved = one.containers[0]._replace(told="172.17.0.9", addresses=("172.17.0.9",))
    assert asking.ask([one._replace(containers=(moved,))]) == {"shop": True}


def test_without_apps_nothing_is_asked(asking: Any) -> None:
    assert asking.ask([]) == {}
