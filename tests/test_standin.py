"""These tests judge the stand-in for dokku, and not dokku: that it keeps the contract of the real one where we call it.

The contract is read in dokku 0.38.27, sshcommand 0.20.2, plugn 0.17.1 and dokku-letsencrypt 0.25.1.
"""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standin.guest import CORE, Guest, settle, unpack
from tests.standin.site import Site, serving

# fmt: off
PRE_DEPENDS = {
    "gliderlabs-sigil", "jq", "nginx", "openresty", "bind9-dnsutils", "debconf", "plugn", "sudo", "python3",
    "rsyslog"
}
DEPENDS = {
    "apache2-utils", "locales", "git", "cpio", "cron", "cron-daemon", "curl", "logrotate", "man-db", "netcat",
    "sshcommand", "docker-engine-cs", "docker-engine", "docker-io", "docker.io", "docker-ce", "docker-ee",
    "moby-engine", "docker-compose-plugin", "moby-compose", "docker-compose", "docker-buildx-plugin", "moby-buildx",
    "docker-buildx", "docker-container-healthchecker", "docker-image-labeler", "lambda-builder", "net-tools",
    "netrc", "parallel", "procfile-util", "rsync", "dos2unix", "unzip", "util-linux"
}
# fmt: on
OWN = {
    "gliderlabs-sigil": "0.12.1",
    "plugn": "0.17.1",
    "sshcommand": "0.20.2",
    "docker-container-healthchecker": "0.16.0",
    "docker-image-labeler": "0.10.0",
    "lambda-builder": "0.9.4",
    "netrc": "0.11.1",
    "procfile-util": "0.20.8",
    "herokuish": "0.11.16",
    "dokku-update": "0.10.0",
    "dokku-event-listener": "0.20.1",
}
"""What dokku's archive holds beside dokku."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("site")) as here:
        yield here


@pytest.fixture(scope="module")
def debs(site: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.getbasetemp() / "site0/debs"
    return {path.name.split("_")[0]: path for path in folder.glob("*.deb")}


@pytest.fixture(scope="module")
def unpacked(debs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(debs, tmp_path_factory.mktemp("unpacked"))


@pytest.fixture
def guest(unpacked: Path, tmp_path: Path) -> Guest:
    return settle(unpacked, tmp_path / "guest")


@pytest.fixture
def public_keys(tmp_path: Path) -> tuple[str, str]:
    def public_key(name: str) -> str:
        path = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
        return path.with_suffix(".pub").read_text()

    return public_key("first"), public_key("second")


# --- the package


def control_of(deb: Path) -> dict[str, str]:
    shown = subprocess.run(["dpkg-deb", "--field", deb], check=True, capture_output=True, text=True).stdout
    return dict(line.split(": ", 1) for line in shown.splitlines() if not line.startswith(" "))


def names_in(relations: str) -> set[str]:
    return set(re.findall(r"(?:^|[,|])\s*([a-z0-9.+-]+)", relations))


def test_dokku_asks_for_the_packages_that_the_real_one_asks_for(debs: dict[str, Path]) -> None:
    control = control_of(debs["dokku"])
    assert (control["Version"], control["Architecture"]) == ("0.38.27", "amd64")
    assert "stand-in" in control["Description"]
    assert names_in(control["Pre-Depends"]) == PRE_DEPENDS
    assert names_in(control["Depends"]) == DEPENDS
    assert names_in(control["Recommends"]) == {"herokuish", "bash-completion", "dokku-update", "dokku-event-listener"}


def test_every_package_of_its_own_that_dokku_asks_for_is_there_in_its_version(debs: dict[str, Path]) -> None:
    control = control_of(debs["dokku"])
    wanted = ", ".join(control[name] for name in ("Pre-Depends", "Depends", "Recommends"))
    assert {name: version for name, version in re.findall(r"([a-z-]+) \(>= ([0-9.]+)\)", wanted) if name in OWN} == OWN
    assert {name: control_of(debs[name])["Version"] for name in OWN} == OWN
    assert all("stand-in" in control_of(deb)["Description"] for deb in debs.values())


def test_debconf_asks_what_the_real_one_asks(debs: dict[str, Path]) -> None:
    shown = subprocess.run(["dpkg-deb", "--info", debs["dokku"], "templates"], check=True, capture_output=True)
    fields = [dict(line.split(": ", 1) for line in text.splitlines()) for text in shown.stdout.decode().split("\n\n")]
    assert {field["Template"]: (field["Type"], field["Default"]) for field in fields} == {
        "dokku/vhost_enable": ("boolean", "false"),
        "dokku/hostname": ("string", "dokku.me"),
        "dokku/skip_key_file": ("boolean", "false"),
        "dokku/key_file": ("string", "/root/.ssh/id_rsa.pub"),
        "dokku/nginx_enable": ("boolean", "true"),
        "dokku/install_default_site": ("boolean", "true"),
    }


# --- the archive


@pytest.mark.parametrize(
    ("key", "dist", "component"),
    [
        ("dokku/gpgkey", "dokku/debian/dists/bookworm", "main"),
        ("dokku/gpgkey", "dokku/debian/dists/trixie", "main"),
        ("docker/linux/debian/gpg", "docker/linux/debian/dists/bookworm", "stable"),
    ],
)
def test_a_suite_is_signed_and_its_checksums_are_right(
    site: Site, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, key: str, dist: str, component: str
) -> None:
    root = tmp_path_factory.getbasetemp() / "site0/site"
    keyring = tmp_path / "key.gpg"
    dearmored = subprocess.run(
        ["gpg", "--batch", "--dearmor", "--output", "-", root / key], check=True, capture_output=True
    )
    keyring.write_bytes(dearmored.stdout)
    gpgv: list[str | Path] = ["gpgv", "--status-fd", "1", "--keyring", keyring, root / dist / "InRelease"]
    judged = subprocess.run(gpgv, check=True, capture_output=True, text=True).stdout
    assert f"VALIDSIG {site.key}" in judged
    rows = re.findall(r"^ ([0-9a-f]{64}) (\d+) (\S+)$", (root / dist / "InRelease").read_text(), re.MULTILINE)
    assert {path for _, _, path in rows} == {
        f"{component}/binary-amd64/{name}" for name in ("Packages", "Packages.gz", "Release")
    }
    for checksum, size, path in rows:
        content = (root / dist / path).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (checksum, int(size))


def test_apt_accepts_both_archives(site: Site, tmp_path: Path) -> None:
    for folder in ("state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "log"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "state/status").touch()
    for name, path in {"dokku": "dokku/gpgkey", "docker": "docker/linux/debian/gpg"}.items():
        subprocess.run(["curl", "-fsS", "-o", tmp_path / f"etc/{name}.asc", f"{site.url}/{path}"], check=True)
    (tmp_path / "etc/sources.list").write_text(
        f"deb [signed-by={tmp_path}/etc/dokku.asc] {site.dokku_archive}/debian bookworm main\n"
        f"deb [signed-by={tmp_path}/etc/docker.asc] {site.docker_archive}/linux/debian bookworm stable\n"
    )
    (tmp_path / "apt.conf").write_text(
        f'Dir::State "{tmp_path}/state"; Dir::State::status "{tmp_path}/state/status"; Dir::Cache "{tmp_path}/cache";'
        f'Dir::Etc "{tmp_path}/etc"; Dir::Log "{tmp_path}/log"; APT::Architecture "amd64"; APT::Architectures "amd64";'
        'APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::http::Proxy "false";'
    )
    env = {**os.environ, "APT_CONFIG": str(tmp_path / "apt.conf"), "LC_ALL": "C"}
    updated = subprocess.run(["apt-get", "update"], env=env, capture_output=True, text=True, check=False)
    assert (updated.returncode, updated.stderr) == (0, "")
    shown = subprocess.run(
        ["apt-cache", "policy", "dokku", "docker-buildx-plugin"], env=env, capture_output=True, text=True, check=True
    ).stdout
    assert re.findall(r"Candidate: (\S+)", shown) == ["0.38.27", "0.16.2"]
    assert "/dokku/debian/dists/bookworm/InRelease" in site.requests
    fetched = subprocess.run(["apt-get", "download", "dokku"], env=env, cwd=tmp_path, capture_output=True, check=False)
    assert fetched.returncode == 0, fetched.stderr


# --- dokku itself


def test_version_comes_from_the_file_that_the_package_brings(guest: Guest) -> None:
    assert guest.dokku("version").stdout == guest.dokku("--version").stdout == "dokku version 0.38.27\n"


def test_an_unknown_command_is_named(guest: Guest) -> None:
    answer = guest.dokku("apps:explode", "now")
    assert answer.returncode == 1
    assert " !     `apps:explode now` is not a dokku command.\n" in answer.stderr


@pytest.mark.parametrize("command", ["ssh-keys:add", "ssh-keys:remove", "plugin:install"])
def test_some_commands_are_for_root_only(guest: Guest, command: str) -> None:
    answer = guest.dokku(command, "x", STANDIN_USER="dokku")
    assert (answer.returncode, answer.stderr) == (1, " !     This command must be run as root\n")


def test_a_command_over_ssh_is_taken_from_its_own_variable(guest: Guest) -> None:
    answer = guest.dokku(STANDIN_USER="dokku", SSH_ORIGINAL_COMMAND="apps:exists nope")
    assert (answer.returncode, answer.stderr) == (20, " !     App nope does not exist\n")


def test_global_domains_are_lines_of_a_file_that_is_emptied_and_not_removed(guest: Guest) -> None:
    guest.dokku("domains:set-global", "a.test", "b.test")
    assert (guest.home / "VHOST").read_text() == "a.test\nb.test\n"
    report = json.loads(guest.dokku("domains:report", "--global", "--format", "json").stdout)
    assert report == {"global-enabled": "true", "global-vhosts": "a.test b.test"}
    guest.dokku("domains:clear-global")
    assert (guest.home / "VHOST").read_text() == ""
    report = json.loads(guest.dokku("domains:report", "--global", "--format", "json").stdout)
    assert report == {"global-enabled": "false", "global-vhosts": ""}


def test_variables_are_an_apps_or_those_of_all_apps(guest: Guest) -> None:
    assert guest.dokku("config:set", "--no-restart", "--global", "A=1", "B=2 3").returncode == 0
    assert (guest.root / "var/lib/dokku/config/--global/ENV").read_text() == 'A="1"\nB="2 3"\n'
    guest.dokku("config:unset", "--no-restart", "--global", "A")
    assert guest.dokku("config:get", "--global", "B").stdout == "2 3\n"
    assert guest.dokku("config:get", "--global", "A").returncode == 1
    answer = guest.dokku("domains:set", "--global", "a.test")
    assert (answer.returncode, answer.stderr) == (20, " !     App --global does not exist\n")


def test_how_long_a_deploy_is_watched_cannot_be_set(guest: Guest) -> None:
    guest.dokku("apps:create", "canary")
    answer = guest.dokku("checks:set", "canary", "wait", "1")
    assert (answer.returncode, answer.stderr) == (
        1,
        " !     Invalid key specified, valid keys include: wait-to-retire\n",
    )
    assert guest.dokku("checks:disable", "canary").returncode == 0


@pytest.mark.parametrize(
    ("nginx", "expected"), [("1.22.1", ["listen 443 ssl http2;"]), ("1.25.1", ["listen 443 ssl;", "http2 on;"])]
)
def test_a_certificate_brings_http2_as_this_nginx_writes_it(
    guest: Guest, tmp_path: Path, nginx: str, expected: list[str]
) -> None:
    guest.dokku("apps:create", "canary")
    guest.dokku("domains:set", "canary", "canary.test", "www.canary.test")
    guest.dokku("ports:set", "canary", "http:80:5000")
    assert "listen 80;" in (guest.home / "canary/nginx.conf").read_text()
    assert "return 502;" in (guest.home / "canary/nginx.conf").read_text()
    (tmp_path / "server.crt").write_text("certificate")
    (tmp_path / "server.key").write_text("key")
    with subprocess.Popen(["tar", "-C", tmp_path, "-c", "server.crt", "server.key"], stdout=subprocess.PIPE) as tar:
        env = {**guest.environment, "STANDIN_NGINX": nginx, "STANDIN_USER": "dokku"}
        added = subprocess.run(
            ["dokku", "certs:add", "canary"], stdin=tar.stdout, env=env, capture_output=True, check=False
        )
    assert added.returncode == 0, added.stderr
    assert (guest.home / "canary/tls/server.key").read_text() == "key"
    lines = [line.strip() for line in (guest.home / "canary/nginx.conf").read_text().splitlines()]
    assert [line for line in lines if line.startswith(("listen 443", "http2"))] == expected
    assert lines.count("server_name canary.test www.canary.test;") == 2
    assert "location / { return 301 https://$host:443$request_uri; }" in lines


def test_an_archive_without_a_key_is_no_certificate(guest: Guest, tmp_path: Path) -> None:
    guest.dokku("apps:create", "canary")
    (tmp_path / "server.crt").write_text("certificate")
    with subprocess.Popen(["tar", "-C", tmp_path, "-c", "server.crt"], stdout=subprocess.PIPE) as tar:
        argv, env = ["dokku", "certs:add", "canary"], {**guest.environment, "STANDIN_USER": "dokku"}
        answer = subprocess.run(argv, stdin=tar.stdout, env=env, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (1, " !     Tar archive is missing .key file\n")


# --- a full disk


def on_a_full_disk(guest: Guest, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it as the user dokku with a TMPDIR in which there is no byte left: root's would be forgotten on the way."""
    guest.run("plugn", "version")  # or the first call would have to unpack its shell
    full = guest.root / "full"
    full.mkdir(exist_ok=True)
    script = f'mount -t tmpfs -o size=4k none {full} && head -c 4096 /dev/zero >{full}/ballast && exec dokku "$@"'
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    return guest.run(*unshare, "bash", "-c", script, "-", *arguments, TMPDIR=str(full), STANDIN_USER="dokku")


def test_on_a_full_disk_dokku_speaks_of_a_command_that_is_not_found(guest: Guest) -> None:
    answer = on_a_full_disk(guest, "cleanup")
    assert answer.returncode == 127
    assert answer.stderr.endswith("/.basher/bash: line 1: main: command not found\n")


def test_on_a_full_disk_the_apps_are_still_listed_and_the_plugins_are_not(guest: Guest) -> None:
    guest.dokku("apps:create", "shop")
    assert "shop" in on_a_full_disk(guest, "apps:list").stdout
    assert on_a_full_disk(guest, "plugin:list").returncode == 127


def test_on_a_full_disk_the_version_is_still_told(guest: Guest) -> None:
    assert on_a_full_disk(guest, "version").stdout == "dokku version 0.38.27\n"


# --- keys


def test_a_key_comes_through_a_pipe_or_in_a_file(guest: Guest, public_keys: tuple[str, str], tmp_path: Path) -> None:
    assert guest.dokku("ssh-keys:add", "admin", stdin=public_keys[0]).stdout.startswith("SHA256:")
    assert guest.dokku("ssh-keys:add", "other", str(tmp_path / "second.pub")).returncode == 0
    first, second = guest.authorized_keys.read_text().splitlines()
    command = r'^command="FINGERPRINT=SHA256:\S+ NAME=\\"admin\\" `cat \S+/\.sshcommand` \$SSH_ORIGINAL_COMMAND",'
    assert re.match(command, first)
    assert first.endswith(f",no-user-rc,no-X11-forwarding,no-port-forwarding {public_keys[0].strip()}")
    assert second.endswith(public_keys[1].strip())
    assert guest.authorized_keys.stat().st_mode & 0o777 == 0o700


def test_a_key_on_stdin_that_is_no_fifo_is_refused(guest: Guest, public_keys: tuple[str, str], tmp_path: Path) -> None:
    argv, env = ["dokku", "ssh-keys:add", "admin"], dict(guest.environment)
    with (tmp_path / "first.pub").open() as file:
        answer = subprocess.run(argv, stdin=file, env=env, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (1, " !     No key specified via file or pipe\n")


def test_a_key_without_a_newline_fails_without_a_word(guest: Guest, public_keys: tuple[str, str]) -> None:
    answer = guest.dokku("ssh-keys:add", "admin", stdin=public_keys[0].strip())
    assert (answer.returncode, answer.stdout, answer.stderr) == (1, "", "")
    assert guest.authorized_keys.read_text() == ""


def test_a_second_key_in_the_pipe_is_dropped_without_a_word(guest: Guest, public_keys: tuple[str, str]) -> None:
    answer = guest.dokku("ssh-keys:add", "admin", stdin="".join(public_keys))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert public_keys[0].strip() in guest.authorized_keys.read_text()
    assert public_keys[1].strip() not in guest.authorized_keys.read_text()


def test_a_name_or_a_key_that_is_there_is_refused(guest: Guest, public_keys: tuple[str, str]) -> None:
    guest.dokku("ssh-keys:add", "admin", stdin=public_keys[0])
    same_name = guest.dokku("ssh-keys:add", "admin", stdin=public_keys[1])
    assert (same_name.returncode, same_name.stderr.splitlines()[0]) == (1, "Duplicate ssh key name")
    same_key = guest.dokku("ssh-keys:add", "other", stdin=public_keys[0])
    assert (same_key.returncode, same_key.stderr.splitlines()[0]) == (1, "Duplicate ssh public key specified")


def test_a_key_with_options_of_its_own_is_refused(guest: Guest, public_keys: tuple[str, str]) -> None:
    answer = guest.dokku("ssh-keys:add", "root", stdin=f'command="echo no" {public_keys[0]}')
    assert (answer.returncode, answer.stderr.splitlines()[-1]) == (1, " !     sshcommand returned an error: 255")


def test_a_name_is_a_regex(guest: Guest, public_keys: tuple[str, str]) -> None:
    guest.dokku("ssh-keys:add", "admin", stdin=public_keys[0])
    assert guest.dokku("ssh-keys:add", "a.min", stdin=public_keys[1]).returncode == 1
    assert guest.dokku("ssh-keys:remove", "a.min").returncode == 0
    assert guest.authorized_keys.read_text() == ""


def test_keys_are_listed_as_json_unless_there_are_none(guest: Guest, public_keys: tuple[str, str]) -> None:
    assert guest.dokku("ssh-keys:list", "--format", "json").returncode == 1
    ignoring = guest.dokku("ssh-keys:list", "--format", "json", SSHCOMMAND_IGNORE_LIST_WARNINGS="true")
    assert json.loads(ignoring.stdout) == []
    fingerprint = guest.dokku("ssh-keys:add", "admin", stdin=public_keys[0]).stdout.strip()
    (entry,) = json.loads(guest.dokku("ssh-keys:list", "--format", "json", "admin").stdout)
    assert entry == {
        "fingerprint": fingerprint,
        "name": "admin",
        "SSHCOMMAND_ALLOWED_KEYS": "no-agent-forwarding,no-user-rc,no-X11-forwarding,no-port-forwarding",
        "public-key": public_keys[0].strip(),
    }


# --- plugins


def install_letsencrypt(guest: Guest, site: Site, commit: str, **env: str) -> subprocess.CompletedProcess[str]:
    arguments = [site.plugin_url, "--committish", commit, "--name", "letsencrypt"]
    return guest.dokku("plugin:install", *arguments, **env)


def listed(guest: Guest) -> dict[str, dict[str, str | bool]]:
    return {one["name"]: one for one in json.loads(guest.dokku("plugin:list", "--format", "json").stdout)}


def test_an_installed_plugin_is_at_its_pinned_commit(guest: Guest, site: Site) -> None:
    assert guest.dokku("plugin:installed", "letsencrypt").returncode == 1
    answer = install_letsencrypt(guest, site, site.plugin_commit)
    assert answer.returncode == 0, answer.stderr
    assert guest.dokku("plugin:installed", "letsencrypt").returncode == 0
    plugins = listed(guest)
    assert plugins["letsencrypt"] == {
        "name": "letsencrypt",
        "version": "0.25.1",
        "enabled": True,
        "core": False,
        "description": "stand-in for dokku-letsencrypt, for the tests of Dokku Bakery",
        "source_url": site.plugin_url,
        "committish": site.plugin_commit,
        "branch": "",
    }
    assert {name for name, plugin in plugins.items() if plugin["core"]} == set(CORE)
    assert (plugins["apps"]["version"], plugins["apps"]["committish"]) == ("0.38.27", "")


def test_the_triggers_of_all_plugins_run_after_the_checkout(guest: Guest, site: Site) -> None:
    probe = guest.plugins / "enabled/zz-probe/install"
    probe.parent.mkdir()
    probe.write_text('#!/bin/bash\ngrep ^version "$PLUGIN_ENABLED_PATH/letsencrypt/plugin.toml" >"$DOKKU_ROOT/seen"\n')
    probe.chmod(0o755)
    install_letsencrypt(guest, site, site.plugin_commit)
    assert (guest.home / "seen").read_text() == 'version = "0.25.1"\n'


def test_a_plugin_whose_commit_does_not_exist_stays_enabled_at_the_newest(guest: Guest, site: Site) -> None:
    assert install_letsencrypt(guest, site, "0" * 40).returncode != 0
    plugin = listed(guest)["letsencrypt"]
    assert (plugin["enabled"], plugin["version"], plugin["branch"]) == (True, "0.25.2", "master")
    assert not (guest.root / "var/lib/dokku/data/letsencrypt").exists()


def test_installing_a_plugin_twice_fails(guest: Guest, site: Site) -> None:
    install_letsencrypt(guest, site, site.plugin_commit)
    answer = install_letsencrypt(guest, site, site.plugin_commit)
    assert (answer.returncode, answer.stderr) == (1, " !     Plugin already enabled\n")


def test_a_plain_http_address_is_refused_except_on_the_tests_own_shelf(guest: Guest) -> None:
    answer = guest.dokku("plugin:install", "http://git.example/dokku-letsencrypt.git")
    assert answer.returncode == 1
    assert "Valid prefixes: https:, git:, ssh:, file:" in answer.stderr


def test_letsencrypt_pulls_its_image_unless_told_not_to(guest: Guest, site: Site) -> None:
    refused = install_letsencrypt(guest, site, site.plugin_commit, LETSENCRYPT_DISABLE_PULL="")
    assert refused.returncode == 1  # the docker of these tests pulls nothing
    told = guest.dokku("plugin:install")
    assert told.returncode == 0
    assert "docker pull goacme/lego:v4.35.2" in told.stderr


def test_letsencrypt_reports_nothing_where_there_are_no_apps(guest: Guest, site: Site) -> None:
    install_letsencrypt(guest, site, site.plugin_commit)
    guest.dokku("letsencrypt:set", "--global", "email", "root@a.test")
    answer = guest.dokku("letsencrypt:report", "--global", "--format", "json")
    assert (answer.returncode, answer.stderr) == (1, " !     You haven't deployed any applications yet\n")
    guest.dokku("apps:create", "canary")
    answer = guest.dokku("letsencrypt:report", "--global", "--format", "json")
    assert json.loads(answer.stdout)["global-email"] == "root@a.test"


def test_letsencrypt_renews_by_a_flag_and_leaves_a_stamp(guest: Guest, site: Site) -> None:
    install_letsencrypt(guest, site, site.plugin_commit)
    data = guest.root / "var/lib/dokku/data/letsencrypt"
    guest.dokku("letsencrypt:cron-job", "--add")
    assert (data / "--global/autorenew").exists()
    guest.dokku("letsencrypt:cron-job", "--remove")
    assert not (data / "--global/autorenew").exists()
    assert guest.dokku("letsencrypt:auto-renew").returncode == 0
    assert (data / "auto-renewed").exists()
