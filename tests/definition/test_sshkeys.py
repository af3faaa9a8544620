"""The keys of a definition: from three places, refused when they are none, told by their fingerprints."""

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.core.http import Answer, Source
from bakery.definition import sshkeys
from bakery.definition.model import Definition

TYPES = ("ed25519", "ecdsa", "rsa")


@pytest.fixture(scope="module")
def public_keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Real keys, by type."""
    folder = tmp_path_factory.mktemp("keys")
    for kind in TYPES:
        argv = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"{kind} key", "-f", str(folder / kind)]
        subprocess.run(argv, check=True)
    return {kind: (folder / f"{kind}.pub").read_text() for kind in TYPES}


@pytest.fixture(autouse=True)
def web(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What https addresses answer; the one that is not there does not."""
    pages: dict[str, str] = {}

    def ask(sources: list[Source]) -> list[Answer]:
        return [
            Answer(source=one, body=pages[one.url].encode()) if one.url in pages else Answer(source=one, problem="404")
            for one in sources
        ]

    monkeypatch.setattr(sshkeys, "ask", ask)
    return pages


def resolved(folder: Path, keys: dict[str, str], *, login: tuple[str, ...] = ()) -> tuple[sshkeys.NamedKey, ...]:
    values: dict[str, Any] = {"name": "shop", "ssh": {"keys": keys, "login": login}}
    return sshkeys.resolve(Definition.model_validate(values), folder=folder)


def refusal(folder: Path, keys: dict[str, str]) -> BakeryError:
    with pytest.raises(BakeryError) as caught:
        resolved(folder, keys)
    return caught.value


@pytest.mark.parametrize("kind", TYPES)
def test_a_key_is_told_by_the_fingerprint_that_ssh_keygen_prints(
    public_keys: dict[str, str], kind: str, tmp_path: Path
) -> None:
    (key,) = resolved(tmp_path, {"ci": public_keys[kind].strip()})
    listed = subprocess.run(["ssh-keygen", "-lf", "-"], input=public_keys[kind], capture_output=True, text=True)  # noqa: PLW1510
    assert key.fingerprint == listed.stdout.split()[1]
    assert key.setting == ":".join(["ci", "-", *public_keys[kind].split()[:2]])
    assert key.line == f"ci {key.fingerprint}"


def test_a_file_and_an_address_may_hold_several_keys(
    public_keys: dict[str, str], tmp_path: Path, web: dict[str, str]
) -> None:
    (tmp_path / "team.pub").write_text(f"# the team\n\n{public_keys['ed25519']}{public_keys['ecdsa']}")
    web["https://example.com/alice.keys"] = public_keys["rsa"]
    keys = resolved(tmp_path, {"team": "team.pub", "alice": "https://example.com/alice.keys"}, login=("alice",))
    assert [(key.name, key.is_login) for key in keys] == [("team-1", False), ("team-2", False), ("alice", True)]
    assert keys[2].line.endswith(" from https://example.com/alice.keys")
    assert keys[2].setting.startswith("alice:login:ssh-rsa:AAAA")


def test_an_address_that_does_not_answer_is_exit_code_3(tmp_path: Path) -> None:
    error = refusal(tmp_path, {"alice": "https://example.com/alice.keys"})
    assert error.exit_code is ExitCode.MISSING
    assert error.message.endswith("ssh.keys.alice: no answer from https://example.com/alice.keys: 404")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("ssh-ed25519 not+a+key", "ssh.keys.ci: 'ssh-ed25519 not+a+key' is no public key"),
        ("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA", "ssh.keys.ci: 'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA' is no public key"),
        ("nowhere.pub", "ssh.keys.ci: cannot read"),
    ],
)
def test_what_is_no_key_is_one_line_with_a_hint(tmp_path: Path, value: str, problem: str) -> None:
    error = refusal(tmp_path, {"ci": value})
    assert problem in error.message
    assert error.hint.startswith("a public key such as")
    assert error.exit_code is ExitCode.IMPOSSIBLE


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("cut", [4, 8, 40])
def test_a_key_that_is_cut_off_is_refused_by_its_name(
    public_keys: dict[str, str], tmp_path: Path, kind: str, cut: int
) -> None:
    words = public_keys[kind].split()
    error = refusal(tmp_path, {"ci": f"{words[0]} {words[1][:-cut]}"})
    assert "ssh.keys.ci: " in error.message
    assert error.message.endswith(" is no public key: it is cut off or damaged")


def security_key(kind: str, *fields: bytes) -> str:
    """Return a public key as a security key makes them (OpenSSH, PROTOCOL.u2f)."""
    parts = (kind.encode(), *fields, b"ssh:")
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"{kind} {base64.b64encode(blob).decode()}"


def test_a_security_keys_key_is_taken_whole_alone(tmp_path: Path) -> None:
    whole = security_key("sk-ssh-ed25519@openssh.com", bytes(range(32)))
    (key,) = resolved(tmp_path, {"me": f"{whole} me"})
    assert key.text == whole
    damaged = security_key("sk-ssh-ed25519@openssh.com", bytes(range(20)))
    assert "it is cut off or damaged" in refusal(tmp_path, {"me": damaged}).message


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("-t", "rsa", "-b", "1024"), ""),
        (("-t", "dsa"), "sshd takes no DSA keys any more"),
    ],
)
def test_keys_that_sshd_refuses_are_refused(tmp_path: Path, argv: tuple[str, ...], why: str) -> None:
    made = ["ssh-keygen", "-q", *argv, "-N", "", "-f", str(tmp_path / "id")]
    subprocess.run(made, check=True)
    if why:
        assert refusal(tmp_path, {"ci": "id.pub"}).message.endswith(why)
    else:
        assert len(resolved(tmp_path, {"ci": "id.pub"})) == 1


def test_a_certificate_is_no_key(public_keys: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "me.pub").write_text(public_keys["ed25519"])
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "ca")], check=True)
    subprocess.run(["ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "me", str(tmp_path / "me.pub")], check=True)
    assert "it is a certificate" in refusal(tmp_path, {"ci": "me-cert.pub"}).message


@pytest.mark.parametrize("begin", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_key_is_read_as_editors_save_it(public_keys: dict[str, str], tmp_path: Path, begin: str, end: str) -> None:
    kind, encoded, _ = public_keys["ed25519"].split(maxsplit=2)
    (tmp_path / "a.pub").write_bytes(f"{begin}{kind}\t{encoded}{end}".encode())
    (key,) = resolved(tmp_path, {"ci": "a.pub"})
    assert key.text == f"{kind} {encoded}"


def test_a_path_may_begin_at_the_users_home(
    public_keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "me.pub").write_text(public_keys["ed25519"])
    (key,) = resolved(tmp_path / "elsewhere", {"me": "~/me.pub"})
    assert key.origin == "~/me.pub"


def test_a_private_key_is_no_public_key_and_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n")
    assert "secret" not in refusal(tmp_path, {"ci": "id"}).message


def test_options_before_a_key_are_refused(public_keys: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a.pub").write_text(f'command="id" {public_keys["ed25519"]}')
    assert "is no public key" in refusal(tmp_path, {"ci": "a.pub"}).message


def test_an_empty_file_holds_no_key(tmp_path: Path) -> None:
    (tmp_path / "a.pub").write_text("# nobody\n")
    assert refusal(tmp_path, {"ci": "a.pub"}).message.endswith("ssh.keys.ci: there is no key in it")


def test_the_same_key_under_two_names_is_refused(public_keys: dict[str, str], tmp_path: Path) -> None:
    key = public_keys["ed25519"].strip()
    assert refusal(tmp_path, {"ci": key, "me": key}).message.endswith("ssh.keys.me: the same key as ci")
