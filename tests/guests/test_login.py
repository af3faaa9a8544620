"""What ssh's words mean for the next login: real ones where ssh says them without a server, else as it prints them."""

import socket
from pathlib import Path

import pytest

from bakery.core import process
from bakery.core.process import Finished
from bakery.guests import login
from bakery.guests.login import Outcome


def tried(config: str, *, folder: Path) -> Finished:
    path = folder / "config"
    path.write_text(config)
    return process.run(["ssh", "-F", str(path), "-o", "BatchMode=yes", "machine", "true"], is_checked=False)


def said(text: str, *, exit_code: int = 255) -> Finished:
    return Finished(argv=("ssh",), exit_code=exit_code, output=text)


@pytest.mark.parametrize(
    "line",
    [
        "Prot 22",
        "Port twenty",
        "IdentityFile /a folder/key",
        'IdentityFile "/a',
        "Port",
        "HostName no-such-host.invalid",
        "HostName 127.0.0.1\n  ProxyCommand none\n  Ciphers none-such",
        "IdentityFile ${NO_SUCH_VARIABLE_HERE}/key",
        "IdentityFile /tmp/%q/key",
    ],
)
def test_what_ssh_itself_cannot_do_will_never_work(line: str, tmp_path: Path) -> None:
    words = tried(f"Host machine\n  {line}\n", folder=tmp_path)
    assert words.exit_code != 0
    assert login.outcome(words) is Outcome.NEVER, words.output


def test_a_socket_with_too_long_a_name_will_never_work(tmp_path: Path) -> None:
    socket_path = tmp_path / ("x" * 120)
    config = f"Host machine\n  HostName 127.0.0.1\n  ControlMaster auto\n  ControlPath {socket_path}\n"
    assert login.outcome(tried(config, folder=tmp_path)) is Outcome.NEVER


def test_a_machine_that_does_not_listen_yet_is_waited_for(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else can
        config = f"Host machine\n  HostName 127.0.0.1\n  Port {taken.getsockname()[1]}\n"
        words = tried(config, folder=tmp_path)
    assert "Connection refused" in words.output
    assert login.outcome(words) is Outcome.NOT_YET


@pytest.mark.parametrize(
    "text",
    [
        "kex_exchange_identification: Connection closed by remote host",
        "Connection timed out during banner exchange",
        '"System is booting up. Unprivileged users are not permitted to log in yet. Please come back later."',
        "ssh: connect to host 192.0.2.1 port 22: No route to host",
        "something that nobody has seen before",
        "",
    ],
)
def test_a_machine_that_is_starting_is_waited_for(text: str) -> None:
    assert login.outcome(said(text)) is Outcome.NOT_YET


@pytest.mark.parametrize(
    "text",
    [
        "@ WARNING: UNPROTECTED PRIVATE KEY FILE! @\nd@h: Denied",
        'Load key "/k": bad permissions\nd@h: Permission denied (publickey).',
        'Load key "/k": error in libcrypto\ndebian@127.0.0.1: Permission denied (publickey).',
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
        "Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their offer: ssh-dss",
        "No user exists for uid 4711",
        "Bad owner or permissions on /home/me/.ssh/config",
    ],
)
def test_a_refusal_that_is_ours_will_never_work(text: str) -> None:
    assert login.outcome(said(text)) is Outcome.NEVER


def test_a_refusal_of_the_machine_may_end_when_it_has_its_key() -> None:
    assert login.outcome(said("debian@127.0.0.1: Permission denied (publickey).")) is Outcome.REFUSED


def test_ssh_is_quoted_without_its_frames_and_greetings() -> None:
    output = "Warning: Permanently added 'x' (ED25519) to the list of known hosts.\n@@@@@@@\nBad permissions\n\nDenied"
    assert login.words(said(output)) == "Bad permissions; Denied"
    assert login.words(said("", exit_code=1)) == "ssh ended with 1"
