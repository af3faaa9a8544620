"""Vendors' archives: where they are, whose signature counts, and how a guest reaches a mirror on this machine."""

from typing import Any

import pytest

from bakery.definition.bases import base
from bakery.definition.model import Definition
from bakery.sources.packages import docker_plugins
from bakery.sources.vendors import from_guest, vendors_of

BOOKWORM, TRIXIE = base("debian-12"), base("debian-13")


def definition(**values: Any) -> Definition:
    return Definition.model_validate({"name": "shop", **values})


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("http://127.0.0.1:8080/dokku", "http://10.0.2.2:8080/dokku"),
        ("http://localhost/dokku", "http://10.0.2.2/dokku"),
        ("https://mirror.example/localhost", "https://mirror.example/localhost"),
    ],
)
def test_a_guest_reaches_the_baking_machine_by_another_address(url: str, seen: str) -> None:
    assert from_guest(url) == seen


def test_who_asks_for_nothing_gets_the_distribution_alone() -> None:
    assert vendors_of(definition(), BOOKWORM) == {}


def test_a_mirror_has_the_vendors_folders_and_its_own_key() -> None:
    there = {"archive": "https://mirror.example/x", "archive_key": "AB" * 20}
    shop = definition(
        docker={"source": "docker.com", **there},
        nginx={"source": "nginx.org", "channel": "mainline", **there},
        steps=["docker", "nginx", "firstboot", "dokku"],
        dokku=there,
    )
    found = vendors_of(shop, TRIXIE)
    assert {name: (vendor.source.uri, vendor.key_url) for name, vendor in found.items()} == {
        "docker.com": ("https://mirror.example/x/linux/debian", "https://mirror.example/x/linux/debian/gpg"),
        "nginx.org": (
            "https://mirror.example/x/packages/mainline/debian",
            "https://mirror.example/x/keys/nginx_signing.key",
        ),
        "dokku": ("https://mirror.example/x/debian", "https://mirror.example/x/gpgkey"),
    }
    assert {vendor.key for vendor in found.values()} == {"AB" * 20}


@pytest.mark.parametrize(
    ("name", "plugins"),
    [
        ("debian-13", ("docker-compose", "docker-buildx")),
        ("ubuntu-22.04", ("docker-compose-v2", "docker-buildx")),
        ("ubuntu-24.04", ("docker-compose-v2", "docker-buildx")),
        ("ubuntu-26.04", ("docker-compose-v2", "docker-buildx")),
    ],
)
def test_compose_and_buildx_are_the_distributions_where_it_has_both(name: str, plugins: tuple[str, str]) -> None:
    shop = definition(steps=["docker", "nginx", "firstboot", "dokku"])
    assert set(vendors_of(shop, base(name))) == {"dokku"}
    assert docker_plugins(shop, base(name)) == plugins


def test_debian_12_has_no_buildx_so_both_are_dockers_own() -> None:
    shop = definition(steps=["docker", "nginx", "firstboot", "dokku"])
    assert set(vendors_of(shop, BOOKWORM)) == {"docker.com", "dokku"}
    assert docker_plugins(shop, BOOKWORM) == ("docker-compose-plugin", "docker-buildx-plugin")


def test_dokkus_packages_for_ubuntu_26_are_those_for_24() -> None:
    """dokku's bootstrap takes them (dokku#8791); a suite of its own has none of the version that is pinned."""
    shop = definition(steps=["docker", "nginx", "firstboot", "dokku"], docker={"source": "docker.com"})
    suites = {name: vendor.source.suite for name, vendor in vendors_of(shop, base("ubuntu-26.04")).items()}
    assert suites == {"dokku": "noble", "docker.com": "resolute"}
    assert vendors_of(shop, BOOKWORM)["dokku"].source.suite == "bookworm"
