"""Which machines are asked what, and how one that runs already is reached."""

import functools
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

from bakery.core import ports
from bakery.core.errors import BakeryError, ExitCode
from bakery.guests import verify
from bakery.guests.accelerator import Accelerator


@pytest.mark.parametrize("url", ["192.0.2.7", "http://192.0.2.7", "ssh://", "ssh://host;reboot"])
def test_what_is_no_ssh_address_is_refused(url: str) -> None:
    with pytest.raises(BakeryError, match="is not an address") as caught:
        verify.require_login(url, key="")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_a_key_that_is_not_there_is_refused() -> None:
    with pytest.raises(BakeryError, match="--key /no/such/key: there is no such file"):
        verify.require_login("ssh://root@127.0.0.1", key="/no/such/key")


def test_a_machine_that_does_not_answer_is_exit_code_3() -> None:
    url = f"ssh://root@127.0.0.1:{ports.free_port()}"
    with pytest.raises(BakeryError, match=r"does not let us in: .*refused") as caught:
        verify.require_login(url, key="")
    assert caught.value.exit_code is ExitCode.MISSING


def subject(folder: Path, *, packages: str = "''") -> verify.Subject:
    settings = folder / "settings"
    settings.write_text(f"BAKERY_IMAGE=x\nBAKERY_DOKKU_PACKAGES={packages}\nBAKERY_DOKKU_HEROKUISH=0\n")
    return verify.Subject(disk=folder / "disk.qcow2", size_gb=40, user="debian", settings=settings)


def panels(folder: Path, name: str, **more: str) -> dict[str, list[tuple[str, int, str]]]:
    """Return for each panel which copies it has (name, size, what they are given) and what they are asked."""
    node_file = folder / "node.yaml"
    node_file.write_text("{}")
    made = verify.panels(subject(folder, **more), node_file=node_file, accelerator=Accelerator(name=name, reason=""))
    return {
        panel.name: [(one.name, one.size_gb, "".join(one.secret_files.values())) for one in panel.machines]
        for panel in made
    }


@pytest.mark.parametrize("name", ["kvm", "tcg"])
def test_two_guests_are_asked_everything(name: str, tmp_path: Path) -> None:
    assert panels(tmp_path, name) == {"guest": [("first", 40, ""), ("second", 60, "{}")]}


def test_native_machines_are_asked_beside_one_guest_with_a_larger_disk(tmp_path: Path) -> None:
    assert panels(tmp_path, "native") == {
        "native": [("first", 40, ""), ("second", 60, "{}")],
        "guest": [("guest", 60, "")],
    }


def test_where_dokku_is_another_native_machine_is_asked_what_waits_for_minutes(tmp_path: Path) -> None:
    made = panels(tmp_path, "native", packages="'dokku=0.38.*'")
    assert list(made) == ["native", "native waiting", "guest"]
    assert made["native waiting"] == [("third", 40, "")]


def is_in(marked: set[str], name: str, /, **_: object) -> bool:
    return name in marked


MARKS = [*verify.REAL, verify.WAITING]


@pytest.mark.parametrize("packages", ["''", "'dokku=0.38.*'"])
def test_every_test_is_asked_in_one_panel_and_in_no_other(packages: str, tmp_path: Path) -> None:
    native = Accelerator(name="native", reason="")
    node_file = tmp_path / "node.yaml"
    node_file.write_text("{}")
    made = verify.panels(subject(tmp_path, packages=packages), node_file=node_file, accelerator=native)
    # Without dokku no test is left that waits (test_image_suite.py).
    marks = MARKS if packages != "''" else list(verify.REAL)
    for marked in (
        set[str](),
        *({one} for one in marks),
        *({one, verify.WAITING} for one in marks if packages != "''"),
    ):
        asked = [panel for panel in made if Expression.compile(panel.only).evaluate(functools.partial(is_in, marked))]
        assert len(asked) == 1, marked


def test_what_needs_a_guest_is_never_said_of_a_native_machine(tmp_path: Path) -> None:
    native = Accelerator(name="native", reason="")
    node_file = tmp_path / "node.yaml"
    node_file.write_text("{}")
    *natives, guests = verify.panels(subject(tmp_path), node_file=node_file, accelerator=native)
    assert guests.accelerator.name in ("kvm", "tcg")
    for panel in natives:
        assert panel.accelerator is native
        assert panel.told == {"BAKERY_CONSOLES": ""}
