"""A real container behind the real nginx: it answers, in HTTP/2 too, and again after its address has changed."""

from collections.abc import Iterator

import pytest

from tests.image import apps
from tests.image.copy import Copy
from tests.image.test_health import PROBE
from tests.image.test_health import ask as ask_health

pytestmark = [pytest.mark.dokku, pytest.mark.throwaway]
NAME = "web"
ADDRESS = "{{.NetworkSettings.Networks.bridge.IPAddress}}"


@pytest.fixture(scope="module")
def container(first: Copy) -> Iterator[str]:
    with apps.deployed(first, name=NAME) as container:
        yield container


def test_an_app_answers_at_its_name(first: Copy, container: str) -> None:
    address = first.run(f"docker inspect --format '{ADDRESS}' {container}").strip()
    assert first.run(apps.ask(NAME)) == f"app at {address}\n"


@pytest.mark.usefixtures("container")
def test_health_counts_the_days_of_the_certificate_that_ends_first(first: Copy, settings: dict[str, str]) -> None:
    made = apps.certificate("old", days=3, folder="/home/dokku/old/tls")
    answer, _, body = ask_health(
        first, settings, before=f"{{ {made} && {PROBE}; }}", after=f"rm -r /home/dokku/old; {PROBE}"
    )
    assert (answer, body["checks"]["certificates"]["ok"]) == (200, True)
    assert body["checks"]["certificates"]["value"] in {2, 3}  # asked in the second in which it was made, or later


def test_a_restarted_container_is_found_at_its_new_address(first: Copy, container: str) -> None:
    """docker gives the lowest free address: another container takes the app's while that is stopped."""
    said = first.run(
        f"""
        set -e
        address() {{ docker inspect --format '{ADDRESS}' $1; }}
        before=$(address {container})
        docker stop --time 1 {container} >/dev/null
        thief=$(docker run --detach {apps.IMAGE})
        docker start {container} >/dev/null
        after=$(address {container})
        for i in $(seq 30); do
          said=$({apps.ask(NAME)}); [ "$said" = "app at $after" ] && break; sleep 2
        done
        docker rm --force $thief >/dev/null
        echo "$before"; echo "$after"; echo "$said"
        """
    ).splitlines()
    assert len(said) == 3, said
    before, after, answer = said
    assert before != after
    assert answer == f"app at {after}"


def test_docker_restart_brings_an_app_back(first: Copy, container: str) -> None:
    said = first.run(f"docker restart --time 1 {container} >/dev/null && {apps.ask(NAME)}")
    assert said.startswith("app at 172.")


@pytest.mark.usefixtures("container")
def test_the_clean_up_leaves_a_deployed_app_alone(first: Copy) -> None:
    """Also when it is stopped for longer than anything is kept: its image has a name."""
    said = first.run(
        f"""
        set -e
        before=$(docker ps --quiet --filter label=com.dokku.app-name={NAME})
        . /etc/bakery/image.env; export BAKERY_CLEANUP_KEEP_HOURS
        bakery-cleanup --now >/dev/null 2>&1
        [ "$before" = "$(docker ps --quiet --filter label=com.dokku.app-name={NAME})" ]
        dokku ps:stop {NAME} >/dev/null
        bakery-cleanup --now >/dev/null 2>&1
        dokku ps:start {NAME} >/dev/null
        {apps.ask(NAME)}
        """
    )
    assert said.startswith("app at 172.")


# The last one, because with a certificate port 80 only redirects.
@pytest.mark.usefixtures("container")
def test_an_app_answers_in_http2_with_a_certificate_of_its_own(first: Copy) -> None:
    tls = "/run/bakery-test"
    asked = apps.ask(NAME, port=443, options=f"--http2 --cacert {tls}/server.crt --write-out '%{{http_version}}'")
    said = first.run(
        f"""
        set -e
        {apps.certificate(NAME, days=40, folder=tls)}
        tar -c -C {tls} server.crt server.key | dokku certs:add {NAME} >/dev/null
        {asked}
        rm -r {tls}
        """
    ).splitlines()
    assert said[0].startswith("app at 172.")
    assert said[1] == "2"
