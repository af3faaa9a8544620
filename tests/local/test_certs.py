"""`invoke certs`: a pair is judged before anybody gets it, then every host does, and those that do not are named."""

import os
import signal
import subprocess
import tarfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.local import certs
from bakery.local.certs import Pair

CURVE = "ec -pkeyopt ec_paramgen_curve:prime256v1"


def make_pair(folder: Path, *, days: int = 30, kind: str = CURVE, signed: str = "-key key") -> Pair:
    folder.mkdir(parents=True, exist_ok=True)
    for line in (
        f"req -newkey {kind} -nodes -subj /CN={folder.name}.test -keyout key -out csr",
        f"x509 -req -in csr -days {days} -out crt {signed}",
    ):
        subprocess.run(["openssl", *line.split()], cwd=folder, check=True, capture_output=True)
    return Pair(certificate=folder / "crt", key=folder / "key")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where a stand-in for ssh keeps what each host was given; `down` is not reached, `hung` never ends."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = f"""#!/bin/bash
    while [[ $1 == -o ]]; do shift 2; done
    [[ $1 != *down ]] || {{ echo "ssh: connect to host down: No route to host"; exit 255; }}
    [[ $1 != *hung* ]] || {{ : >{tmp_path}/"$1".begun; exec sleep 20; }}
    echo "$*" >{tmp_path}/"$1".words; cat >{tmp_path}/"$1".tar
    """
    (folder / "ssh").write_text(script)
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return tmp_path


def refusal(pair: Pair, *, app: str = "shop", hosts: tuple[str, ...] = ("node1",)) -> BakeryError:
    with pytest.raises(BakeryError) as caught:
        certs.push(pair, app=app, hosts=hosts, console=Console())
    return caught.value


def test_every_host_gets_the_pair_as_dokku_takes_it(pair: Pair, taken: Path) -> None:
    certs.push(pair, app="shop", hosts=["node1", "deploy@node2"], console=Console())
    for login in ("dokku@node1", "deploy@node2"):
        assert (taken / f"{login}.words").read_text().split() == [login, "certs:add", "shop"]
        with tarfile.open(taken / f"{login}.tar") as archive:
            assert archive.getnames() == ["server.crt", "server.key"]
            content = archive.extractfile("server.key")
            assert content is not None
            assert content.read() == pair.key.read_bytes()


def test_a_pair_behind_links_is_sent_itself(pair: Pair, tmp_path: Path) -> None:
    """As certbot keeps it in `live/`: relative links to files that no node has."""
    (tmp_path / "live").mkdir()
    (tmp_path / "archive").mkdir()
    behind = Pair(certificate=tmp_path / "live" / "fullchain.pem", key=tmp_path / "live" / "privkey.pem")
    for link, file in ((behind.certificate, pair.certificate), (behind.key, pair.key)):
        (tmp_path / "archive" / link.name).write_bytes(file.read_bytes())
        link.symlink_to(Path("..", "archive", link.name))
    with tarfile.open(certs.make_archive(behind, out=tmp_path / "certificate.tar")) as archive:
        sent = [archive.extractfile(member) for member in archive if member.isreg()]
        assert [file.read() for file in sent if file] == [pair.certificate.read_bytes(), pair.key.read_bytes()]


def test_a_host_that_is_down_is_named_and_the_others_have_it(
    pair: Pair, taken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refusal(pair, hosts=("node1", "down", "node2"))
    assert error.exit_code is ExitCode.FAILED
    assert error.message == "1 of 3 hosts did not take the certificate: down"
    assert "No route to host" in capsys.readouterr().err
    assert (taken / "dokku@node1.tar").exists()
    assert (taken / "dokku@node2.tar").exists()


def test_an_interrupt_ends_every_connection(pair: Pair, taken: Path) -> None:
    def press() -> None:
        while len(list(taken.glob("*.begun"))) < 2:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        certs.push(pair, app="shop", hosts=["hung1", "hung2"], console=Console())
    assert time.monotonic() - began < 10


def test_a_node_that_falls_silent_is_given_up() -> None:
    assert "ServerAliveInterval=20" in certs.push_argv("node1", app="shop")


def test_a_pair_of_strangers_is_refused_before_anybody_gets_it(pair: Pair, taken: Path, tmp_path: Path) -> None:
    other = make_pair(tmp_path / "other")
    error = refusal(Pair(certificate=pair.certificate, key=other.key))
    assert error.exit_code is ExitCode.IMPOSSIBLE
    assert "do not belong together" in error.message
    assert not list(taken.glob("*.tar"))


def test_an_expired_certificate_is_refused(taken: Path, tmp_path: Path) -> None:
    assert refusal(make_pair(tmp_path / "old", days=-1)).message.endswith("has expired")


@pytest.mark.parametrize(("begins_in", "is_taken"), [(timedelta(hours=23), True), (timedelta(hours=25), False)])
def test_a_certificate_that_begins_later_than_tomorrow_is_refused(
    taken: Path, pair: Pair, tmp_path: Path, *, begins_in: timedelta, is_taken: bool
) -> None:
    key = load_pem_private_key(pair.key.read_bytes(), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)
    name, begin = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.test")]), datetime.now(UTC) + begins_in
    end = begin + timedelta(days=30)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begin, end)
    later = Pair(certificate=tmp_path / "later", key=pair.key)
    later.certificate.write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    if is_taken:
        certs.push(later, app="shop", hosts=["node1"], console=Console())
    else:
        assert refusal(later).message == f"--crt {later.certificate} is not valid yet, nor tomorrow"
    assert (taken / "dokku@node1.tar").exists() is is_taken


def test_what_nginx_would_find_too_weak_is_refused(taken: Path, tmp_path: Path) -> None:
    weak = make_pair(tmp_path / "weak", kind="rsa:1024")
    error = refusal(weak)
    assert error.message == f"nginx cannot serve {weak.certificate} and {weak.key}: ee key too small"
    assert error.exit_code is ExitCode.IMPOSSIBLE
    issuer = make_pair(tmp_path / "issuer", kind="rsa:2048")
    authority = f"-CA {issuer.certificate} -CAkey {issuer.key} -CAcreateserial"
    for digest in ("md5", "sha1"):
        old = make_pair(tmp_path / digest, kind="rsa:2048", signed=f"{authority} -{digest}")
        assert refusal(old).message.endswith(": ca md too weak")
    assert not list(taken.glob("*.tar"))
    certs.require_pair(make_pair(tmp_path / "new", kind="rsa:2048", signed=f"{authority} -sha256"))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("none", "key"), "--crt none: there is no such file"),
        (("key", "key"), "is no certificate in PEM"),
        (("crt", "crt"), "is no private key in PEM without a passphrase"),
    ],
)
def test_what_is_not_a_pair_is_one_line(pair: Pair, files: tuple[str, str], said: str) -> None:
    there = {"crt": pair.certificate, "key": pair.key, "none": Path("none")}
    assert said in refusal(Pair(certificate=there[files[0]], key=there[files[1]])).message


@pytest.mark.parametrize(
    ("app", "hosts", "said"),
    [
        ("../shop", ("node1",), "--app '../shop' is no name of an app"),
        ("shop", (), "no --host was given"),
        ("shop", ("-oProxyCommand=id",), "--host '-oProxyCommand=id' is no address"),
    ],
)
def test_words_that_ssh_or_dokku_would_misread_are_refused(
    pair: Pair, app: str, hosts: tuple[str, ...], said: str
) -> None:
    assert refusal(pair, app=app, hosts=hosts).message == said
