"""What restarts beneath apps: whoever asks one meanwhile gets an answer, and gets it from that app."""

from collections.abc import Iterator

import pytest

from tests.image import apps
from tests.image.copy import Copy

pytestmark = [pytest.mark.dokku, pytest.mark.throwaway]
ONE, TWO = "one", "two"
# Docker answers, the restore has ended, and the event listener is there again, which systemd starts after ten seconds.
RESTORED = """
    sleep 2
    for i in $(seq 300); do
        docker version >/dev/null 2>&1 && systemctl is-active --quiet dokku-event-listener.service &&
            [ "$(systemctl show --value --property=ActiveState dokku-redeploy.service)" = inactive ] && break
        sleep 1
    done
"""


@pytest.fixture(scope="module", autouse=True)
def _deployed(first: Copy) -> Iterator[None]:
    with apps.deployed(first, name=ONE), apps.deployed(first, name=TWO):
        yield


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("systemctl restart docker.service", id="restarted"),
        pytest.param("systemctl kill --signal=KILL docker.service; sleep 5", id="killed"),
        # What the packages of a new version do when they are installed, without one that would have to be there.
        pytest.param(
            """for name in containerd.io containerd docker-ce docker.io; do
                ! dpkg-query --show $name 2>/dev/null || dpkg-reconfigure --frontend=noninteractive $name
            done""",
            id="upgraded",
        ),
    ],
)
def test_an_app_answers_while_docker_is(first: Copy, what: str) -> None:
    said = first.run(
        f"""
        systemctl reset-failed docker.service docker.socket containerd.service # which may start three times a minute
        containers=$(docker ps --quiet | sort)
        rm -f /run/enough; ({apps.poll(ONE, TWO)}) >/run/polled &
        {{ {what}; {RESTORED} }} >&2
        touch /run/enough; wait; rm /run/enough
        [ "$containers" = "$(docker ps --quiet | sort)" ] || echo "other containers"
        cat /run/polled
        """
    )
    lines = said.splitlines()
    assert len(lines) >= 10, said
    assert set(lines) == {f"{ONE} 200", f"{TWO} 200"}, said


def test_an_app_at_another_address_is_found_there_before_anything_is_started(first: Copy) -> None:
    """As after a boot, when the addresses go to containers in whatever order they start."""
    said = first.run(
        f"""
        set -e
        address() {{ docker inspect --format '{{{{.NetworkSettings.Networks.bridge.IPAddress}}}}' $1; }}
        one=$(docker ps --quiet --filter label=com.dokku.app-name={ONE})
        two=$(docker ps --quiet --filter label=com.dokku.app-name={TWO})
        systemctl stop dokku-event-listener.service # which would see to it, but knows nothing of before a boot
        docker stop --time 1 $one $two >/dev/null
        docker start $two >/dev/null; docker start $one >/dev/null
        address $one; address $two
        systemctl start dokku-redeploy.service
        systemctl start dokku-event-listener.service; {RESTORED}
        {apps.ask(ONE)}; {apps.ask(TWO)}
        """
    )
    one, two, *answers = said.splitlines()
    assert one != two
    assert answers == [f"app at {one}", f"app at {two}"]


def test_one_that_was_stopped_stays_stopped(first: Copy) -> None:
    said = first.run(
        f"""
        set -e
        dokku ps:stop {TWO} >/dev/null
        systemctl reset-failed docker.service
        systemctl restart docker.service; {RESTORED}
        docker ps --quiet --filter label=com.dokku.app-name={TWO} | wc -l
        dokku ps:start {TWO} >/dev/null
        {apps.ask(TWO)}
        """
    )
    stopped, answer = said.splitlines()
    assert stopped == "0"
    assert answer.startswith("app at 172.")
