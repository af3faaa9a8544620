"""Statements are signed with a key of the owner's, as openssl itself judges; what cannot sign is told before a bake."""

import os
from pathlib import Path

import pytest

from bakery.contents import kept, provenance, signature
from bakery.contents.provenance import Origin
from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode
from tests.manifests import a_manifest


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a key as docs/contents.md says, and name it."""
    made = tmp_path / "bakery.pem"
    process.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(made)])
    process.run(["openssl", "pkey", "-in", str(made), "-pubout", "-out", str(made.with_suffix(".pub"))])
    monkeypatch.setenv(signature.VARIABLE, str(made))
    return made


def write(folder: Path) -> Path:
    statement = kept.provenance_of(folder / "host.json")
    provenance.write(statement, a_manifest(), origin=Origin(begin="base.qcow2"), tests={})
    return statement


def is_right(statement: Path, key: Path) -> bool:
    """Return what openssl says of a signature."""
    argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(key.with_suffix(".pub")), "-rawin"]
    argv += ["-in", str(statement), "-sigfile", str(signature.path_of(statement))]
    return process.run(argv, is_checked=False).exit_code == 0


def test_openssl_takes_the_signature_of_a_statement_and_of_no_other(tmp_path: Path, key: Path) -> None:
    statement = write(tmp_path)
    assert is_right(statement, key)
    statement.write_text(statement.read_text().replace("base.qcow2", "other.qcow2"))
    assert not is_right(statement, key)


def test_nothing_is_signed_without_a_key_and_an_older_signature_goes(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = write(tmp_path)
    assert signature.path_of(statement).exists()
    monkeypatch.delenv(signature.VARIABLE)
    write(tmp_path)
    assert not signature.path_of(statement).exists()


def test_a_signature_goes_with_what_it_is_of(tmp_path: Path, key: Path) -> None:
    statement = write(tmp_path)
    kept.remove(tmp_path / "host.json")
    assert not statement.exists()
    assert not signature.path_of(statement).exists()


MAKING = {
    "has a passphrase": ["genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:secret"],
    "is a key of another kind than Ed25519": ["ecparam", "-genkey", "-noout", "-name", "prime256v1"],
}


@pytest.mark.parametrize("said", MAKING)
def test_a_key_that_cannot_sign_is_told_beforehand(said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "key.pem"
    process.run(["openssl", *MAKING[said], "-out", str(made)])
    monkeypatch.setenv(signature.VARIABLE, str(made))
    with pytest.raises(BakeryError, match=said) as caught:
        signature.require_usable()
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint == signature.MAKE


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), ("ssh-ed25519 AAAA", "is no private key in PEM")]
)
def test_what_is_no_key_is_told_beforehand(
    content: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "key.pem"
    if content:
        made.write_text(content)
    monkeypatch.setenv(signature.VARIABLE, os.fspath(made))
    with pytest.raises(BakeryError, match=said) as caught:
        signature.require_usable()
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
