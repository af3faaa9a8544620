"""Docker and nginx are the versions that were asked for, and apt does not move them."""

from fnmatch import fnmatchcase

from tests.image.copy import Copy


def asked(settings: dict[str, str]) -> list[tuple[str, str]]:
    """Return (package, version glob) of all that is pinned or held."""
    words = f"{settings['BAKERY_DOCKER_PACKAGES']} {settings['BAKERY_NGINX_PACKAGES']}".split()
    return [(name, glob or "*") for name, _, glob in (word.partition("=") for word in words)]


def test_docker_and_nginx_are_at_the_versions_asked_for(each: Copy, settings: dict[str, str]) -> None:
    for package, glob in asked(settings):
        assert fnmatchcase(each.versions[package], glob), f"{package} is {each.versions[package]}, want {glob}"


def test_docker_and_nginx_are_held(each: Copy, settings: dict[str, str]) -> None:
    assert {package for package, _ in asked(settings)} <= set(each.facts["lists"].lines)
