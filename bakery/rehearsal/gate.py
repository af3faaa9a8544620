"""The gate that every call comes through: counted, spoilt as asked, refused in regions that are not open, or let in.

Calls to ec2, ssm and ebs are counted, and those to Scaleway's APIs and its object storage; all else passes to moto.
"""

import os
import random
import re
import signal
import threading
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any

from bakery.rehearsal import answers, control, parameters, regions
from bakery.rehearsal.answers import Answer
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.lagging import Lagging, Question
from bakery.rehearsal.scaleway import door, spoilt, storage
from bakery.rehearsal.service import KNOWN
from bakery.rehearsal.stage import Call, Rehearsal
from bakery.rehearsal.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>ec2|ssm|ebs)/aws4_request")
"""The scope of a signature (AWS General Reference, "Signature Version 4"): KEY/DATE/REGION/SERVICE/aws4_request."""

AWS = frozenset({"ec2", "ssm", "ebs"})

ACTION = re.compile(rb"(?:^|&)Action=(\w+)")

EBS_ACTIONS = (
    (re.compile(r"POST /snapshots/?"), "StartSnapshot"),
    (re.compile(r"POST /snapshots/completion/[^/]+"), "CompleteSnapshot"),
    (re.compile(r"PUT /snapshots/[^/]+/blocks/[^/]+"), "PutSnapshotBlock"),
    (re.compile(r"GET /snapshots/[^/]+/blocks/[^/]+"), "GetSnapshotBlock"),
    (re.compile(r"GET /snapshots/[^/]+/blocks/?"), "ListSnapshotBlocks"),
    (re.compile(r"GET /snapshots/[^/]+/changedblocks/?"), "ListChangedBlocks"),
)
"""EBS direct names its actions by method and path alone (its API reference, "Actions")."""


@dataclass(frozen=True, kw_only=True)
class Spoiling:
    """What happens to one call; the choices were made when it came in."""

    latency_s: float
    is_throttled: bool
    is_refused: bool
    """503, and nothing was done."""
    is_lost: bool
    """500, and the call was carried out."""
    kill_pid: int


@dataclass(kw_only=True)
class Gate:
    """A WSGI application in front of moto's."""

    rehearsal: Rehearsal
    app: "WSGIApplication"
    lock: threading.Lock = field(default_factory=threading.Lock)
    faults: Faults | None = None
    """Those that `chance` was made for."""
    chance: random.Random = field(default_factory=random.Random)

    lagging: Lagging = field(init=False)
    world: World | None = None
    """The one that `lagging` knows."""

    def __post_init__(self) -> None:
        """Let what lags ask the truth here."""
        self.lagging = Lagging(lambda one: self.let_in(_again(one), service=one.service))

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one call; everything is in memory, so that nothing of it happens while it is being sent."""
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = BytesIO(body)
        asked = asked_for(environ, body)
        owner = self.rehearsal.keys
        if owner is not KNOWN and not owner.are_of(environ):
            answer = stranger(asked[0] if asked else "")
        elif environ["PATH_INFO"].startswith(control.PREFIX):
            answer = control.answer(self.rehearsal, environ["REQUEST_METHOD"], environ["PATH_INFO"], body)
        elif asked is None:
            answer = self.let_in(environ, service="")
        else:
            service, region, action = asked
            answer = self.take(Question(service=service, region=region, action=action, body=body, environ={**environ}))
        start_response(answer.status, list(answer.headers))
        return [answer.body]

    def take(self, call: Question) -> Answer:
        """Count a call, spoil it, carry it out."""
        service = call.service
        spoiling = self.count(service, call.region, call.action)
        if spoiling.latency_s:
            # Whoever ends the rehearsal does not wait for calls that are only late.
            self.rehearsal.over.wait(spoiling.latency_s)
        words = words_of(service)
        if spoiling.is_throttled:
            answer = words.throttled(service)
        elif spoiling.is_refused:
            answer = words.unavailable(service)
        elif service in spoilt.SERVICES:
            answer = self.carry_out_in_zone(call)
        elif not regions.is_open(call.region, self.rehearsal.world):
            answer = answers.unknown_caller(service)
        else:
            answer = self.carry_out(call)
        if spoiling.kill_pid:
            with suppress(ProcessLookupError):
                os.kill(spoiling.kill_pid, signal.SIGKILL)
        lost: Answer = words.lost(service)
        return lost if spoiling.is_lost else answer

    def carry_out(self, call: Question) -> Answer:
        """Answer a call as things are, or as they were where that is asked for."""
        world, lag_s = self.rehearsal.world, self.rehearsal.faults.lag_s
        parameters.settle(world)
        if world is not self.world:
            self.world = world
            self.lagging.forget()
        return self.lagging.answer(call, lag_s=lag_s) if lag_s else self.let_in(_again(call), service=call.service)

    def carry_out_in_zone(self, question: Question) -> Answer:
        """Answer a call to one of the other cloud's zones, or to a region of its object storage."""
        environ = _again(question)
        if question.service == "s3":
            return storage.refusal(environ, self.rehearsal.keys) or self.let_in(storage.narrowed(environ), service="s3")
        call = door.read(environ, question.body)
        assert call is not None
        try:
            return door.answer(call, self.rehearsal.ground)
        except Exception as error:  # noqa: BLE001  # as in let_in
            traceback.print_exc()
            return spoilt.broken_stage(question.service, error)

    def count(self, service: str, region: str, action: str) -> Spoiling:
        """Write a call down and decide what happens to it: for one seed, the n-th call always has the same fate."""
        with self.lock:
            faults = self.rehearsal.faults
            if faults is not self.faults:
                self.faults, self.chance = faults, random.Random(faults.seed)  # noqa: S311  # no secret, and repeatable
            number = len(self.rehearsal.calls) + 1
            self.rehearsal.note(Call(number=number, service=service, region=region, action=action))
            dice = [self.chance.random() for _ in range(3)]
        is_throttled = dice[0] < faults.throttled
        is_broken = not is_throttled and dice[1] < faults.broken
        return Spoiling(
            latency_s=faults.latency_ms / 1000,
            is_throttled=is_throttled,
            is_refused=is_broken and dice[2] < 0.5,
            is_lost=is_broken and dice[2] >= 0.5,
            kill_pid=faults.kill_pid if number == faults.kill_at else 0,
        )

    def let_in(self, environ: dict[str, Any], *, service: str) -> Answer:
        """Let moto, or our part of it, answer."""
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
            begun.append((status, headers))

        try:
            body = b"".join(self.app(environ, start_response))
        except NotImplementedError as error:
            return answers.invalid_action(service, str(error))
        except Exception as error:  # noqa: BLE001  # whatever it is, the caller gets an answer, and the log the reason
            traceback.print_exc()
            fault: Answer = words_of(service).broken_stage(service, error)
            return fault
        status, headers = begun[-1]
        return Answer(status=status, headers=tuple(headers), body=body)


def words_of(service: str) -> Any:
    """Return the module whose answers are those of the cloud that a service belongs to."""
    return spoilt if service in spoilt.SERVICES else answers


def stranger(service: str) -> Answer:
    """Return what whoever calls without the owner's keys is told: in AWS's words where AWS was asked."""
    if service in AWS:
        return answers.unknown_caller(service)
    return answers.plain({"message": "this rehearsal answers to its owner's keys alone"}, status=HTTPStatus.FORBIDDEN)


def _again(call: Question) -> dict[str, Any]:
    """Return what moto is given: it reads the body to its end."""
    return {**call.environ, "wsgi.input": BytesIO(call.body)}


def asked_for(environ: Mapping[str, Any], body: bytes) -> tuple[str, str, str] | None:
    """Return service, region and action of a call; None where it is not one that we know."""
    call = door.read(environ, body)
    if call is not None:
        return door.names(call)
    if region := storage.region(environ):
        return "s3", region, storage.action(environ)
    scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if scope is None:
        return None
    if scope["service"] == "ebs":
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        action = next((name for pattern, name in EBS_ACTIONS if pattern.fullmatch(request)), "")
    elif scope["service"] == "ssm":
        action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    else:
        found = ACTION.search(body) or ACTION.search(environ["QUERY_STRING"].encode())
        action = found[1].decode() if found else ""
    return (scope["service"], scope["region"], action) if action else None
