"""What cannot be launched is refused before any cloud is asked, and user-data is what the machine understands."""

import json
from pathlib import Path
from typing import Any

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.release import launch_order
from bakery.release.launch_order import Order


def order(**fields: Any) -> Order:
    return Order(**{"image": "host", "regions": ("eu-west-2",)} | fields)


@pytest.mark.parametrize(
    ("fields", "message", "hint"),
    [
        ({"regions": ()}, "--region is missing", "--region eu-west-2"),
        ({"count": 0}, "--count 0: 1 to 20 machines", "--count 20"),
        ({"count": 21}, "--count 21: 1 to 20 machines", "--count 20"),
        ({"source": "catalogue"}, "--from catalogue: there is no such source", "did you mean 'catalog'?"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(BakeryError, match=message) as caught:
        order(**fields)
    assert (caught.value.exit_code, caught.value.hint) == (ExitCode.IMPOSSIBLE, hint)


def test_twenty_machines_are_the_most() -> None:
    assert order(count=20).count == 20


def test_without_either_there_is_no_user_data() -> None:
    assert launch_order.user_data() == b""


@pytest.mark.parametrize("domain", ["apps.example.com", "sslip", "none", "xn--bcher-kva.example"])
def test_a_domain_becomes_the_file_that_the_first_boot_reads(domain: str) -> None:
    text = launch_order.user_data(domain=domain).decode()
    assert text.startswith("#cloud-config\n")
    (file,) = json.loads(text.partition("\n")[2])["write_files"]
    assert (file["path"], file["permissions"]) == ("/etc/bakery/node.yaml", "0600")
    assert json.loads(file["content"]) == {"domain": domain}


@pytest.mark.parametrize("domain", ["localhost", "apps..example.com", "http://example.com", "-a.example", "a b.c"])
def test_what_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(BakeryError, match="no domain such as") as caught:
        launch_order.user_data(domain=domain)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_a_file_and_a_domain_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(BakeryError, match="exclude each other") as caught:
        launch_order.user_data(file=str(tmp_path / "data"), domain="apps.example.com")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert "/etc/bakery/node.yaml" in caught.value.hint


def test_a_file_is_read_as_cloud_init_will(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("#!/bin/sh\necho ü\n", encoding="utf-8")
    assert launch_order.user_data(file=str(tmp_path / "data")) == "#!/bin/sh\necho ü\n".encode()
