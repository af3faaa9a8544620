"""Why an address did not answer: real failures of httpx and boto3 on this machine, told in a person's words."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import httpx
import pytest

from bakery.clouds.aws.errors import complaint
from bakery.core.http import Source, ask
from bakery.core.reasons import NO_DNS, NO_NAME, NO_ROUTE, REFUSED, TOO_LATE, UNTRUSTED, likeliest, proxy, reason
from bakery.guests import health

ASKED = httpx.Request("GET", "http://127.0.0.1/")
RAW = ("Errno", "_ssl.c")


@contextmanager
def serving_endlessly() -> Iterator[str]:
    """Give the address of a server that sends its head at once, and of a large body the beginning."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                connection, _address = server.accept()
                held.append(connection)
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegin")

        held: list[socket.socket] = []
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()
        for connection in held:
            connection.close()


def unknown_name(*_args: object, **_options: object) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def silent_dns(*_args: object, **_options: object) -> Any:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), NO_NAME),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), NO_DNS),
        (ConnectionRefusedError(111, "Connection refused"), REFUSED),
        (OSError(101, "Network is unreachable"), NO_ROUTE),
        (OSError(113, "No route to host"), NO_ROUTE),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection was cut"),
        (TimeoutError(110, "Connection timed out"), TOO_LATE),
        (PermissionError(13, "Permission denied"), "permission denied"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"), "no TLS is spoken there"),
        (httpx.ProxyError("403 Forbidden"), "the proxy says 403 Forbidden"),
        (httpx.RemoteProtocolError("Server disconnected"), "Server disconnected"),
        (OSError("[Errno -5] No address associated with hostname"), "No address associated with hostname"),
        (OSError(), "no answer"),
        (httpx.HTTPStatusError("Client error '404'", request=ASKED, response=httpx.Response(404)), "HTTP 404"),
    ],
)
def test_every_failure_has_words_and_no_number(error: Exception, words: str) -> None:
    assert reason(error) == words
    wrapped = RuntimeError(f"all went wrong: {error}")
    wrapped.__cause__ = error
    assert not any(raw in reason(wrapped) for raw in RAW)


def test_a_certificate_that_is_not_trusted_is_said_so() -> None:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1)")
    error.verify_message = "self-signed certificate"
    assert reason(error) == f"{UNTRUSTED}: self-signed certificate"


@pytest.mark.parametrize(("resolve", "words"), [(unknown_name, NO_NAME), (silent_dns, NO_DNS)])
def test_a_source_whose_name_is_not_found_says_so(monkeypatch: pytest.MonkeyPatch, resolve: Any, words: str) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    (answer,) = ask([Source(name="dokku", url="https://packagecloud.example/", needed_for="packages")])
    assert answer.problem == words


def test_a_source_that_refuses_says_so() -> None:
    (answer,) = ask([Source(name="dokku", url="http://127.0.0.1:1/", needed_for="packages")])
    assert answer.problem == REFUSED


def test_a_source_that_only_answers_is_asked_for_nothing_more() -> None:
    with serving_endlessly() as url:
        (answer,) = ask([Source(name="large", url=url, needed_for="packages")], deadline_s=3, is_body_wanted=False)
        (whole,) = ask([Source(name="large", url=url, needed_for="packages")], deadline_s=0.5)
    assert (answer.problem, answer.body) == ("", b"begin")
    assert whole.problem == "no answer within 0.5 s"


def test_a_machines_health_says_why_it_is_silent() -> None:
    assert health.ask("127.0.0.1", 1).problem == f"http://127.0.0.1:1/health does not answer: {REFUSED}"


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a client of EC2 whose region's name nobody knows."""
    monkeypatch.setattr(socket, "getaddrinfo", unknown_name)
    once = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    return boto3.client("ec2", "eu-west-2", aws_access_key_id="a", aws_secret_access_key="b", config=once)


def test_aws_that_cannot_be_found_says_so(nowhere: Any) -> None:
    with pytest.raises(botocore.exceptions.EndpointConnectionError) as caught:
        nowhere.describe_regions()
    told = complaint(caught.value, action="ec2:DescribeRegions", region="eu-west-2")
    assert (
        told.message
        == f"eu-west-2: ec2:DescribeRegions: no answer from https://ec2.eu-west-2.amazonaws.com/: {NO_NAME}"
    )
    assert told.hint == "the network, or AWS_ENDPOINT_URL"


@pytest.mark.parametrize(
    ("problems", "is_any_there", "words"),
    [
        ((NO_NAME, NO_NAME), False, "no name is found: this machine has no network or no DNS, or needs a proxy"),
        ((NO_DNS, NO_NAME), False, "no name is found: this machine has no network or no DNS, or needs a proxy"),
        ((NO_NAME,), True, "this network's DNS does not know every name"),
        ((NO_ROUTE, NO_ROUTE), False, "this machine has no network"),
        ((f"{UNTRUSTED}: self-signed certificate",), True, "something in between signs with a certificate of its own"),
        (("HTTP 404",), True, ""),
        (("HTTP 404", NO_NAME), True, ""),
        ((), True, ""),
    ],
)
def test_the_likeliest_cause_is_one_that_explains_all(
    problems: tuple[str, ...], is_any_there: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_proxies(monkeypatch)
    assert likeliest(problems, is_any_there=is_any_there) == words


def test_a_proxy_that_is_not_there_is_the_likeliest_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_proxies(monkeypatch)
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:3128")
    assert proxy() == "http://proxy.example:3128"
    found = likeliest((REFUSED, REFUSED), is_any_there=False)
    assert found == "the proxy http://proxy.example:3128 does not answer"


def forget_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
