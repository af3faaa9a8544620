"""A reboot: apps come back by themselves, and until they are back the machine does not call itself healthy."""

from collections.abc import Iterator

import pytest

from tests.image import apps
from tests.image.copy import Copy
from tests.image.test_health import PROBE

pytestmark = [pytest.mark.dokku, pytest.mark.throwaway, pytest.mark.reboot]
NAME = "back"
ASKED = 10
"""How often the app is asked while its restore is held back, a second apart."""
GO = "/run/bakery-restore-may-begin"
HOLD = "/etc/systemd/system/dokku-redeploy.service.d/hold.conf"
POLL = "/etc/systemd/system/bakery-poll.service"
HEALTH = "curl --silent --max-time 20 http://127.0.0.1:$(. /etc/bakery/image.env; echo $BAKERY_HEALTH_PORT)/health"
KEYS = "SSHCOMMAND_IGNORE_LIST_WARNINGS=true dokku ssh-keys:list --format json | jq length"


@pytest.fixture(scope="module")
def story(last: Copy) -> Iterator[dict[str, str]]:
    """Reboot a copy with an app on it, whose restore is held back so that there is time to ask."""
    with apps.deployed(last, name=NAME):
        keys = last.run(
            f"""
            set -e
            {KEYS}
            mkdir -p {HOLD.rpartition("/")[0]}
            printf '[Service]\\nExecStartPre=/bin/sh -c "until [ -e {GO} ]; do sleep 1; done"\\n' >{HOLD}
            {apps.ask(NAME)} >/dev/null
            docker run --detach --restart=no {apps.IMAGE} >/dev/null
            cat >/usr/local/bin/bakery-poll <<'END'
{apps.poll(NAME, pause_s=1)} >/run/polled
END
            printf '%s\\n' [Service] 'ExecStart=bash /usr/local/bin/bakery-poll' [Install] WantedBy=basic.target >{POLL}
            systemctl enable --quiet {POLL.rpartition("/")[2]}
            """
        )
        last.reboot()
        said = last.run(
            f"""
            for i in $(seq 120); do
              during=$({HEALTH}); grep -qE '"(restoring|healthy|degraded)"' <<<"$during" && break; sleep 1
            done
            echo "during=$during"
            for i in $(seq 120); do [ "$(grep -c 200 /run/polled)" -ge {ASKED} ] && break; sleep 1; done
            echo "meanwhile=$(cut -d' ' -f2 /run/polled | xargs)"
            touch {GO}
            for i in $(seq 300); do [ -e /run/bakery-restore/ended ] && break; sleep 1; done
            sleep 5; touch /run/enough
            echo "polled=$(cut -d' ' -f2 /run/polled | xargs)"
            {PROBE}
            echo "after=$({HEALTH})"
            echo "answer=$({apps.ask(NAME)})"
            address=$(docker inspect --format '{{{{.NetworkSettings.Networks.bridge.IPAddress}}}}' \\
              $(docker ps --quiet --filter label=com.dokku.app-name={NAME}))
            echo "address=$address"
            echo "keys=$({KEYS})"
            echo "firstboot=$(systemctl show --value --property=ConditionResult bakery-firstboot.service)"
            echo "swap=$(grep -c /var/lib/bakery/swap /proc/swaps)"
            systemctl disable --quiet {POLL.rpartition("/")[2]}; rm {HOLD} {POLL} /usr/local/bin/bakery-poll /run/enough
            systemctl daemon-reload
            """
        )
        yield {"keys_before": keys.strip(), **dict(line.split("=", 1) for line in said.splitlines())}


def test_until_the_apps_are_back_health_says_restoring(story: dict[str, str]) -> None:
    assert '"status":"restoring"' in story["during"]
    assert '"restore":{"ok":false,"value":"waiting"}' in story["during"]


def test_an_app_that_is_back_is_not_taken_away_again(story: dict[str, str]) -> None:
    """Docker starts its container long before the restore, which is held back here."""
    meanwhile, codes = story["meanwhile"].split(), story["polled"].split()
    assert meanwhile.count("200") >= ASKED, "it did not answer before its restore began"
    assert set(codes[codes.index("200") :]) == {"200"}, codes


def test_an_app_is_back_after_a_reboot(story: dict[str, str]) -> None:
    assert story["answer"] == f"app at {story['address']}"


def test_afterwards_the_machine_is_healthy(story: dict[str, str], last: Copy) -> None:
    # What the owner got wrong at first boot is as wrong after a reboot.
    well = "healthy" if last.facts["firstboot"].json["status"] == "done" else "degraded"
    assert f'"status":"{well}"' in story["after"]
    assert '"restore":{"ok":true,"value":"done"}' in story["after"]


def test_first_boot_does_not_run_again(story: dict[str, str]) -> None:
    assert story["firstboot"] == "no"
    assert int(story["keys"]) == int(story["keys_before"])


def test_swap_is_on_again(story: dict[str, str], settings: dict[str, str]) -> None:
    assert story["swap"] == ("1" if int(settings["BAKERY_SWAP_GB"]) else "0")
