from typing import Any

import pytest

from bakery.definition.bases import BaseName, base
from bakery.definition.model import Definition
from bakery.sources.packages import docker_packages, native_packages, nginx_packages

BOOKWORM, TRIXIE = base("debian-12"), base("debian-13")


def definition(**values: Any) -> Definition:
    return Definition.model_validate({"name": "shop", **values})


def test_a_version_is_asked_for_the_way_apt_takes_it() -> None:
    assert docker_packages(definition(docker={"version": "20.10.*"}), BOOKWORM) == ("docker.io=20.10.*",)
    assert nginx_packages(definition(nginx={"version": {"debian-12": "1.22.*"}}), BOOKWORM) == ("nginx=1.22.*",)


def test_any_version_is_the_name_alone() -> None:
    assert docker_packages(definition(), BOOKWORM) == ("docker.io",)
    assert nginx_packages(definition(), BOOKWORM) == ("nginx",)


def test_trixie_needs_the_docker_command_apart_and_in_the_same_version() -> None:
    pinned = docker_packages(definition(docker={"version": "26.1.*"}), TRIXIE)
    assert pinned == ("docker.io=26.1.*", "docker-cli=26.1.*", "docker-buildx")


@pytest.mark.parametrize("name", BaseName)
def test_docker_builds_with_buildkit_on_every_base(name: BaseName) -> None:
    """By buildx, but on Debian 12, whose Docker is old enough to do without and whose archive has none."""
    assert ("docker-buildx" in docker_packages(definition(), base(name))) == (name is not BaseName.DEBIAN_12)


def test_dockers_own_packages_are_pinned_where_they_share_a_version() -> None:
    shop = definition(docker={"source": "docker.com", "version": "5:27.*"})
    assert docker_packages(shop, TRIXIE) == (
        *("docker-ce=5:27.*", "docker-ce-cli=5:27.*"),
        *("containerd.io", "docker-buildx-plugin"),
    )


def test_an_image_without_the_step_needs_no_packages_for_it() -> None:
    shop = definition(steps=["system"], packages=["curl"])
    assert docker_packages(shop, BOOKWORM) == nginx_packages(shop, BOOKWORM) == ()
    assert native_packages(shop, BOOKWORM) == ("curl",)


def test_native_packages_are_those_of_the_distribution() -> None:
    shop = definition(packages=["curl"], nginx={"version": "1.22.*"})
    assert native_packages(shop, BOOKWORM) == ("curl", "docker.io", "nginx=1.22.*")


def test_what_vendors_supply_is_not_native() -> None:
    shop = definition(packages=["curl"], docker={"source": "docker.com"}, nginx={"source": "nginx.org"})
    assert native_packages(shop, BOOKWORM) == ("curl",)
