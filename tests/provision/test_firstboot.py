"""The program of the first boot, run for real in a root of its own; dokku and systemctl are stand-ins.

The stand-in keeps keys by sshcommand's rules: a pipe, one line that ends, no name and no key twice.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bakery import ROOT
from bakery.vagrant.vagrantfile import INSECURE_PUBLIC_KEY

FILES = ROOT / "provision/files"
PROGRAM = FILES / "bakery-firstboot"
MODULES = [FILES / f"{name}.py" for name in ("files", "programs", "dokku")] + sorted(FILES.glob("node_*.py"))
UNITS = ("bakery-firstboot.service", "bakery-certificate-renewal.service", "bakery-certificate-renewal.timer")
INSECURE_ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN1YdxBpNlzxDqfJyw/QKow1F+wvG9hXGoqiysfJOn5Y vagrant"
SECRET = "AKIAVERYSECRET"
PLUGINS = [
    f"var/lib/dokku/plugins/enabled/{name}"
    for name in ("letsencrypt", "ps", "logs", "resource", "domains", "config", "ssh-keys")
]
USER_ID = max(os.getuid(), 1000)  # whom this user may give a file to

DOKKU = r"""#!/bin/bash
set -eu
home=$BAKERY_ROOT/home/dokku keys=$BAKERY_ROOT/keys config=$BAKERY_ROOT/var/lib/dokku/config
refuse() { echo " !     $2" >&2; exit "$1"; }
echo "$*" >>"$BAKERY_ROOT/calls"
if [[ -e $BAKERY_ROOT/broken ]] && grep -qx "$1" "$BAKERY_ROOT/broken"; then
    echo "no space left on device, was given $*" >&2
    exit 1
fi
if [[ -e $BAKERY_ROOT/refused ]]; then
    read -r command words <"$BAKERY_ROOT/refused"
    [[ $1 != "$command" ]] || refuse 1 "$words"
fi
# Root's calls go through sudo, which writes their arguments into the journal; keys only root may add.
[[ $1 == ssh-keys:add || -n ${IS_DOKKU:-} ]] || { echo "sudo: root : COMMAND=/usr/bin/dokku $*" >&2; exit 3; }
case $1 in
    ssh-keys:add)
        [[ -p /dev/stdin ]] || { echo "No key specified via file or pipe" >&2; exit 1; }
        read -r line # fails without a newline, like dokku's own
        [[ $2 =~ ^[A-Za-z0-9_-]+$ ]] || { echo "bad name" >&2; exit 1; }
        fingerprint=$(ssh-keygen -lf - <<<"command=\"x\" $line" | cut -d' ' -f2)
        ! grep -qs "^[^ ]* $2 " "$keys" || { echo "Duplicate ssh key name" >&2; exit 1; }
        ! grep -qsF "$fingerprint " "$keys" || { echo "Duplicate ssh public key specified" >&2; exit 1; }
        [[ ! -e $BAKERY_ROOT/forgetful ]] || exit 0
        echo "$fingerprint $2 $line" >>"$keys"
        printf 'command="FINGERPRINT=%s NAME=\\"%s\\" `cat x` $SSH_ORIGINAL_COMMAND",no-pty %s\n' \
            "$fingerprint" "$2" "$line" >>"$home/.ssh/authorized_keys"
        ;;
    domains:set-global) echo "$2" >"$home/VHOST" ;;
    domains:clear-global) : >"$home/VHOST" ;;
    letsencrypt:set)
        [[ $3 == email || $3 == dns-provider* ]] || refuse 1 "Invalid key specified, given $*"
        echo "Setting $3 to $4"
        ;;
    # The real one's words and codes (0.38.27); a property is a file.
    ps:set)
        [[ $3 == restart-policy ]] || refuse 1 "Invalid property specified, valid properties include: restore"
        [[ $4 =~ ^(no|always|unless-stopped|on-failure(:[0-9]+)?)$ ]] || refuse 1 "Invalid restart-policy specified"
        mkdir -p "$config/ps/--global"
        printf %s "$4" >"$config/ps/--global/$3"
        ;;
    logs:set) [[ ! -e $BAKERY_ROOT/full ]] || refuse 1 "open /var/lib/dokku/config: no space left on device"
        refuse 1 "Invalid max-size value: $4, $(tr 'a-z' 'A-Z' <<<"$4")" ;;
    resource:set) echo "unknown flag: --global" >&2; exit 2 ;;
    ssh-keys:set) refuse 1 "\`$1\` is not a dokku command." ;;
    domains:set) refuse 20 "App --global does not exist" ;;
    config:set | config:unset)
        [[ "$2 $3" == "--no-restart --global" ]] || exit 4
        mkdir -p "$config/--global"
        if [[ $1 == config:unset ]]; then
            : >"$config/--global/ENV"
        else
            printf '%s\n' "${@:4}" | sed 's/=\(.*\)/="\1"/' >"$config/--global/ENV"
        fi
        ;;
    apps:create) mkdir "$home/$2" ;;
    certs:add)
        [[ ! -t 0 ]] && mkdir -p "$home/$2/tls" && tar -xC "$home/$2/tls"
        [[ $(ls "$home/$2/tls") == "server.crt"$'\n'"server.key" ]]
        ;;
    *) exit 10 ;;
esac
"""


def python_with_yaml() -> str:
    for python in ("/usr/bin/python3", sys.executable):
        if not subprocess.run([python, "-c", "import yaml"], check=False, capture_output=True).returncode:
            return python
    if "CI" in os.environ:
        pytest.fail("no Python has yaml: apt-get install python3-yaml")
    pytest.skip("a laptop need not have python3-yaml, CI has to")


def new_key(folder: Path, comment: str) -> str:
    path = folder / "key"
    path.unlink(missing_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path], check=True, capture_output=True
    )
    return path.with_suffix(".pub").read_text().strip()


CURVE = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def new_pair(folder: Path, *, days: int = 30, key_type: tuple[str, ...] = CURVE) -> dict[str, str]:
    """Return crt and key; it ended yesterday when *days* is negative."""
    key, crt, request = (str(folder / f"tls.{end}") for end in ("key", "crt", "csr"))
    new = ["openssl", "req", "-new", "-newkey", *key_type, "-nodes"]
    argv = [*new, "-keyout", key, "-out", request, "-subj", "/CN=shop.example.com"]
    subprocess.run(argv, check=True, capture_output=True)
    argv = ["openssl", "x509", "-req", "-in", request, "-signkey", key, "-days", str(days), "-out", crt]
    subprocess.run(argv, check=True, capture_output=True)
    return {"crt": Path(crt).read_text(), "key": Path(key).read_text()}


def later_pair() -> dict[str, str]:
    """Return crt and key; it begins the day after tomorrow."""
    key, begin = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC) + timedelta(days=2)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example.com")])
    end = begin + timedelta(days=30)
    crt = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begin, end)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"crt": crt.sign(key, SHA256()).public_bytes(Encoding.PEM).decode(), "key": private.decode()}


@dataclass(frozen=True)
class Ran:
    code: int
    output: str
    status: str
    tasks: dict[str, dict[str, Any]]
    raw: str


@dataclass(frozen=True)
class Machine:
    root: Path
    path: str
    python: str

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def node(self, text: str | dict[str, Any]) -> None:
        self.write("etc/bakery/node.yaml", text if isinstance(text, str) else json.dumps(text))

    def run(self) -> Ran:
        (self.root / "calls").write_text("")
        env = {"PATH": self.path, "BAKERY_ROOT": str(self.root)}
        argv = [self.python, str(PROGRAM)]
        done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        raw = (self.root / "var/lib/bakery/firstboot.json").read_text()
        result = json.loads(raw)
        return Ran(done.returncode, done.stdout + done.stderr, result["status"], result["tasks"], raw)

    @property
    def calls(self) -> list[str]:
        """What dokku and systemctl were asked."""
        return (self.root / "calls").read_text().splitlines()

    @property
    def keys(self) -> dict[str, str]:
        """Dokku's keys: type and base64, by name."""
        path = self.root / "keys"
        lines = path.read_text().splitlines() if path.exists() else []
        return {line.split()[1]: " ".join(line.split()[2:4]) for line in lines}

    @property
    def is_done(self) -> bool:
        return (self.root / "var/lib/bakery/firstboot.done").exists()


def plain(key: str) -> str:
    return " ".join(key.split()[:2])


@pytest.fixture(scope="session")
def python() -> str:
    return python_with_yaml()


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return new_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture
def machine(tmp_path: Path, python: str) -> Iterator[Machine]:
    """A machine with dokku, letsencrypt and the users root, admin and dokku."""
    root, tools = tmp_path / "root", tmp_path / "tools"
    for folder in ("run", "root", "home/dokku/.ssh", "home/admin", *PLUGINS):
        (root / folder).mkdir(parents=True)
    tools.mkdir()
    for name, text in {
        "dokku": DOKKU,
        "setpriv": '#!/bin/bash\nwhile [[ $1 == --* ]]; do shift; done\nIS_DOKKU=1 exec "$@"\n',
        "systemctl": '#!/bin/bash\necho "systemctl $*" >>"$BAKERY_ROOT/calls"\n',
    }.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    machine = Machine(root=root, path=f"{tools}:{os.environ['PATH']}", python=python)
    people = ("root:x:0:0::/root:", "daemon:x:1:1::/usr/sbin:", "dokku:x:1001:1001::/home/dokku:")
    admin = f"admin:x:{USER_ID}:{os.getgid() if os.getuid() else USER_ID}::/home/admin:"
    machine.write("etc/passwd", "\n".join(f"{line}/bin/bash" for line in (*people, admin)) + "\n")
    machine.write("home/dokku/VHOST", "")
    yield machine
    # Nothing half written stays anywhere.
    assert not list(root.rglob("tmp*"))


def test_it_needs_no_python_newer_than_the_oldest_base_has() -> None:
    assert PROGRAM.read_text().startswith("#!/usr/bin/python3\n")
    assert os.access(PROGRAM, os.X_OK)
    for file in (PROGRAM, *MODULES):
        compile(file.read_text(), str(file), "exec")
        assert not re.search(r"\b(tomllib|StrEnum|Self|except\*|datetime\.UTC|import UTC)\b", file.read_text())


def test_the_step_installs_every_module_that_it_imports() -> None:
    imported = {
        name
        for file in (PROGRAM, *MODULES)
        for name in re.findall(r"^(?:from|import) (\w+)", file.read_text(), flags=re.MULTILINE)
        if (FILES / f"{name}.py").exists()
    }
    step = (ROOT / "provision/74-firstboot.sh").read_text()
    found = re.findall(r"^put_file (\w+)\.py /usr/local/lib/bakery/\1\.py 0644$", step, flags=re.MULTILINE)
    assert imported
    assert set(found) == imported == {file.stem for file in MODULES}


def test_the_platforms_keys_reach_dokku_once(machine: Machine, tmp_path: Path) -> None:
    ours, roots = new_key(tmp_path, "alice@laptop"), new_key(tmp_path, "bob")
    machine.write("home/admin/.ssh/authorized_keys", f"# made by cloud-init\n\n{ours}\n")
    machine.write("root/.ssh/authorized_keys", f"{ours}\n{roots}\n")
    machine.write("home/dokku/.ssh/authorized_keys", f"{new_key(tmp_path, 'mallory')}\n")
    ran = machine.run()
    assert (ran.code, ran.status, ran.tasks["keys"]) == (0, "done", {"ok": True, "detail": "2 keys"})
    assert machine.keys == {"alice-laptop": plain(ours), "bob": plain(roots)}
    assert machine.is_done


def test_a_second_run_changes_nothing(machine: Machine, tmp_path: Path, pair: dict[str, str]) -> None:
    key = new_key(tmp_path, "alice")
    machine.write("etc/bakery/ssh-keys", f"ops\tlogin\t{new_key(tmp_path, 'ops')}\n")
    machine.node({"domain": "apps.example.com", "ssh_keys": {"alice": key}, "certificates": {"shop": pair}})
    assert machine.run().status == "done"
    assert machine.calls == [
        *("ssh-keys:add ops", "ssh-keys:add alice", "domains:set-global apps.example.com"),
        *("apps:create shop", "certs:add shop"),
    ]
    logins = machine.root / "home/admin/.ssh/authorized_keys"
    before = logins.stat()
    ran = machine.run()
    assert (ran.code, ran.status, machine.calls) == (0, "done", [])
    assert (logins.stat().st_ino, logins.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_nobody_asks_for_is_left_as_it_is(machine: Machine) -> None:
    machine.write("home/dokku/VHOST", "set.by.hand\n")
    ran = machine.run()
    assert (ran.code, ran.status, machine.calls) == (0, "done", [])
    assert ran.tasks["domain"]["detail"] == "left as it is: set.by.hand"
    assert list(ran.tasks) == ["node_file", "keys", "domain", "settings", "certificates", "renewal"]


@pytest.mark.parametrize("key", [INSECURE_PUBLIC_KEY, INSECURE_ED25519], ids=["rsa", "ed25519"])
def test_vagrants_public_key_never_reaches_dokku(machine: Machine, key: str) -> None:
    machine.write("home/admin/.ssh/authorized_keys", f"{key}\n")
    ran = machine.run()
    assert (ran.code, ran.status) == (0, "done")
    machine.node({"ssh_keys": {"easy": key}})
    machine.write("etc/bakery/ssh-keys", f"easy\tlogin\t{key}\n")
    (machine.root / "home/admin/.ssh/authorized_keys").write_text("")
    ran = machine.run()
    assert (ran.code, ran.status) == (0, "problems")
    assert ran.tasks["keys"]["detail"].count("whose private half everybody has") == 2
    assert machine.keys == {}
    assert (machine.root / "home/admin/.ssh/authorized_keys").read_text() == ""


def test_lines_with_options_are_left_out(machine: Machine, tmp_path: Path) -> None:
    key = new_key(tmp_path, "alice")
    machine.write("root/.ssh/authorized_keys", f"no-pty,command=\"echo 'Please login as admin'\" {key}\n")
    ran = machine.run()
    assert (ran.status, machine.keys) == ("done", {})


def test_names_come_from_comments_made_safe_and_get_a_number_when_taken(machine: Machine, tmp_path: Path) -> None:
    comments = ["", "", 'é "a".b/c$(x) *', "alice", "alice", ".*"]
    lines = [new_key(tmp_path, comment) for comment in comments]
    machine.write("home/admin/.ssh/authorized_keys", "\n".join(lines))
    assert machine.run().status == "done"
    assert list(machine.keys) == ["platform-1", "platform-2", "a-b-c-x", "alice", "alice-2", "platform-3"]
    assert list(machine.keys.values()) == [plain(line) for line in lines]


def test_a_name_that_the_owner_chose_is_never_changed(machine: Machine, tmp_path: Path) -> None:
    machine.node({"ssh_keys": {"alice": new_key(tmp_path, "old")}})
    machine.run()
    machine.node({"ssh_keys": {"alice": new_key(tmp_path, "new")}})
    ran = machine.run()
    assert (ran.code, ran.status) == (0, "problems")
    assert "dokku ssh-keys:remove alice" in ran.tasks["keys"]["detail"]
    assert list(machine.keys) == ["alice"]


@pytest.mark.parametrize(
    "value", ["ssh-ed25519 AAAAnotakey", "TWO", "no-pty ssh-ed25519 AAAA", {"a": "b"}, ["x"], "", "PRIVATE"]
)
def test_a_bad_key_is_a_problem_that_does_not_repeat_it(machine: Machine, tmp_path: Path, value: Any) -> None:
    value = {"TWO": "\n".join(new_key(tmp_path, "x") for _ in "12"), "PRIVATE": f"-----BEGIN {SECRET}"}.get(
        str(value), value
    )
    good = new_key(tmp_path, "good")
    machine.node({"ssh_keys": {"bad": value, "no good.name": good, "good": good}})
    ran = machine.run()
    assert (ran.code, ran.status) == (0, "problems")
    assert re.search(r"^<4>keys: ssh_keys\.bad: ", ran.output, flags=re.MULTILINE)
    assert re.search(r"^<4>keys: ssh_keys\.no good\.name: must be named with", ran.output, flags=re.MULTILINE)
    assert machine.keys == {"good": plain(good)}
    assert SECRET not in ran.output + ran.raw
    assert machine.is_done


KINDS = {
    "rsa": ["-t", "rsa", "-b", "2048"],
    "ecdsa-256": ["-t", "ecdsa", "-b", "256"],
    "ecdsa-384": ["-t", "ecdsa", "-b", "384"],
    "ecdsa-521": ["-t", "ecdsa", "-b", "521"],
    "ed25519": ["-t", "ed25519"],
}
# The two that need a security key to be made: the type, the parts of RFC 4253 6.6, and the application.
SK_PARTS: dict[str, list[bytes | None]] = {
    "sk-ssh-ed25519@openssh.com": [bytes(32), b"ssh:"],
    "sk-ecdsa-sha2-nistp256@openssh.com": [b"nistp256", None, b"ssh:"],
}


def packed(*parts: bytes) -> str:
    return base64.b64encode(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).decode()


@pytest.fixture(scope="session")
def keys_of_all_types(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("types")
    made = {}
    for name, options in KINDS.items():
        argv = ["ssh-keygen", "-q", *options, "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(argv, check=True, capture_output=True)
        made[name] = plain((folder / f"{name}.pub").read_text())
    point = base64.b64decode(made["ecdsa-256"].split()[1])[-65:]
    for kind, parts in SK_PARTS.items():
        made[kind.split("@")[0]] = f"{kind} {packed(kind.encode(), *(part or point for part in parts))}"
    return made


def test_a_whole_key_of_every_type_is_taken(machine: Machine, keys_of_all_types: dict[str, str]) -> None:
    machine.node({"ssh_keys": keys_of_all_types})
    ran = machine.run()
    assert (ran.status, machine.keys) == ("done", keys_of_all_types), ran.output


@pytest.mark.parametrize("kind", [*KINDS, *(kind.split("@")[0] for kind in SK_PARTS)])
def test_a_cut_key_of_every_type_is_refused_by_name_and_reason_and_the_others_are_taken(
    machine: Machine, keys_of_all_types: dict[str, str], kind: str, tmp_path: Path
) -> None:
    text, good = keys_of_all_types[kind], new_key(tmp_path, "good")
    machine.write("etc/bakery/ssh-keys", f"ops\tlogin\t{text[:-5]}\ngood\tlogin\t{good}\n")
    machine.write("home/admin/.ssh/authorized_keys", f"{text[: len(text) // 2]}… alice\n")
    machine.node({"ssh_keys": {"half": text[: len(text) - 2 * len(text.split()[1]) // 3]}})
    ran = machine.run()
    assert (ran.code, ran.status) == (0, "problems")
    told = [line for line in ran.output.splitlines() if line.startswith("<4>keys: ")]
    for name in ("/etc/bakery/ssh-keys: ops:", "ssh_keys.half:", "~admin/.ssh/authorized_keys:1:"):
        assert [line for line in told if f"keys: {name}" in line and re.search(r"\bcut\b", line)], told
    assert len(told) == 3
    assert machine.keys == {"good": plain(good)}
    logins = (machine.root / "home/admin/.ssh/authorized_keys").read_text()
    assert logins.splitlines()[1:] == [f"{plain(good)} good"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda kind, parts: (kind, packed(*parts[:1])),
            "it has too few or too many parts, or one of the wrong length",
        ),
        (
            lambda kind, parts: (kind, packed(parts[0], parts[1][:31])),
            "it has too few or too many parts, or one of the wrong length",
        ),
        (
            lambda kind, parts: (kind, packed(*parts, b"more")),
            "it has too few or too many parts, or one of the wrong length",
        ),
        (lambda kind, parts: ("ssh-rsa", packed(*parts)), "it says ssh-rsa, but is of another type"),
        (lambda kind, parts: ("ssh-dss", packed(*parts)), "DSA, which sshd takes from nobody"),
        (lambda kind, parts: (f"{kind}-cert-v01@openssh.com", packed(*parts)), "a certificate, which is no key"),
        (lambda kind, parts: (kind, packed(*parts)[:20] + "=" + packed(*parts)[20:]), "must be one public key"),
    ],
)
def test_a_broken_key_is_refused_with_its_reason(machine: Machine, tmp_path: Path, change: Any, why: str) -> None:
    kind, encoded = new_key(tmp_path, "x").split()[:2]
    broken = " ".join(change(kind, (kind.encode(), base64.b64decode(encoded)[-32:])))
    machine.node({"ssh_keys": {"broken": broken}})
    ran = machine.run()
    assert (ran.code, ran.status, machine.keys) == (0, "problems", {})
    assert "ssh_keys.broken: " in ran.tasks["keys"]["detail"]
    assert why in ran.tasks["keys"]["detail"]


def test_login_keys_go_to_the_login_user_and_others_do_not(machine: Machine, tmp_path: Path) -> None:
    ops, bot, there = (new_key(tmp_path, comment) for comment in ("x", "y", "z z"))
    machine.write("home/admin/.ssh/authorized_keys", there)
    machine.write("etc/bakery/ssh-keys", f"ops\tlogin\t{ops}\nbot\t-\t{bot}\n")
    assert machine.run().status == "done"
    logins = machine.root / "home/admin/.ssh/authorized_keys"
    assert logins.read_text() == f"{there}\n{plain(ops)} ops\n"
    assert logins.stat().st_mode & 0o777 == 0o600
    assert logins.stat().st_uid == USER_ID
    assert machine.keys == {"ops": plain(ops), "bot": plain(bot), "z-z": plain(there)}


def test_root_follows_no_link_into_a_users_hands(machine: Machine, tmp_path: Path) -> None:
    machine.write("etc/bakery/ssh-keys", f"ops\tlogin\t{new_key(tmp_path, 'x')}\n")
    (machine.root / "home/admin/.ssh").symlink_to(tmp_path)
    ran = machine.run()
    assert (ran.code, ran.status) == (0, "problems")
    assert not (tmp_path / "authorized_keys").exists()


def test_without_dokku_there_are_login_keys_and_nothing_else(machine: Machine, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "ssh-keygen").symlink_to(shutil.which("ssh-keygen") or pytest.fail("no ssh-keygen"))
    machine.write("etc/bakery/ssh-keys", f"ops\tlogin\t{new_key(tmp_path, 'x')}\n")
    machine.node("domain: apps.example.com\n")
    bare = Machine(root=machine.root, path=str(programs), python=machine.python)
    ran = bare.run()
    assert (ran.code, ran.status, bare.calls) == (0, "done", [])
    assert ran.tasks["keys"]["detail"] == "1 login keys"
    assert ran.tasks["domain"] == {"ok": True, "detail": "skipped: there is no dokku here"}
    assert " ops\n" in (machine.root / "home/admin/.ssh/authorized_keys").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("domain: [apps.example.com\nsecret: AKIAVERYSECRET: x", "node_file: line 2: node.yaml is no YAML"),
        ("- a list", "node_file: node.yaml must be a table"),
        ("domian: apps.example.com", "node_file: domian: unknown key; did you mean 'domain'?"),
        ("xyz: 1", "node_file: xyz: unknown key; known: ['domain', "),
        ("ssh_keys: alice", "node_file: ssh_keys: must be a table of names"),
        ("domain: {a: b}", "node_file: domain: must be text"),
        ("domain: https://apps.example.com", "domain: must be a domain such as"),
        ("domain: apps_1.example.com", "domain: must be a domain such as"),
        ("domain: ssslip", "domain: must be a domain such as"),
        ("settings: {letsencrypt: AKIAVERYSECRET}", "settings: settings.letsencrypt: must be a table"),
        ("settings: {redis: {a: AKIAVERYSECRET}}", "settings: settings.redis: dokku has no such plugin here"),
        ("settings: {letsencrypt: {--global: x}}", "settings: settings.letsencrypt.--global: must be the name of"),
        ("settings: {letsencrypt: {emial: AKIAVERYSECRET}}", "settings.letsencrypt.emial: is refused by dokku"),
        ("settings: {letsencrypt: {email: 'AKIAVERYSECRET\n\n2'}}", "letsencrypt.email: must be text of one line"),
        (f"settings: {{{'a' * 256}: {{b: c}}}}", ": must be the name of a plugin"),
        (f"settings: {{ps: {{{'a' * 256}: AKIAVERYSECRET}}}}", ": must be the name of a property"),
        (f"settings: {{ps: {{{'a' + 'é' * 128}: AKIAVERYSECRET}}}}", ": must be the name of a property"),
        (f"settings: {{config: {{A: {SECRET * 10_000}}}}}", "settings.config.A: must be text of one line"),
        (f"certificates: {{{'a' * 256}: {{crt: a, key: b}}}}", ": must be the name of an app"),
        ("certificates: {Shop: {crt: a, key: b}}", "certificates: certificates.Shop: must be the name of an app"),
        ("certificates: {shop: {crt: AKIAVERYSECRET}}", "certificates: certificates.shop: must be a table of crt and"),
        ("certificates: {shop: {crt: AKIAVERYSECRET, key: b}}", "certificates: certificates.shop: must be PEM in crt"),
        ("renew_certificates: yes", "renewal: must be true or false"),
    ],
)
def test_what_the_owner_got_wrong_is_said_and_the_rest_is_done(
    machine: Machine, tmp_path: Path, text: str, said: str
) -> None:
    machine.write("home/admin/.ssh/authorized_keys", new_key(tmp_path, "alice"))
    machine.node(text)
    ran = machine.run()
    assert (ran.code, ran.status) == (0, "problems"), ran.output
    assert [line for line in ran.output.splitlines() if line.startswith("<4>") and said in line], ran.output
    assert SECRET not in ran.output + ran.raw
    assert list(machine.keys) == ["alice"]
    assert machine.is_done


def test_a_failing_dokku_is_tried_again_and_stops_nothing_else(machine: Machine, tmp_path: Path) -> None:
    machine.node({"domain": "apps.example.com", "ssh_keys": {"alice": new_key(tmp_path, "x")}})
    machine.write("broken", "ssh-keys:add\n")
    ran = machine.run()
    assert (ran.code, ran.status, ran.tasks["domain"]["ok"]) == (1, "failed", True)
    assert "<3>keys: alice: dokku ssh-keys:add failed with exit code 1: no space left" in ran.output
    assert "domains:set-global apps.example.com" in machine.calls
    assert not machine.is_done
    (machine.root / "broken").unlink()
    ran = machine.run()
    assert (ran.code, ran.status) == (0, "done")
    assert machine.calls == ["ssh-keys:add alice"]
    assert machine.is_done


def test_a_key_that_dokku_took_but_does_not_list_is_a_failure(machine: Machine, tmp_path: Path) -> None:
    machine.write("forgetful", "")
    machine.write("home/admin/.ssh/authorized_keys", new_key(tmp_path, "alice"))
    ran = machine.run()
    assert (ran.code, ran.status) == (1, "failed")
    assert "does not list them: SHA256:" in ran.tasks["keys"]["detail"]


def test_settings_are_given_as_they_were_written_and_never_shown(machine: Machine) -> None:
    machine.node(f"settings:\n  letsencrypt:\n    email: 0123\n    dns-provider-KEY: {SECRET}\n")
    ran = machine.run()
    assert (ran.code, ran.status, ran.tasks["settings"]["detail"]) == (0, "done", "2 settings")
    assert f"letsencrypt:set --global dns-provider-KEY {SECRET}" in machine.calls
    assert "letsencrypt:set --global email 0123" in machine.calls
    assert "systemctl enable --now --no-block bakery-certificate-renewal.timer" in machine.calls
    assert SECRET not in ran.output + ran.raw
    assert (machine.root / "etc/bakery/node.yaml").stat().st_mode & 0o777 == 0o600
    assert (machine.root / "var/lib/bakery/firstboot.json").stat().st_mode & 0o777 == 0o644
    machine.write("broken", "letsencrypt:set\n")
    ran = machine.run()
    assert (ran.code, ran.status) == (1, "failed")
    assert "<3>settings: settings.letsencrypt.dns-provider-KEY: dokku letsencrypt:set failed" in ran.output
    assert SECRET not in ran.output + ran.raw


@pytest.mark.parametrize(
    ("plugin", "key", "value", "words"),
    [
        ("ps", "nope", "x", "Invalid property specified, valid properties include: restore"),
        ("ps", "restart-policy", "bogus", "Invalid restart-policy specified"),
        ("resource", "a", "b", "unknown flag: --global"),
        ("domains", "x", "y", "App --global does not exist"),
        ("ssh-keys", "x", "y", "`ssh-keys:set` is not a dokku command."),
        ("logs", "max-size", "9", "Invalid max-size value: …, …"),
    ],
)
def test_a_setting_that_dokku_refuses_is_told_in_its_words_and_not_tried_again(
    machine: Machine, plugin: str, key: str, value: str, words: str
) -> None:
    machine.node({"settings": {plugin: {key: value}, "letsencrypt": {"email": "a@example.com"}}})
    ran = machine.run()
    assert (ran.code, ran.status, machine.is_done) == (0, "problems", True)
    assert ran.tasks["settings"]["detail"] == f"settings.{plugin}.{key}: is refused by dokku {plugin}:set: {words}"
    assert "letsencrypt:set --global email a@example.com" in machine.calls


def test_of_words_that_have_a_secret_in_them_in_whatever_form_nothing_is_told(machine: Machine) -> None:
    machine.node({"settings": {"logs": {"max-size": f"pass:{SECRET.lower()}"}}})
    ran = machine.run()
    assert ran.tasks["settings"]["detail"] == "settings.logs.max-size: is refused by dokku logs:set"
    assert SECRET not in (ran.output + ran.raw).upper()


def test_a_setting_that_a_full_disk_refuses_is_tried_again(machine: Machine) -> None:
    machine.write("full", "")
    machine.node({"settings": {"logs": {"max-size": "10m"}}})
    ran = machine.run()
    assert (ran.code, ran.status, machine.is_done) == (1, "failed", False)
    assert "no space left on device" in ran.tasks["settings"]["detail"]


@pytest.mark.parametrize("command", ["ssh-keys:add", "domains:set-global", "config:set", "apps:create", "certs:add"])
def test_whatever_dokku_refuses_is_told_in_its_words_and_not_tried_again(
    machine: Machine, tmp_path: Path, pair: dict[str, str], command: str
) -> None:
    wanted = {"domain": "apps.example.com", "ssh_keys": {"alice": new_key(tmp_path, "x")}}
    machine.node({**wanted, "settings": {"config": {"A": "b"}}, "certificates": {"shop": pair}})
    machine.write("refused", f"{command} Name is already taken\n")
    ran = machine.run()
    assert (ran.code, ran.status, machine.is_done) == (0, "problems", True)
    assert f"is refused by dokku {command}: Name is already taken" in ran.output
    assert len([task for task in ran.tasks.values() if not task["ok"]]) == 1


@pytest.mark.parametrize(
    "words",
    [
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        "Get https://registry-1.docker.io/v2/: net/http: TLS handshake timeout",
        "sshcommand returned an error: 1",
        "Unable to write ps config value --global.x: open /var/lib/dokku/config/ps: read-only file system",
    ],
)
def test_what_may_be_otherwise_the_next_time_is_tried_again(machine: Machine, words: str) -> None:
    machine.node({"settings": {"ps": {"restart-policy": "always"}}})
    machine.write("refused", f"ps:set {words}\n")
    ran = machine.run()
    assert (ran.code, ran.status, machine.is_done) == (1, "failed", False)
    (machine.root / "refused").unlink()
    assert machine.run().status == "done"


def test_a_refusal_that_names_a_time_out_is_no_time_out(machine: Machine) -> None:
    machine.node({"settings": {"ps": {"restart-policy": "always"}}})
    machine.write("refused", "ps:set Invalid key specified, valid keys include proxy-read-timeout, send-timeout\n")
    assert machine.run().status == "problems"


def test_what_is_set_already_is_not_set_again(machine: Machine) -> None:
    machine.node({"settings": {"ps": {"restart-policy": "always"}}})
    machine.run()
    assert machine.calls == ["ps:set --global restart-policy always"]
    assert machine.run().tasks["settings"] == {"ok": True, "detail": "1 settings"}
    assert machine.calls == []


def test_variables_of_all_apps_are_set_in_one_command(machine: Machine) -> None:
    machine.node({"settings": {"config": {"A": "1 2", "B": SECRET, "C-D": "x", "E": ""}}})
    ran = machine.run()
    assert machine.calls == [f"config:set --no-restart --global A=1 2 B={SECRET}"]
    assert ran.tasks["settings"]["detail"] == "settings.config.C-D: must be the name of a variable"
    assert SECRET not in ran.output + ran.raw
    machine.run()
    assert machine.calls == []
    machine.node({"settings": {"config": {"A": ""}}})
    machine.run()
    assert machine.calls == ["config:unset --no-restart --global A"]


def test_renewal_is_switched_by_its_key_and_needs_the_plugin(machine: Machine) -> None:
    machine.node("renew_certificates: false\nsettings: {letsencrypt: {email: a@example.com}}\n")
    assert machine.run().status == "done"
    assert machine.calls[1:] == ["systemctl disable --now --no-block bakery-certificate-renewal.timer"]
    (machine.root / "var/lib/dokku/plugins/enabled/letsencrypt").rmdir()
    machine.node("renew_certificates: true\n")
    assert machine.run().tasks["renewal"] == {"ok": False, "detail": "dokku has no plugin letsencrypt here"}


def test_domains_are_set_and_cleared_only_when_they_change(machine: Machine) -> None:
    machine.node("domain: none\n")
    machine.run()
    assert machine.calls == []
    machine.node("domain: Apps.Example.com\n")
    machine.run()
    assert machine.calls == ["domains:set-global apps.example.com"]
    machine.node("domain: none\n")
    machine.run()
    assert machine.calls == ["domains:clear-global"]


@pytest.mark.parametrize("meta", [{"public-ipv4": "203.0.113.7"}, {"public_ip": {"address": "203.0.113.7"}}])
def test_sslip_takes_the_platforms_public_address(machine: Machine, meta: dict[str, Any]) -> None:
    machine.write("run/cloud-init/instance-data.json", json.dumps({"ds": {"meta_data": meta}}))
    machine.node("domain: sslip\n")
    assert machine.run().status == "done"
    assert machine.calls == ["domains:set-global 203.0.113.7.sslip.io"]


def test_a_certificate_is_added_once_and_again_when_it_changes(
    machine: Machine, tmp_path: Path, pair: dict[str, str]
) -> None:
    indented = {part: text.replace("\n", "\n      ").rstrip() for part, text in pair.items()}
    machine.node(f"certificates:\n  shop:\n    crt: |\n      {indented['crt']}\n    key: |\n      {indented['key']}\n")
    ran = machine.run()
    assert (ran.code, ran.status) == (0, "done")
    assert machine.calls == ["apps:create shop", "certs:add shop"]
    assert (machine.root / "home/dokku/shop/tls/server.key").read_text() == pair["key"]
    assert "PRIVATE" not in ran.output + ran.raw
    machine.run()
    assert machine.calls == []
    machine.node({"certificates": {"shop": new_pair(tmp_path)}})
    machine.run()
    assert machine.calls == ["certs:add shop"]


def test_a_certificate_that_cannot_work_is_a_problem(machine: Machine, tmp_path: Path, pair: dict[str, str]) -> None:
    begin = "-----BEGIN CERTIFICATE-----\nx"
    cases = {
        "stranger": ({**pair, "key": new_pair(tmp_path)["key"]}, "crt and key do not belong together"),
        "old": (new_pair(tmp_path, days=-1), "crt has expired"),
        "later": (later_pair(), "crt is not valid yet, nor tomorrow"),
        "weak": (new_pair(tmp_path, key_type=("rsa:1024",)), "nginx cannot serve crt and key: ee key too small"),
        "garbage": ({**pair, "crt": begin}, "crt is no certificate in PEM"),
        "keyless": ({**pair, "key": begin}, "key is no private key in PEM without a passphrase"),
    }
    machine.node({"certificates": {**{app: given for app, (given, _) in cases.items()}, "shop": pair}})
    ran = machine.run()
    assert (ran.code, ran.status) == (0, "problems")
    for app, (_, said) in cases.items():
        assert f"<4>certificates: certificates.{app}: {said}" in ran.output.splitlines()
    assert machine.calls == ["apps:create shop", "certs:add shop"]


def unit(name: str) -> dict[str, list[str]]:
    pairs = re.findall(r"^([A-Za-z]+)=(.*)$", (FILES / name).read_text(), flags=re.MULTILINE)
    return {key: [word for name, value in pairs if name == key for word in value.split()] for key, _ in pairs}


def test_neither_ssh_nor_cloud_init_nor_the_end_of_the_boot_waits_for_it() -> None:
    firstboot = unit("bakery-firstboot.service")
    assert "cloud-config.service" in firstboot["After"]
    # They come after multi-user.target, which comes after this has begun.
    assert not {"cloud-final.service", "cloud-init.target", "multi-user.target"} & set(firstboot["After"])
    assert firstboot["WantedBy"] == ["multi-user.target"]
    assert firstboot["Type"] == ["exec"]  # a oneshot has begun only when it has ended: systemd.service(5)
    for name in UNITS:
        assert not {"Before", "RequiredBy", "Requires", "BindsTo"} & set(unit(name))


def test_the_machine_is_asked_how_it_is_as_soon_as_it_has_ended() -> None:
    assert "bakery-health.service" in unit("bakery-firstboot.service").get("ExecStopPost", [])


def test_it_gives_up_also_when_every_try_is_slow() -> None:
    firstboot = unit("bakery-firstboot.service")
    assert (firstboot["StartLimitIntervalSec"], firstboot["RuntimeMaxSec"]) == (["3h"], ["15min"])
    longest_s = int(firstboot["StartLimitBurst"][0]) * (15 * 60 + int(firstboot["RestartSec"][0]))
    assert longest_s < 3 * 3600


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and "CI" not in os.environ, reason="a laptop need not have it, CI has to"
)
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for name in (*UNITS, "bakery-disk.service"):
        # The programs that they start are not here.
        text = re.sub(r"^(Exec\w+)=.*", r"\1=/bin/true", (FILES / name).read_text(), flags=re.MULTILINE)
        (tmp_path / name).write_text(text)
    argv = ["systemd-analyze", "verify", *(str(tmp_path / name) for name in UNITS)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "bakery-" in line]
    assert (done.returncode, ours) == (0, [])


def test_the_documentations_example_is_understood(machine: Machine, tmp_path: Path, pair: dict[str, str]) -> None:
    text = (ROOT / "docs/first-boot.md").read_text()
    example = re.findall(r"^```yaml\n(#cloud-config\n.*?)^```", text, flags=re.MULTILINE | re.DOTALL)[0]
    content = example.partition("content: |\n")[2]
    for name in ("alice", "ci"):
        content = re.sub(rf"( {name}: )ssh-ed25519 .*", rf"\g<1>{new_key(tmp_path, name)}", content)
    for part, kind in (("crt", "CERTIFICATE"), ("key", "PRIVATE KEY")):
        placeholder = f"-----BEGIN {kind}-----\n            ...\n            -----END {kind}-----\n"
        assert placeholder in content
        content = content.replace(placeholder, pair[part].replace("\n", "\n" + " " * 12).rstrip() + "\n")
    machine.node(content)
    ran = machine.run()
    assert (ran.code, ran.status) == (0, "done"), ran.output
    assert list(machine.keys) == ["alice", "ci"]
    assert len([call for call in machine.calls if call.startswith("letsencrypt:set")]) == 3
    assert machine.calls[-2:] == [
        "certs:add shop",
        "systemctl enable --now --no-block bakery-certificate-renewal.timer",
    ]


def test_the_documentation_has_every_key() -> None:
    types = re.findall(r"^TYPES = .*", (FILES / "node_file.py").read_text(), flags=re.MULTILINE)[0]
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/first-boot.md").read_text(), flags=re.MULTILINE)
    assert rows[:5] == re.findall(r'"(\w+)":', types)
