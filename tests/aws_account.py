"""Accounts that tests call AWS with: on a rehearsal, under one policy, or in front of a server that a test scripts."""

import functools
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.session
import httpx
import pytest
from botocore.client import ClientCreator

from bakery.clouds.aws import lateness
from bakery.clouds.aws.account import Account, ApiError, Region, rehearse
from bakery.rehearsal.answers import Answer, line
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.service import ACCESS_KEY, PORTS, SECRET_KEY

NEVER = "1e9"


_make_class = ClientCreator._create_client_class  # noqa: SLF001  # botocore has no other way to keep a class
_classes: dict[str, type] = {}


def _client_class(creator: ClientCreator, service: str, model: object) -> type:
    if service not in _classes:
        _classes[service] = _make_class(creator, service, model)
    return _classes[service]


@functools.cache
def _loader(path: str | None = None) -> Any:
    return botocore.loaders.Loader(extra_search_paths=path.split(os.pathsep) if path else None)


def account_of(cloud: Rehearsal) -> Account:
    return rehearse(endpoint=cloud.url, keys=(ACCESS_KEY, SECRET_KEY), ports=PORTS)


def forget_aws(monkeypatch: pytest.MonkeyPatch, *, home: Path) -> None:
    """Take away all that the machine's owner has set up for AWS."""
    for name in ("PROFILE", "DEFAULT_PROFILE", "REGION", "DEFAULT_REGION", "ENDPOINT_URL", "SESSION_TOKEN"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "credentials"))
    # Each session reads the models of the services anew, and each client makes a class of its own with a method for
    # every action; for EC2 that is a quarter of a second, and in 17 regions another one.
    monkeypatch.setattr(botocore.session, "create_loader", _loader)
    monkeypatch.setattr(ClientCreator, "_create_client_class", _client_class)


def late(monkeypatch: pytest.MonkeyPatch, operation: str, *answers: Any) -> list[Any]:
    """Answer so many calls of EC2 as if it did not know yet what was made; an answer that is a text is a refusal."""
    call, left = Region.ec2, [*answers]

    def answering(self: Region, asked: str, **arguments: Any) -> Any:
        if asked != operation or not left:
            return call(self, asked, **arguments)
        answer = left.pop(0)
        if isinstance(answer, str):
            raise ApiError(f"{answer}: {arguments}", code=answer)
        return answer

    monkeypatch.setattr(Region, "ec2", answering)
    monkeypatch.setattr(lateness, "FIRST_PAUSE_S", 0.01)
    return left


@contextmanager
def policed(cloud: Rehearsal, *allowed: str) -> Iterator[Account]:
    """Give an account that may do what is *allowed* and nothing else; moto checks it as IAM does."""
    iam = account_of(cloud).client("iam", "us-east-1")
    iam.create_user(UserName="deployer")
    statement = {"Effect": "Allow", "Action": list(allowed), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="deployer", PolicyName="only", PolicyDocument=document)
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    _enforce_from(cloud, "0")
    try:
        yield rehearse(endpoint=cloud.url, keys=(key["AccessKeyId"], key["SecretAccessKey"]), ports=PORTS)
    finally:
        _enforce_from(cloud, NEVER)


def _enforce_from(cloud: Rehearsal, call: str) -> None:
    answer = httpx.post(f"{cloud.url}/moto-api/reset-auth", content=call, headers={"Content-Type": "text/plain"})
    answer.raise_for_status()


@dataclass(kw_only=True)
class Script:
    """A server's answers, one for each call; None hangs up. The last one is for all that follow."""

    answers: list[Answer | None]
    asked: list[str] = field(default_factory=list)
    """The bodies of the calls that came."""
    url: str = ""


@contextmanager
def scripted(*answers: Answer | None) -> Iterator[Script]:
    """Run a server that answers POST as told."""
    script = Script(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            script.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            answer = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            self.close_connection = True
            if answer is None:
                return
            self.send_response(int(answer.status.split()[0]))
            for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()


def xml(body: str) -> Answer:
    """Return what EC2 answers when all is well."""
    return Answer(status=line(HTTPStatus.OK), headers=(("Content-Type", "text/xml"),), body=body.encode())
