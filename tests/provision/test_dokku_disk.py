"""What dokku sources at each start (provision/files/dokku-disk.sh), with the stand-in on disks that are really full.

Without it the stand-in loses what the real one loses (0.38.27, seen on a full disk): the first test shows that.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bakery import ROOT
from tests.standin import debs
from tests.standin.guest import Guest, settle, unpack

pytestmark = pytest.mark.story
FILES = ROOT / "provision/files"
LIBRARY = "/usr/local/lib/bakery"
PARTS = ("dokku-room.sh", "dokku-words.sh", "dokku-torn.sh", "dokku-kept.sh", "dokku-back.sh")
FILL = 'head -c 100M /dev/zero >"$DISK/filler" 2>/dev/null || true'
FULL = "trap '' XFSZ; ulimit -f 0"
# What a machine's guard does first, and what it does for dokku.
GUARD = """case "$*" in
    "start bakery-disk-guard.service") echo guard >>"${LOG:-/dev/null}" ; rm -f "$DISK/ballast" ;;
    "reload nginx") echo reload >>"${LOG:-/dev/null}" ;;
esac"""
WRITING = [
    *("config:set shop COLOR=blue", "domains:set-global other.test", "domains:add shop www.shop.test"),
    *("domains:set shop other.test", "proxy:build-config shop", "ports:set shop http:80:6000"),
    *("certs:add shop server.crt server.key", "checks:disable shop", "apps:create other", "ssh-keys:add me key.pub"),
    *("ps:set shop restart-policy always", "ps:stop shop", "ps:retire"),
]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("debs")
    built = {path.name.split("_")[0]: path for path in debs.build_dokku_debs(folder)}
    return unpack(built, tmp_path_factory.mktemp("unpacked"))


@dataclass(frozen=True)
class Node:
    """A guest whose files are on a small disk of their own while a script runs."""

    guest: Guest

    def run(self, script: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the script with everything of the guest on 4 MiB but /tmp; what is there at the end is copied out."""
        root = self.guest.root
        disk = root.with_name("disk")
        disk.mkdir(exist_ok=True)
        root.with_name("elsewhere").mkdir(exist_ok=True)
        here = (
            f"mount -t tmpfs -o size=4m,nr_inodes=4k none {disk}; cp -a {root}/. {disk}; mount --bind {disk} {root}\n"
            f"cd {root}; fill() {{ {FILL}; }}; {script}\n"
        )
        elsewhere = root.with_name("elsewhere")
        (elsewhere / "log").touch()
        there = {"TMPDIR": str(elsewhere), "DISK": str(root), "LOG": str(elsewhere / "log")}
        argv = ["unshare", "--mount", "--map-root-user", "bash", "-uc", here]
        return self.guest.run(*argv, **{"STANDIN_USER": "dokku", **there, **env})


def settled(unpacked: Path, root: Path) -> Guest:
    """Return a guest with an app, and everything that a command could lose."""
    guest = settle(unpacked, root)
    (root / "bin/systemctl").write_text(f"#!/bin/bash\n{GUARD}\n")
    (root / "bin/docker").write_text('#!/bin/bash\n[[ "$1 $2" == "container stop" ]]\n')
    for word in ("version", "plugin:list"):
        guest.dokku(word)
    for command in (
        *("apps:create shop", "domains:set-global apps.test", "domains:set shop shop.test", "config:set shop A=1"),
        *("ports:set shop http:80:5000", "checks:disable shop web", "apps:create bare"),
        *("ps:set shop restart-policy no", "ps:set shop restore true"),
    ):
        assert guest.dokku(*command.split(), STANDIN_USER="dokku").returncode == 0
    for name in ("server.crt", "server.key"):
        (root / name).write_text(name)
    (root / RETIRED).parent.mkdir(parents=True)
    (root / RETIRED).write_text("shop sha256:0 1795798819\n")
    key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / "key")]
    subprocess.run(key, check=True, capture_output=True)
    return guest


@pytest.fixture
def bare(unpacked: Path, tmp_path: Path) -> Node:
    """A machine as dokku's own installation leaves it."""
    return Node(settled(unpacked, tmp_path / "guest"))


@pytest.fixture
def node(bare: Node) -> Iterator[Node]:
    root = bare.guest.root
    (root / "lib").mkdir()
    changed = {LIBRARY: str(root / "lib"), "_mb=64": "_mb=2", "_inodes=1000": "_inodes=100"}
    changed |= {"/run/bakery": str(root), "/tmp/dokku": f"{root}/tmp/dokku"}
    for name in (*PARTS, "dokku-disk.sh"):
        text = (FILES / name).read_text()
        for before, after in changed.items():
            text = text.replace(before, after)
        (root / "home/dokku/.dokkurc/bakery-disk" if name == "dokku-disk.sh" else root / "lib" / name).write_text(text)
    yield bare
    assert not list((root / "home/dokku").glob(".bakery/kept/*"))


LOSING = {
    "var/lib/dokku/config/shop/ENV": "config:set shop COLOR=blue",
    "home/dokku/VHOST": "domains:set-global other.test",
    "home/dokku/shop/nginx.conf": "proxy:build-config shop",
    "var/lib/dokku/config/ports/shop/map": "ports:set shop http:80:6",
    "var/lib/dokku/config/ps/shop/restart-policy": "ps:set shop restart-policy always",
    "var/lib/dokku/config/ps/shop/restore": "ps:stop shop",
}
RETIRED = "var/lib/dokku/data/scheduler-docker-local/dead-images"


def without_room(guest: Guest, plugin: str) -> None:
    """Let the plugin's writing fail as on a full ext4, where what a file gave back is not there for it at once."""
    folder = guest.root / "var/lib/dokku/core-plugins/available" / plugin
    if plugin == "proxy":  # which writes its file elsewhere, and loses on the way from there
        text = (folder / "functions").read_text()
        (folder / "functions").write_text(re.sub(r'mv "\$conf".*', rf"({FULL}; \g<0>)", text))
    else:
        text = (folder / "commands.bash").read_text()
        (folder / "commands.bash").write_text(f"{FULL}\n{text}")


def test_without_it_a_full_disk_loses_what_dokku_rewrites(bare: Node) -> None:
    for plugin in ("config", "domains", "proxy", "ports", "ps"):
        without_room(bare.guest, plugin)
    losing = {**LOSING, RETIRED: "ps:retire"}
    for (path, command), code in zip(losing.items(), (0, 1, 1, 1, 0, 0, 2), strict=True):
        ran = bare.run(f"dokku {command} >/dev/null 2>&1; echo $?; cat {path}")
        assert ran.stdout == f"{code}\n", path


@pytest.mark.parametrize("command", WRITING)
def test_a_command_that_writes_is_refused_on_a_full_disk_and_changes_nothing(node: Node, command: str) -> None:
    user = "root" if command.startswith("ssh-keys") else "dokku"
    look = "find home var -type f ! -path '*/.bakery/*' -exec cksum {} + | sort"
    ran = node.run(f"fill; {look}; echo ==; dokku {command}; echo $?; echo ==; {look}", STANDIN_USER=user)
    before, code, after = ran.stdout.split("==\n")
    assert code == "75\n", ran.stderr
    assert before == after
    (said,) = ran.stderr.splitlines()
    assert said.startswith(
        f" !     The disk is full ({node.guest.root} has 0 MB left), so `{command.split(maxsplit=1)[0]}` was not"
    )
    assert said.endswith("`dokku cleanup` and `dokku apps:destroy` make room")


@pytest.mark.parametrize("words", ["--quiet config:set shop A=2", "--app shop config:set A=2", "--force apps:create x"])
def test_flags_before_a_command_do_not_hide_it(node: Node, words: str) -> None:
    assert node.run(f"fill; dokku {words}; echo $?").stdout == "75\n"


def test_where_only_temporary_files_have_no_room_dokku_cannot_make_any(node: Node) -> None:
    small = "mkdir small; mount -t tmpfs -o size=1m none small; export TMPDIR=$PWD/small; cd ."
    ran = node.run(f"{small}; dokku config:set shop A=2; echo $?")
    assert ran.stdout == "75\n"
    (said,) = ran.stderr.splitlines()
    assert said.startswith(f" !     The disk is full ({node.guest.root}/small has 1 MB left), so `config:set` was not")
    assert "apps:destroy" not in said
    assert said.endswith("Something has to be removed there")


def test_over_ssh_it_is_the_same(node: Node) -> None:
    ran = node.run(
        "fill; dokku config:set; echo $?; cat var/lib/dokku/config/shop/ENV", SSH_ORIGINAL_COMMAND="config:set shop A=2"
    )
    assert ran.stdout == '75\nA="1"\n'
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "command", ["version", "apps:list", "domains:report", "config:get shop A", "certs:report shop"]
)
def test_what_only_reads_goes_on_and_waits_for_nobody(node: Node, command: str) -> None:
    ran = node.run(f"fill; dokku {command} >/dev/null; echo $?; cat $LOG")
    assert ran.stdout == "0\n", ran.stderr


def test_what_makes_room_goes_on(node: Node) -> None:
    ran = node.run("fill; dokku apps:destroy bare --force; echo $?; ls home/dokku; cat $LOG")
    assert ran.stdout.splitlines()[-5:] == ["0", "VHOST", "shop", "guard", "reload"], ran.stderr


def test_the_guard_comes_first_and_the_command_then_works(node: Node) -> None:
    ran = node.run(
        "head -c 3000k /dev/zero >ballast; fill; dokku config:set shop A=2; echo $?; cat $LOG; dokku config:get shop A"
    )
    assert ran.stdout.splitlines() == ["0", "guard", "2"], ran.stderr


def test_a_disk_without_inodes_is_full_too(node: Node) -> None:
    many = "for i in $(seq 4500); do : >$DISK/f.$i; done 2>/dev/null"
    ran = node.run(f"mkdir d; {many}; dokku config:set shop A=2; echo $?; cat var/lib/dokku/config/shop/ENV")
    assert ran.stdout.splitlines() == ["75", 'A="1"']
    assert "inodes left" in ran.stderr


def losing(node: Node, command: str, *, is_full_after: bool) -> str:
    """Have the command write on a full disk, which it fills or which is free again when it ends; return its name."""
    name = command.split(maxsplit=1)[0]
    plugin = node.guest.root / "var/lib/dokku/core-plugins/available" / name.partition(":")[0]
    without_room(node.guest, plugin.name)
    if is_full_after:
        commands = plugin / "commands.bash"
        commands.write_text(f"{FILL}\n{commands.read_text()}")
    return name


@pytest.mark.parametrize(
    ("lost", "command", "is_full_after"),
    [*((*losing, is_full) for is_full in (True, False) for losing in LOSING.items()), (RETIRED, "ps:retire", True)],
)
def test_what_is_lost_while_a_disk_fills_is_put_back_without_a_free_block(
    node: Node, lost: str, command: str, *, is_full_after: bool
) -> None:
    name = losing(node, command, is_full_after=is_full_after)
    ran = node.run(f"cat {lost}; echo ==; dokku {command} >/dev/null; echo $?; echo ==; cat {lost}; echo ==; cat $LOG")
    before, code, after, asked = re.split("==\n?", ran.stdout)
    assert (before, code) == (after, "75\n"), ran.stderr
    said = ran.stderr.splitlines()[-1]
    assert said.startswith(
        f" !     The disk became full, so `{name}` is not done. As they were before: {node.guest.root}/{lost}"
    )
    assert ("reload" in asked) is lost.endswith("nginx.conf")


@pytest.mark.parametrize("is_full_after", [True, False])
@pytest.mark.parametrize("was_there", [True, False])
@pytest.mark.parametrize(
    ("lost", "command"),
    [
        ("var/lib/dokku/config/bare/ENV", "config:set bare COLOR=blue"),
        ("var/lib/dokku/config/ps/bare/restart-policy", "ps:set bare restart-policy always"),
        ("home/dokku/bare/VHOST", "domains:set bare bare.test"),
    ],
)
def test_a_first_value_that_is_lost_is_told_and_nothing_is_left_of_it(
    node: Node, lost: str, command: str, *, was_there: bool, is_full_after: bool
) -> None:
    """What was missing is missing again, and what was empty is still there."""
    name = losing(node, command, is_full_after=is_full_after)
    made = f"mkdir -p {Path(lost).parent}; : >{lost}; " if was_there else ""
    ran = node.run(f"{made}dokku {command} >/dev/null; echo $?; ls {lost} 2>/dev/null; wc -c <{lost} 2>/dev/null")
    assert ran.stdout.splitlines() == ["75", *([lost, "0"] if was_there else [])], ran.stderr
    assert f"`{name}` is not done. As they were before: {node.guest.root}/{lost}" in ran.stderr


@pytest.mark.parametrize("is_full_after", [True, False])
@pytest.mark.parametrize("before", ["files", "links", "nothing"])
@pytest.mark.parametrize("at", ["crt", "key"])
def test_a_certificate_and_its_key_are_put_back_together(
    node: Node, at: str, before: str, *, is_full_after: bool
) -> None:
    """dokku removes both, and then writes one after the other; letsencrypt's are links."""
    tls = node.guest.home / "shop/tls"
    if before != "nothing":
        for name in ("server.crt", "server.key"):
            real = tls / name if before == "files" else node.guest.home / "shop/letsencrypt" / name
            real.parent.mkdir(exist_ok=True)
            real.write_text(f"old {name}\n")
            if before == "links":
                tls.mkdir(exist_ok=True)
                (tls / name).symlink_to(f"../letsencrypt/{name}")
    certs = node.guest.root / "var/lib/dokku/core-plugins/available/certs/commands.bash"
    fill = FILL if is_full_after else "true"
    certs.write_text(certs.read_text().replace(f'cp "${at}"', f'{fill}; {FULL}; cp "${at}"'))
    ran = node.run("dokku certs:add shop server.crt server.key; echo $?; cd home/dokku/shop/tls && cat *; readlink *")
    links = ["../letsencrypt/server.crt", "../letsencrypt/server.key"] if before == "links" else []
    pair = [] if before == "nothing" else ["old server.crt", "old server.key"]
    assert ran.stdout.splitlines() == ["75", *pair, *links]
    assert "`certs:add` is not done" in ran.stderr


@pytest.mark.parametrize(
    "command",
    [
        *("config:unset shop A", "domains:clear-global", "ps:set shop restart-policy", "checks:enable shop"),
        *("--quiet ps:set shop emptied", "ps:set shop emptied ''", "--app shop ps:set emptied", "domains:enable shop"),
        *("ps:set --global emptied", "git:sync shop url", "buildpacks:remove shop it", "docker-options:clear shop"),
    ],
)
def test_what_a_command_empties_on_purpose_stays_empty(node: Node, command: str) -> None:
    """Also a property of its own plugin, and the domains of an app."""
    emptied = [
        *(f"var/lib/dokku/config/{plugin}/shop/emptied" for plugin in ("ps", "git", "buildpacks", "docker-options")),
        *("var/lib/dokku/config/ps/--global/emptied", "home/dokku/shop/VHOST", "home/dokku/VHOST"),
    ]
    hook = node.guest.plugins / "enabled/zz-emptying/user-auth"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/bash\nfor file in {' '.join(emptied)}; do : >$file; done\n")
    hook.chmod(0o755)
    make = "; ".join(f"mkdir -p {Path(path).parent}; echo before >{path}" for path in emptied)
    ran = node.run(f"{make}; dokku {command}; cat {' '.join(emptied)}")
    assert "before" not in ran.stdout
    assert "not done" not in ran.stderr


def test_a_command_that_works_keeps_nothing_and_changes_what_it_is_for(node: Node) -> None:
    for command in (*WRITING[:2], "domains:clear-global"):
        assert node.guest.dokku(*command.split(), STANDIN_USER="dokku").returncode == 0
    assert (node.guest.home / "VHOST").read_text() == ""
    assert (node.guest.root / "var/lib/dokku/config/shop/ENV").read_text() == 'A="1"\nCOLOR="blue"\n'
    assert list((node.guest.home / ".bakery/kept").iterdir()) == []


WAYS = ("dokku certs:add shop", "SSH_ORIGINAL_COMMAND='certs:add shop' dokku certs:add")


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_a_private_key_that_dokku_leaves_in_tmp_is_removed(node: Node, way: str, *, is_kept: bool) -> None:
    """Over SSH the folder has the number of the process that sshd started, and not of the one that does the work."""
    root = node.guest.root
    if not is_kept:
        (node.guest.home / ".bakery").mkdir()
        (node.guest.home / ".bakery/kept").write_text("")
    give = f"tar -C {root} -c server.crt server.key | {way}"
    env = {"STANDIN_USER": "dokku", "TMPDIR": str(root / "home")}
    ran = node.guest.run("bash", "-c", give, **env)
    assert ran.returncode == 0, ran.stderr
    assert (node.guest.home / "shop/tls/server.key").read_text() == "server.key"
    assert list((root / "tmp").iterdir()) == []
    if not is_kept:
        (node.guest.home / ".bakery/kept").unlink()


@pytest.mark.parametrize("way", WAYS)
def test_a_private_key_in_an_archive_that_cannot_be_unpacked_is_removed_too(node: Node, way: str) -> None:
    ran = node.guest.run("bash", "-c", f"echo a key and no archive | {way}", STANDIN_USER="dokku")
    assert ran.returncode == 2
    assert list((node.guest.root / "tmp").iterdir()) == []


def test_a_command_that_fails_keeps_its_code(node: Node) -> None:
    assert node.guest.dokku("config:set", "nope", "A=1", STANDIN_USER="dokku").returncode == 20


def test_a_command_that_is_killed_is_seen_by_the_next_guard(node: Node) -> None:
    """Its copies stay, under the number and the beginning of its process, which no other has."""
    env = {**node.guest.environment, "STANDIN_USER": "dokku"}
    hung = node.guest.plugins / "enabled/zz-hung/user-auth"
    hung.parent.mkdir()
    hung.write_text('#!/bin/bash\n: >"$DOKKU_ROOT/VHOST"; kill -9 $PPID; kill -9 "$DOKKU_PID"\n')
    hung.chmod(0o755)
    argv = ["bash", "-c", "DOKKU_PID=$$ exec dokku config:set shop A=2"]
    subprocess.run(argv, env=env, capture_output=True, check=False)
    hung.unlink()
    assert (node.guest.home / "VHOST").read_text() == ""
    back = f"source {node.guest.root}/lib/dokku-back.sh && bakery_put_back_left"
    said = node.guest.run("bash", "-euo", "pipefail", "-c", back).stdout
    assert said == f"{node.guest.home}/VHOST\n"
    assert (node.guest.home / "VHOST").read_text() == "apps.test\n"


def test_what_cannot_be_kept_though_there_is_room_is_no_reason_to_refuse(node: Node) -> None:
    (node.guest.home / ".bakery").mkdir()
    (node.guest.home / ".bakery/kept").write_text("")
    assert node.guest.dokku("config:set", "shop", "A=2", STANDIN_USER="dokku").returncode == 0
    (node.guest.home / ".bakery/kept").unlink()


@pytest.mark.skipif(os.geteuid() != 0 and "CI" not in os.environ, reason="only root can be another user; CI is root")
@pytest.mark.parametrize("command", ["ssh-keys:add me key.pub", "scheduler-k3s:initialize", "scheduler-k3s:uninstall"])
def test_what_roots_own_commands_keep_is_dokkus_to_remove(node: Node, command: str) -> None:
    """A guard runs as dokku where it puts back what was left."""
    for path in (node.guest.home, *node.guest.home.rglob("*")):
        os.chown(path, 1234, 1234)
    for path in (node.guest.root, *node.guest.root.parents):
        if path.owner() == "root" and path != Path("/") and not path.stat().st_mode & 1:
            path.chmod(path.stat().st_mode | 0o11)
    hung = node.guest.plugins / "enabled/zz-hung/user-auth"
    hung.parent.mkdir()
    hung.write_text(f"#!/bin/bash\nfind {node.guest.home}/.bakery -printf '%U\\n' | sort -u\n")
    hung.chmod(0o755)
    said = node.guest.run("bash", "-c", f"cd {node.guest.root} && dokku {command}", STANDIN_USER="root")
    assert said.stdout.splitlines()[0] == "1234", said.stderr


def kept(node: Node, *words: str) -> set[str]:
    """Return which files a command has kept when it begins its work."""
    hook = node.guest.plugins / "enabled/zz-looking/user-auth"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/bash\ncd {node.guest.home}/.bakery/kept/*{node.guest.root} && find * -type f\n")
    hook.chmod(0o755)
    said = node.guest.dokku(*words, STANDIN_USER="dokku").stdout.splitlines()
    return {line for line in said if line.startswith(("home/", "var/"))}


GLOBAL = {"home/dokku/VHOST", "home/dokku/.ssh/authorized_keys", RETIRED}


def test_what_comes_every_five_minutes_keeps_no_apps_files(node: Node) -> None:
    assert kept(node, "ps:retire") == GLOBAL


def test_of_an_app_all_is_kept_that_its_commands_rewrite_and_nothing_that_its_processes_do(node: Node) -> None:
    """What they keep on a volume may be any number of gigabytes, and what a plugin's service does too."""
    own = {
        *("VHOST", "nginx.conf", "tls/server.crt", "tls/server.key", "nginx.conf.d/hsts.conf"),
        *("CONTAINER.web.1", "IP.web.1", "PORT.web.1"),
    }
    written = {
        *(f"home/dokku/shop/{name}" for name in own),
        *(f"var/lib/dokku/data/{name}" for name in ("ps/shop/Procfile", "app-json/shop/app.json")),
        *("var/lib/dokku/data/nginx-vhosts/app-shop/nginx.conf.sigil", "home/dokku/.netrc"),
        *("var/lib/dokku/config/shop/ENV", "var/lib/dokku/config/--global/ENV"),
        *("var/lib/dokku/config/ps/--global/restart-policy", "var/lib/dokku/config/redis/shop/link"),
    }
    others = {"var/lib/dokku/data/storage/shop/database", "var/lib/dokku/services/redis/shop/data"}
    for path in written | others:
        (node.guest.root / path).parent.mkdir(parents=True, exist_ok=True)
        (node.guest.root / path).write_text("something\n")
    found = kept(node, "config:set", "shop", "A=2")
    properties = {path for path in found if path.startswith("var/lib/dokku/config/")}
    assert found - properties == (written | GLOBAL) - properties
    assert written <= found


def test_of_each_app_that_is_named_what_is_rewritten_is_kept(node: Node) -> None:
    """A service may have an app's name, and be linked to another app."""
    for app in ("bare", "other"):
        (node.guest.home / app).mkdir(exist_ok=True)
        (node.guest.home / app / "VHOST").write_text(f"{app}.test\n")
    found = kept(node, "redis:link", "bare", "shop")
    assert {"home/dokku/bare/VHOST", "home/dokku/shop/VHOST"} <= found
    assert "home/dokku/other/VHOST" not in found


def test_the_vhost_of_each_app_that_is_named_is_written_anew_later(node: Node) -> None:
    ran = node.run(
        "mkdir -p home/dokku/.bakery/rebuild; fill; dokku redis:link bare shop; ls home/dokku/.bakery/rebuild"
    )
    assert ran.stdout.splitlines() == ["bare", "shop"], ran.stderr


def test_a_machine_whose_part_is_missing_still_has_dokku(node: Node) -> None:
    for path in (node.guest.root / "lib").iterdir():
        path.unlink()
    assert node.guest.dokku("config:set", "shop", "A=2", STANDIN_USER="dokku").returncode == 0


SETPRIV = 'while [[ $1 == --* ]]; do shift; done; STANDIN_USER=dokku exec "$@"'


def guard(node: Node, script: str) -> subprocess.CompletedProcess[str]:
    """Run what the guard does for dokku; DOKKU_LIB_PATH and PATH are a machine's own there."""
    root = node.guest.root
    (root / "bin/setpriv").write_text(f"#!/bin/bash\n{SETPRIV}\n")
    (root / "bin/setpriv").chmod(0o755)
    (root / "restored").touch()
    changed = {"/home/dokku": str(node.guest.home), "/var/lib/dokku": node.guest.environment["DOKKU_LIB_PATH"]}
    changed |= {"/run/bakery-restore/ended": f"{root}/restored", "/run/bakery": str(root)}
    for name in ("guard-dokku.sh", "health-vhosts.sh"):
        text = (FILES / name).read_text()
        for before, after in changed.items():
            text = text.replace(before, after)
        (root / "lib" / name).write_text(text)
    return node.run(f"set -euo pipefail; source lib/guard-dokku.sh; {script}")


def test_the_guard_writes_vhosts_anew_that_are_empty_or_could_not_be_written(node: Node) -> None:
    node.guest.dokku("domains:set", "bare", "bare.test", STANDIN_USER="dokku")
    empty = ": >home/dokku/shop/nginx.conf; before=$(cat home/dokku/bare/nginx.conf); ls home/dokku/.bakery/rebuild"
    refused = "fill; dokku proxy:build-config bare 2>/dev/null || true; repair_dokku; rm $DISK/filler"
    look = "grep -c shop.test home/dokku/shop/nginx.conf; ls home/dokku/.bakery/rebuild"
    again = "repair_dokku; note_full_disk; ! ls disk-full"
    ran = guard(node, f"export TMPDIR=/nonexistent; {refused}; {empty}; repair_dokku; {look}; {again}")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["bare", *(f"<4>wrote the vhost of {app} anew" for app in ("bare", "shop")), "1"]


def test_the_guard_writes_the_vhost_of_an_app_that_runs_without_one(node: Node) -> None:
    """Not of one with a process that does not: dokku would write that one's old address, which may be another app's."""
    running = """[[ "$1" == inspect ]] && case ${!#} in up) echo true ;; down) echo false ;; *) exit 1 ;; esac"""
    (node.guest.root / "bin/docker").write_text(f"#!/bin/bash\n{running}\n")
    for app, containers in {"shop": ("up", "up"), "bare": ("up", "down"), "gone": ("gone",)}.items():
        (node.guest.home / app).mkdir(exist_ok=True)
        for number, container in enumerate(containers):
            (node.guest.home / app / f"CONTAINER.web.{number}").write_text(container)
        (node.guest.home / app / "nginx.conf").unlink(missing_ok=True)
    look = "ls home/dokku/*/nginx.conf"
    ran = guard(
        node, f"rm restored; repair_dokku; {look} 2>/dev/null || echo none; touch restored; repair_dokku; {look}"
    )
    assert ran.stdout.splitlines() == ["none", "<4>wrote the vhost of shop anew", "home/dokku/shop/nginx.conf"], (
        ran.stderr
    )


def test_the_guard_tells_commands_that_are_under_way_that_the_disk_was_full(node: Node) -> None:
    assert guard(node, "fill; note_full_disk; ls disk-full").stdout == "disk-full\n"


def test_the_guard_does_not_wait_for_itself(node: Node) -> None:
    ran = guard(node, "fill; as_dokku dokku proxy:build-config shop || echo $?; cat $LOG")
    assert ran.stdout == "75\n"


KINDS = {
    "reads": (
        *("", "version", "--version", "help", "apps:list", "config:show", "certs:show a crt", "nginx:error-logs a"),
        *("redis:info db", "redis:export db", "redis:links db", "redis:app-links a", "ps:inspect a", "git:status a"),
        *("ps:scale a", "--app a ps:scale", "resource:limit a", "resource:reserve a", "letsencrypt:active a"),
        *("letsencrypt:ls", "nginx:validate-config", "nginx:validate-config a"),
    ),
    "frees": (
        *("cleanup", "run:stop a", "apps:destroy a", "ssh-keys:remove me", "redis:destroy db", "network:destroy n"),
        *("storage:destroy s", "builds:cancel a", "builds:prune a"),
    ),
    "writes": (
        *("run", "redis:create db", "redis:link db a", "git-receive-pack 'a'", "config:import", "events:on", "x:y"),
        *("git-hook a", "letsencrypt:auto-renew", "ps:restore --parallel -1", "deploy a", "ps:stop a", "ps:retire"),
        *("certs:generate a", "domains:setup", "nginx:validate-config --clean", "nginx:validate-config a --clean"),
        *("ps:scale a web=1", "--app a ps:scale web=1", "resource:limit a --memory=512", "resource:limit --cpu 1 a"),
    ),
}


@pytest.mark.parametrize(("words", "kind"), [(words, kind) for kind in KINDS for words in KINDS[kind]])
def test_each_command_is_of_a_kind_and_what_nobody_knows_writes(tmp_path: Path, words: str, kind: str) -> None:
    (tmp_path / "a").mkdir()
    asked = (
        f"source {FILES}/dokku-words.sh; DOKKU_ROOT={tmp_path}; bakery_command_of {words}\n"
        'if bakery_only_reads "$bakery_command"; then echo reads\n'
        'elif bakery_frees "$bakery_command"; then echo frees; else echo writes; fi'
    )
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == f"{kind}\n"
