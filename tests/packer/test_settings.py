import re
from pathlib import Path

from bakery import ROOT
from bakery.core import process
from bakery.definition import house_rules
from bakery.definition.bases import base
from bakery.definition.model import Definition
from bakery.definition.sshkeys import NamedKey
from bakery.packer.settings import render_env, settings

HOST = Definition.model_validate({"name": "host", "packages": ["curl", "less"], "nginx": {"version": "1.22.*"}})


def host_settings() -> dict[str, str]:
    return settings([HOST], base("debian-12"), fingerprint="c0ffee", release="r1", build_user="debian")


def test_steps_are_told_everything_the_definition_says() -> None:
    assert host_settings() == {
        "BAKERY_IMAGE": "host",
        "BAKERY_BASE": "debian-12",
        "BAKERY_DISTRO": "debian",
        "BAKERY_CODENAME": "bookworm",
        "BAKERY_ARCH": "amd64",
        "BAKERY_FINGERPRINT": "c0ffee",
        "BAKERY_RELEASE": "r1",
        "BAKERY_STEPS": "system disk docker nginx ssh cleanup health firstboot record seal check",
        "BAKERY_STEPS_BELOW": "",
        "BAKERY_BUILD_USER": "debian",
        "BAKERY_PACKAGES": "curl less",
        "BAKERY_SWAP_GB": "2",
        "BAKERY_BALLAST_MB": "512",
        "BAKERY_DOCKER_SOURCE": "distro",
        "BAKERY_DOCKER_PACKAGES": "docker.io",
        "BAKERY_NGINX_SOURCE": "distro",
        "BAKERY_NGINX_PACKAGES": "nginx=1.22.*",
        "BAKERY_SSH_ROOT_LOGIN": "key",
        "BAKERY_SSH_KEYS": "",
        "BAKERY_CLEANUP_SCHEDULE": "*-*-* 04:15:00",
        "BAKERY_CLEANUP_KEEP_HOURS": "24",
        "BAKERY_HEALTH_PORT": "8077",
        "BAKERY_HEALTH_INTERVAL_S": "30",
        "BAKERY_HEALTH_DEGRADED_CODE": "200",
        "BAKERY_DOKKU_PACKAGES": "",
        "BAKERY_DOKKU_DOCKER_PLUGINS": "",
        "BAKERY_PLUGINS": "",
        **{
            f"BAKERY_{who}_ARCHIVE{what}": ""
            for who in ("DOCKER", "NGINX", "DOKKU")
            for what in ("", "_KEY", "_KEY_URL")
        },
    }


def test_what_steps_of_one_s_own_may_read_is_what_they_are_told() -> None:
    assert set(host_settings()) == house_rules.SETTINGS


def test_a_layer_is_told_of_those_below_and_of_its_own_archives() -> None:
    values = {
        "name": "dokku",
        "from": "host",
        "steps": ["dokku", "plugins"],
        "dokku": {"archive": "http://127.0.0.1:8080/dokku", "archive_key": "AB" * 20},
        "plugins": [{"name": "redis", "url": "git://localhost:8080/redis.git", "commit": "c0ffee12" * 5}],
    }
    keys = [NamedKey(name="ci", text="ssh-ed25519 AAAA", is_login=True, origin="")]
    layers = [HOST, Definition.model_validate(values)]
    told = settings(layers, base("debian-12"), fingerprint="c0ffee", release="r1", build_user="debian", keys=keys)
    assert told["BAKERY_IMAGE"] == "dokku"
    assert told["BAKERY_STEPS"] == "dokku plugins record seal check"
    assert told["BAKERY_STEPS_BELOW"] == "system disk docker nginx ssh cleanup health firstboot"
    assert told["BAKERY_NGINX_PACKAGES"] == "nginx=1.22.*"
    assert told["BAKERY_DOKKU_PACKAGES"] == "dokku=0.38.27 dokku-event-listener dokku-update"
    assert told["BAKERY_DOKKU_ARCHIVE"] == "http://10.0.2.2:8080/dokku/debian bookworm main"
    assert told["BAKERY_DOKKU_ARCHIVE_KEY_URL"] == "http://10.0.2.2:8080/dokku/gpgkey"
    assert told["BAKERY_DOKKU_ARCHIVE_KEY"] == "AB" * 20
    assert told["BAKERY_PLUGINS"] == f"redis|git://10.0.2.2:8080/redis.git|{'c0ffee12' * 5}|-"
    assert told["BAKERY_SSH_KEYS"] == "ci:login:ssh-ed25519:AAAA"
    # Debian 12 has no buildx, which dokku depends on.
    assert told["BAKERY_DOKKU_DOCKER_PLUGINS"] == "docker-compose-plugin docker-buildx-plugin"
    assert told["BAKERY_DOCKER_ARCHIVE"] == "https://download.docker.com/linux/debian bookworm stable"


def test_a_shell_reads_back_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "1.22.x").touch()  # what an unquoted glob would turn into
    file = tmp_path / "settings.env"
    hard = {**host_settings(), "BAKERY_IMAGE": 'it\'s $HOME `id` "x" \\ *'}
    file.write_text(render_env(hard))
    script = f'. {file}; for name in {" ".join(hard)}; do printf \'%s=%s\\n\' "$name" "${{!name}}"; done'
    read_back = process.run(["bash", "-euc", script], cwd=tmp_path).output
    assert read_back.splitlines() == [f"{name}={value}" for name, value in hard.items()]


def test_no_step_reads_a_setting_that_is_not_made_here() -> None:
    scripts = [path for path in (ROOT / "provision").glob("*") if path.is_file()]
    assert scripts
    read = {
        name
        for path in scripts
        for line in path.read_text().splitlines()
        if line.startswith("# Needs:")
        for name in re.findall(r"BAKERY_[A-Z_]+", line)
    }
    # Where the settings file and run's own notes are: the caller says so, a definition cannot.
    assert read - {"BAKERY_SETTINGS", "BAKERY_RUN_DIR"} <= set(host_settings())
