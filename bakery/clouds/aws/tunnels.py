"""Ways to machines without an open port: Session Manager forwards a port of theirs, through AWS's own plugin.

The plugin is started as the AWS CLI starts it, with the session's token in its environment, where other users of this
machine do not see it (github.com/aws/session-manager-plugin, since 1.2.497).
"""

import json
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bakery.clouds.aws import lateness
from bakery.clouds.aws.account import ApiError, Region
from bakery.core import ports, process
from bakery.core.errors import BakeryError, impossible, missing
from bakery.definition.aws import Aws, Login

PLUGIN = "session-manager-plugin"
GET_PLUGIN = "docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
DOCUMENT = "AWS-StartPortForwardingSession"
VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
NOT_CONNECTED = "TargetNotConnected"
CONNECTED_DEADLINE_S = 600.0
"""How long a machine's agent may take from its start until Session Manager knows it."""
LISTENING_DEADLINE_S = 60.0
PAUSE_S = 0.2


def require(region: Region, aws: Aws) -> None:
    """Raise BakeryError where a login goes through Session Manager and cannot.

    Exit code 3 without the plugin, 2 in a rehearsal, which has no Systems Manager.
    """
    if aws.login is not Login.SSM:
        return
    if region.account.is_rehearsal:
        raise impossible('a rehearsal has no Session Manager for aws.login = "ssm"', hint='login = "ssh" to rehearse')
    if shutil.which(PLUGIN, path=process.search_path()) is None:
        raise missing(f'{PLUGIN} is not installed, which aws.login = "ssm" goes through', hint=f"https://{GET_PLUGIN}")


@contextmanager
def opened(region: Region, instance_id: str, *, port: int, log: Path) -> Iterator[int]:
    """Forward a port of 127.0.0.1 to a machine's while the body runs, and give its number; the plugin talks into *log*.

    Raises BakeryError (exit code 1) when the machine's agent does not come, or the plugin does not listen.
    """
    local = ports.free_port()
    asked = {
        "Target": instance_id,
        "DocumentName": DOCUMENT,
        "Parameters": {"portNumber": [str(port)], "localPortNumber": [str(local)]},
    }
    session = _start(region, asked)
    try:
        argv = [PLUGIN, VARIABLE, region.name, "StartSession", "", json.dumps(asked), region.endpoint("ssm")]
        with process.background(argv, log=log, env={VARIABLE: json.dumps(session)}) as child:
            _wait_listening(local, child=child, log=log)
            yield local
    finally:
        # A session that nobody ends stays open for twenty minutes; the machine itself may be gone already.
        with suppress(ApiError):
            region.account.aside().region(region.name).ssm("terminate_session", SessionId=session["SessionId"])


def _start(region: Region, asked: dict[str, Any]) -> dict[str, str]:
    def start() -> Any:
        return region.ssm("start_session", **asked)

    try:
        answer = lateness.known(region, start, codes={NOT_CONNECTED}, deadline_s=CONNECTED_DEADLINE_S)
    except ApiError as error:
        if error.code != NOT_CONNECTED:
            raise
        said = f"{region.name}: {asked['Target']} did not come to Session Manager in {CONNECTED_DEADLINE_S:.0f} s"
        hint = "has its image the agent, its profile AmazonSSMManagedInstanceCore, and its subnet a way to ssm…?"
        raise BakeryError(said, hint=hint) from error
    return {name: str(answer[name]) for name in ("SessionId", "TokenValue", "StreamUrl")}


def _wait_listening(port: int, *, child: Any, log: Path) -> None:
    ends = time.monotonic() + LISTENING_DEADLINE_S
    while process.wait(child, timeout_s=PAUSE_S) is None and time.monotonic() < ends:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PAUSE_S):
            return
    said = " ".join(log.read_text(errors="replace").split())[-300:] or "nothing"
    raise BakeryError(f"{PLUGIN} forwards no port; it said: {said}", hint=f"{PLUGIN} --version  (1.2.497 or newer)")
