"""dokku as it is in the image: pinned, unbranded, complete. Written for the real one; see docs/testing.md."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.image.copy import Copy

pytestmark = pytest.mark.dokku

FILES = Path(__file__).parents[2] / "provision/files"
UNITS = ("dokku-redeploy.service", "dokku-retire.timer", "docker-builder-prune.timer", "dokku-event-listener.target")


def packages_asked_for(settings: dict[str, str]) -> dict[str, str]:
    return {word.partition("=")[0]: word.partition("=")[2] for word in settings["BAKERY_DOKKU_PACKAGES"].split()}


def test_dokku_is_the_version_asked_for(each: Copy, settings: dict[str, str]) -> None:
    wanted = packages_asked_for(settings)["dokku"]
    assert each.versions["dokku"] == wanted
    assert each.dokku["version"].text.split()[-1] == wanted


def test_dokku_and_its_helpers_are_held(each: Copy, settings: dict[str, str]) -> None:
    assert packages_asked_for(settings).keys() <= set(each.facts["lists"].lines)


def test_dokkus_archive_is_trusted_for_its_own_packages_alone(each: Copy, settings: dict[str, str]) -> None:
    assert not [line for line in each.dokku["trusted"].lines if "dokku" in line]
    if "//10.0.2.2:" in settings["BAKERY_DOKKU_ARCHIVE"]:
        assert each.dokku["source"].code != 0  # an archive that was there for the bake alone
    else:
        assert "signed-by=/etc/apt/keyrings/dokku.gpg" in each.dokku["source"].text


def test_the_helper_that_repairs_nginx_is_there_and_runs(each: Copy) -> None:
    assert {"dokku-event-listener", "dokku-update"} <= each.versions.keys()
    assert each.units["dokku-event-listener.service"][0] == "active"


def test_herokuish_is_there_only_when_asked_for(each: Copy, settings: dict[str, str]) -> None:
    assert ("herokuish" in each.versions) is ("herokuish" in packages_asked_for(settings))


@pytest.mark.parametrize("unit", UNITS)
def test_dokkus_units_start_at_boot(each: Copy, unit: str) -> None:
    assert each.units[unit][1] == "enabled"


@pytest.mark.throwaway
def test_that_a_full_disk_refuses_it_is_no_failure_of_what_retires_old_containers(first: Copy) -> None:
    assert "SuccessExitStatus=75" in first.run("systemctl cat dokku-retire.service").splitlines()


@pytest.mark.throwaway
def test_no_domain_is_baked(first: Copy) -> None:
    assert first.dokku["vhost"].text.split() == ["dokku", "0"]


@pytest.mark.throwaway
def test_the_machines_own_name_does_not_become_its_domain(first: Copy) -> None:
    """As dokku's installer would have it, after every plugin, where the file is missing and the name resolves."""
    said = first.run(
        """
        dig +short "$(hostname -f)"; echo ==
        dokku plugin:install --core >/dev/null 2>&1 || { echo 'the installer failed'; exit 1; }
        stat -c %s /home/dokku/VHOST
        """
    )
    resolved, size = said.split("==\n")
    assert resolved.strip(), "the name does not resolve here, so the trap was not set"
    assert size.strip() == "0"


@pytest.mark.throwaway
def test_dokku_goes_on_by_itself_after_what_root_has_to_run(first: Copy) -> None:
    """Whose commands are the first on a new machine to keep what they write beside."""
    said = first.run(
        """
        rm -rf /home/dokku/.bakery
        dokku plugin:install --core >/dev/null 2>&1; dokku apps:create later 2>&1; dokku apps:destroy later --force 2>&1
        stat -c %U /home/dokku/.bakery
        """
    )
    assert said.splitlines()[-1] == "dokku", said
    assert "full" not in said


def test_the_installers_questions_were_answered(each: Copy) -> None:
    answers = dict(re.findall(r"^\*? *(dokku/\w+): *(.*)$", each.dokku["answers"].text, flags=re.MULTILINE))
    assert answers["dokku/key_file"] == "/nonexistent"
    assert answers["dokku/hostname"] == "localhost"
    assert answers["dokku/vhost_enable"] == "false"
    assert answers["dokku/nginx_enable"] == answers["dokku/install_default_site"] == "true"


def test_plugins_are_at_their_commits_and_enabled(each: Copy, settings: dict[str, str]) -> None:
    listed = {plugin["name"]: plugin for plugin in each.dokku["plugins"].json}
    asked = [word.split("|") for word in settings["BAKERY_PLUGINS"].split()]
    for name, _, commit, _ in asked:
        assert (listed[name]["committish"], listed[name]["enabled"]) == (commit, True)
    assert {name for name, plugin in listed.items() if not plugin["core"]} == {name for name, *_ in asked}


@pytest.mark.throwaway
def test_no_image_was_pulled_in_the_bake(first: Copy, settings: dict[str, str]) -> None:
    if all(word.endswith("|-") for word in settings["BAKERY_PLUGINS"].split()):
        assert first.dokku["images"].text == ""


def test_diffie_hellman_parameters_are_the_published_ones(each: Copy) -> None:
    ours = hashlib.sha256((FILES / "dhparam.pem").read_bytes()).hexdigest()
    assert each.dokku["dhparam"].text.split()[0] == ours


def test_nginx_gets_through_dokkus_home_but_cannot_look_around(each: Copy) -> None:
    assert each.dokku["home"].text == "711"


def test_sudo_rules_are_valid(each: Copy) -> None:
    assert each.dokku["sudoers"].code == 0, each.dokku["sudoers"].text


def test_plugn_has_unpacked_itself_for_root_and_dokku(each: Copy) -> None:
    assert each.dokku["unpacked"].lines == ["/home/dokku/.basher", "/root/.basher"]


def test_nothing_secret_is_baked(each: Copy) -> None:
    assert not [line for line in each.dokku["secrets"].lines if line.startswith("/") and "account" in line]
    assert not re.search(r"^/home/dokku/\.(docker|netrc)\b", each.dokku["secrets"].text, flags=re.MULTILINE)


def test_nothing_gives_users_a_temporary_folder_of_their_own(each: Copy) -> None:
    assert "libpam-tmpdir" not in each.versions


@pytest.mark.throwaway
def test_logs_of_apps_are_rotated(first: Copy) -> None:
    said = first.run(
        """
        set -e
        mkdir -p /var/log/dokku/apps && truncate --size 60M /var/log/dokku/apps/shop.log
        logrotate /etc/logrotate.d/bakery-dokku-apps --state /run/rotated && ls -s /var/log/dokku/apps
        rm -r /var/log/dokku/apps
        """
    )
    assert "shop.log.1" in said


@pytest.mark.throwaway
def test_an_unknown_name_gets_no_answer(first: Copy) -> None:
    said = first.run(
        """
        curl --silent --max-time 20 --output /dev/null --header 'Host: nobody.test' http://127.0.0.1/; echo $?
        curl --silent --max-time 20 --insecure --output /dev/null https://127.0.0.1/; echo $?
        """
    )
    empty_reply, tls_connect_error = "52", "35"
    assert said.split() == [empty_reply, tls_connect_error]


@pytest.mark.throwaway
def test_a_key_pushes_over_ssh_and_nothing_else(first: Copy) -> None:
    """The key of this copy, as dokku has it: over SSH it is dokku, not a shell."""
    said = first.run(
        """
        ssh-keygen -q -t ed25519 -N '' -f /run/pusher
        cat /run/pusher.pub | dokku ssh-keys:add pusher >/dev/null
        quiet='-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes'
        push() { ssh -i /run/pusher $quiet -o IdentitiesOnly=yes dokku@127.0.0.1 "$@"; }
        push version; echo $?
        push id; echo $?
        dokku ssh-keys:remove pusher >/dev/null
        push version 2>&1; echo $?
        rm /run/pusher*
        """
    )
    lines = said.splitlines()
    assert re.fullmatch(r"dokku version [\d.]+", lines[0])
    assert lines[1] == "0"
    assert "uid=" not in said
    assert lines[-1] == "255"
    assert "Permission denied" in said


@pytest.mark.real_dokku
def test_every_helper_answers(first: Copy) -> None:
    helpers = (
        "plugn",
        "sshcommand",
        "docker-container-healthchecker",
        "docker-image-labeler",
        "netrc",
        "procfile-util",
    )
    first.run("; ".join(f"{helper} version >/dev/null || exit" for helper in helpers) + "; sigil -v >/dev/null")


@pytest.mark.real_dokku
def test_docker_has_compose_and_buildx(first: Copy) -> None:
    """By the name that `docker` calls them: a distribution's `docker-compose` may be another program."""
    first.run("docker compose version && docker buildx version")


@pytest.mark.real_dokku
def test_dokku_reports_on_itself(first: Copy) -> None:
    assert "dokku version" in first.run("dokku report 2>&1")
