"""First boot: the platform's keys, and what the second copy's owner asks for (bakery/guests/verify.py has the file)."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.image.copy import Copy

FIRSTBOOT = "bakery-firstboot.service"


def result(copy: Copy) -> Any:
    assert copy.facts["firstboot"].code == 0, copy.facts["firstboot"].text
    return copy.facts["firstboot"].json


@pytest.fixture(scope="module")
def node() -> Any:
    """What the second copy was told."""
    return json.loads(Path(os.environ["BAKERY_NODE_FILE"]).read_text())


@pytest.mark.throwaway
def test_first_boot_ends_well_without_anything_from_the_owner(first: Copy) -> None:
    assert result(first)["status"] == "done", first.facts["firstboot_journal"].text
    assert all(task["ok"] for task in result(first)["tasks"].values())


def test_first_boot_runs_once(each: Copy) -> None:
    active, enabled = each.units[FIRSTBOOT]
    assert (active, enabled) == ("inactive", "enabled")
    assert each.run("ls /var/lib/bakery/firstboot.done").strip() == "/var/lib/bakery/firstboot.done"


@pytest.mark.node_file
def test_the_owners_mistakes_are_told_and_stop_nothing(twin: Copy) -> None:
    told = result(twin)
    assert told["status"] == "problems", twin.facts["firstboot_journal"].text
    wrong = {name: task["detail"] for name, task in told["tasks"].items() if not task["ok"]}
    assert wrong.keys() == {"node_file", "keys"}
    assert "did you mean 'domain'?" in wrong["node_file"]
    assert "ssh_keys.no key" in wrong["keys"]
    assert "ssh_keys.cut: no public key that ssh-keygen can read: it is cut" in wrong["keys"]
    for line in ("node_file: domian: unknown key", "keys: ssh_keys.no key", "keys: ssh_keys.cut"):
        assert line in twin.facts["firstboot_journal"].text


@pytest.mark.node_file
def test_what_the_owner_wrote_can_be_read_by_root_alone(twin: Copy) -> None:
    assert twin.run("stat -c '%U %a' /etc/bakery/node.yaml").split() == ["root", "600"]


@pytest.mark.node_file
@pytest.mark.dokku
def test_the_owners_domain_is_dokkus_global_domain(twin: Copy, node: Any) -> None:
    assert twin.run("cat /home/dokku/VHOST").split() == [node["domain"]]


@pytest.mark.node_file
@pytest.mark.dokku
def test_the_owners_settings_reach_the_plugin_and_no_log(twin: Copy, node: Any) -> None:
    assert result(twin)["tasks"]["settings"] == {"ok": True, "detail": "3 settings"}
    told = node["settings"]["letsencrypt"]
    report = twin.run("dokku letsencrypt:report --global")
    assert told["email"] in report
    assert told["dns-provider"] in report
    # Credentials of a DNS provider: nowhere but with the plugin, also not in what sudo says about its commands. The
    # question itself goes through sudo, so it must not have the words in it that it looks for.
    secret = told["dns-provider-EXEC_PATH"]
    hidden = base64.b64encode(secret.encode()).decode()
    where = twin.run(
        f"""
        secret=$(base64 -d <<<{hidden})
        grep -rlF "$secret" /var/lib/dokku/config/letsencrypt /var/log || true
        echo lines: $(journalctl --quiet --output=cat | grep -cF "$secret")
        """
    ).splitlines()
    assert where[-1] == "lines: 0"
    assert where[:-1]
    assert all(path.startswith("/var/lib/dokku/config/letsencrypt/") for path in where[:-1])
    assert secret not in twin.facts["firstboot"].text


@pytest.mark.node_file
@pytest.mark.dokku
def test_the_owners_certificate_serves_its_app(twin: Copy, node: Any) -> None:
    served = twin.run("cat /home/dokku/shop/tls/server.crt")
    assert hashlib.sha256(served.strip().encode()).digest() == (
        hashlib.sha256(node["certificates"]["shop"]["crt"].strip().encode()).digest()
    )


@pytest.mark.node_file
@pytest.mark.dokku
def test_renewal_is_switched_on_for_those_who_set_letsencrypt_up(first: Copy, twin: Copy) -> None:
    assert first.units["bakery-certificate-renewal.timer"] == ("inactive", "disabled")
    assert twin.units["bakery-certificate-renewal.timer"] == ("active", "enabled")


@pytest.mark.dokku
def test_renewal_has_a_minute_of_its_own_on_each_machine(each: Copy) -> None:
    timer = each.run("systemctl cat bakery-certificate-renewal.timer")
    assert {"FixedRandomDelay=true", "RandomizedDelaySec=6h"} <= set(timer.splitlines())
    assert "letsencrypt" not in each.dokku["crontab"].text  # which would be the same minute everywhere


def fingerprints(copy: Copy) -> list[str]:
    return sorted(key["fingerprint"] for key in copy.dokku["keys"].json) if copy.dokku["keys"].text.strip() else []


def fingerprint_of(copy: Copy, key: str) -> str:
    return copy.run(f"ssh-keygen -lf - <<<'{key}'").split()[1]


def expected(copy: Copy, settings: dict[str, str]) -> list[str]:
    """Return the fingerprints of the key that this copy was started with and of those in its definition."""
    baked = [" ".join(word.split(":")[2:]) for word in settings["BAKERY_SSH_KEYS"].split()]
    return sorted({fingerprint_of(copy, key) for key in [*copy.facts["authorized_keys"].lines, *baked]})


@pytest.mark.throwaway
@pytest.mark.dokku
def test_dokku_has_the_platforms_key_and_the_definitions_and_no_other(first: Copy, settings: dict[str, str]) -> None:
    assert fingerprints(first) == expected(first, settings)


@pytest.mark.node_file
@pytest.mark.dokku
def test_dokku_has_the_owners_keys_too(twin: Copy, settings: dict[str, str], node: Any) -> None:
    owners = fingerprint_of(twin, node["ssh_keys"]["deployer"])
    assert fingerprints(twin) == sorted({*expected(twin, settings), owners})
    assert next(key["name"] for key in twin.dokku["keys"].json if key["fingerprint"] == owners) == "deployer"


@pytest.mark.node_file
@pytest.mark.dokku
def test_who_only_pushes_does_not_log_in(twin: Copy, node: Any) -> None:
    assert node["ssh_keys"]["deployer"].split()[1] not in twin.facts["authorized_keys"].text


@pytest.mark.throwaway
@pytest.mark.dokku
def test_first_boot_again_changes_nothing(first: Copy) -> None:
    look = "find /home/dokku /root/.ssh /home/*/.ssh /var/lib/dokku/config -type f -exec sha256sum {} + | sort"
    before, after = first.run(f"{look}; echo ==; bakery-firstboot >/dev/null; {look}").split("==\n")
    assert before == after


@pytest.mark.throwaway
@pytest.mark.dokku
def test_vagrants_well_known_key_never_reaches_dokku(first: Copy) -> None:
    from bakery.vagrant.vagrantfile import INSECURE_PUBLIC_KEY

    user = first.run("getent passwd 1000 | cut -d: -f6").strip()
    keys = first.run(
        f"""
        echo '{INSECURE_PUBLIC_KEY}' >>{user}/.ssh/authorized_keys
        bakery-firstboot >/dev/null; sed -i '$d' {user}/.ssh/authorized_keys
        dokku ssh-keys:list --format json
        """
    )
    assert INSECURE_PUBLIC_KEY.split()[1] not in keys
    assert len(json.loads(keys)) == len(first.dokku["keys"].json)
