"""Two machines from one image are strangers to each other and to the bake."""

import re

import pytest

from tests.image.copy import Copy


@pytest.mark.platform
def test_the_machine_id_was_made_here(each: Copy) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", each.facts["machine_id"].text)


@pytest.mark.twin
def test_two_copies_differ_in_machine_id(first: Copy, twin: Copy) -> None:
    assert first.facts["machine_id"] != twin.facts["machine_id"]


@pytest.mark.twin
def test_two_copies_share_no_ssh_host_key(first: Copy, twin: Copy) -> None:
    keys = [set(copy.facts["host_keys"].lines) for copy in (first, twin)]
    assert all(keys)
    assert not keys[0] & keys[1]


@pytest.mark.twin
def test_two_copies_differ_in_docker_engine_id(first: Copy, twin: Copy) -> None:
    assert first.facts["docker_info"].json["ID"] != twin.facts["docker_info"].json["ID"]


@pytest.mark.boot
@pytest.mark.throwaway
def test_the_journal_knows_one_boot(each: Copy) -> None:
    assert each.facts["boots"].text == "1"


@pytest.mark.throwaway
def test_only_the_key_of_this_boot_logs_in(each: Copy) -> None:
    keys = each.facts["authorized_keys"].lines
    assert len(keys) == 1, f"the suite logged in with one key, there are {len(keys)}: {keys}"


@pytest.mark.throwaway
def test_no_shell_history_was_left(each: Copy) -> None:
    assert each.facts["histories"].text == ""


def test_no_account_has_a_password(each: Copy) -> None:
    assert each.facts["passwords"].text == ""


def test_the_machine_knows_what_it_was_made_from(each: Copy, settings: dict[str, str]) -> None:
    for name in ("BAKERY_IMAGE", "BAKERY_BASE", "BAKERY_FINGERPRINT"):
        assert each.settings[name] == settings[name]
    assert "BAKERY_BUILD_USER" not in each.settings
