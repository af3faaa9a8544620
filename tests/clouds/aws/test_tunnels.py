"""Session Manager's way to a machine: the plugin is a script that listens, AWS a server that answers as scripted."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from bakery.clouds.aws import lateness, tunnels
from bakery.clouds.aws.account import Account, Region, rehearse
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.aws import Aws
from bakery.rehearsal.answers import Answer, line
from tests.aws_account import Script, forget_aws, scripted

SESSION = {"SessionId": "us-1", "TokenValue": "secret", "StreamUrl": "wss://example"}
PLUGIN = """#!{python}
import json, os, socket, sys
open({told!r}, "w").write(json.dumps([sys.argv[1:], os.environ.get(sys.argv[1], "")]))
with socket.create_server(("127.0.0.1", int(json.loads(sys.argv[5])["Parameters"]["localPortNumber"][0]))) as server:
    while True:
        server.accept()[0].close()
"""


def ssm(**body: object) -> Answer:
    return Answer(
        status=line(HTTPStatus.OK),
        headers=(("Content-Type", "application/x-amz-json-1.1"),),
        body=json.dumps(body).encode(),
    )


def refusal(code: str) -> Answer:
    told = {"__type": code, "message": "No."}
    return Answer(status=line(HTTPStatus.BAD_REQUEST), headers=(), body=json.dumps(told).encode())


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setattr(lateness, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def install(home: Path, text: str = PLUGIN) -> Path:
    """Put a plugin into PATH; return the file in which it notes what it was told."""
    told = home / "told"
    (home / tunnels.PLUGIN).write_text(text.format(python=sys.executable, told=str(told)))
    (home / tunnels.PLUGIN).chmod(0o755)
    return told


@contextmanager
def region(*answers: Answer) -> Iterator[tuple[Region, Script]]:
    with scripted(*answers) as server:
        rehearsed = rehearse(endpoint=server.url, keys=("AKIA", "secret"))
        account = Account(session=rehearsed.session, endpoint=server.url)
        yield account.region("eu-west-2"), server


def test_a_machine_is_reached_through_a_port_of_this_machine_that_closes_again(home: Path) -> None:
    told = install(home)
    with region(refusal("TargetNotConnected"), ssm(**SESSION), ssm()) as (there, server):
        with tunnels.opened(there, "i-1", port=22, log=home / "log") as port:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        asked = [json.loads(body) for body in server.asked]
    parameters = {"portNumber": ["22"], "localPortNumber": [str(port)]}
    begun = {"Target": "i-1", "DocumentName": "AWS-StartPortForwardingSession", "Parameters": parameters}
    assert asked == [begun, begun, {"SessionId": "us-1"}]
    argv, session = json.loads(told.read_text())
    assert argv == [tunnels.VARIABLE, "eu-west-2", "StartSession", "", json.dumps(begun), server.url]
    assert json.loads(session) == SESSION


def test_the_session_ends_however_the_body_does(home: Path) -> None:
    install(home)

    def interrupted(there: Region) -> None:
        with tunnels.opened(there, "i-1", port=22, log=home / "log"):
            there.account.stop.set()
            raise KeyboardInterrupt

    with region(ssm(**SESSION), ssm()) as (there, server):
        with pytest.raises(KeyboardInterrupt):
            interrupted(there)
        assert json.loads(server.asked[-1]) == {"SessionId": "us-1"}


def test_a_machine_that_does_not_come_is_told_with_what_it_may_lack(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnels, "CONNECTED_DEADLINE_S", 0.2)
    said = "eu-west-2: i-1 did not come to Session Manager"
    with region(refusal("TargetNotConnected")) as (there, _), pytest.raises(BakeryError, match=said) as caught:
        tunnels.opened(there, "i-1", port=22, log=home / "log").__enter__()
    assert "AmazonSSMManagedInstanceCore" in caught.value.hint


def test_a_plugin_that_does_not_listen_is_told_in_its_own_words(home: Path) -> None:
    install(home, "#!/bin/sh\necho 'unknown operation'; exit 1\n")
    with region(ssm(**SESSION), ssm()) as (there, server):
        with pytest.raises(BakeryError, match="it said: unknown operation") as caught:
            tunnels.opened(there, "i-1", port=22, log=home / "log").__enter__()
        assert json.loads(server.asked[-1]) == {"SessionId": "us-1"}
    assert "1.2.497" in caught.value.hint


SSM = Aws.model_validate({"login": "ssm", "instance_profile": "bakery"})


def test_without_the_plugin_nothing_is_begun() -> None:
    with region(ssm()) as (there, server):
        tunnels.require(there, Aws())
        with pytest.raises(BakeryError, match="session-manager-plugin is not installed") as caught:
            tunnels.require(there, SSM)
        assert server.asked == []
    assert caught.value.exit_code is ExitCode.MISSING
    assert caught.value.hint.startswith("https://docs.aws.amazon.com/")


def test_a_rehearsal_says_that_it_has_none(home: Path) -> None:
    install(home)
    with region(ssm()) as (there, _):
        tunnels.require(there, SSM)
        there.account.is_rehearsal = True
        with pytest.raises(BakeryError, match="a rehearsal has no Session Manager") as caught:
            tunnels.require(there, SSM)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
