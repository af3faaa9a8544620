import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.core.http import Source, ask
from bakery.definition.bases import Base, BaseFrom, base
from bakery.definition.model import Definition
from bakery.sources import preflight as under_test
from bakery.sources.apt import AptSource, Mirrors, Origin, vendor_mirrors
from bakery.sources.preflight import Demand, preflight, sources_of
from tests.core.test_reasons import forget_proxies, unknown_name
from tests.loopback import Loopback, serving

VERSIONS = {"nginx": ["1.22.1-9+deb12u9", "1.22.1-9+deb12u11"], "docker.io": ["20.10.24+dfsg1-1"]}


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(under_test, "mirrors_for", lambda _base: None)
    with serving() as loopback:
        loopback.add_suite("/debian", "bookworm", VERSIONS)
        yield loopback


def mirrors(archive: Loopback, *, suites: tuple[str, ...] = ("bookworm",), origin: Origin = Origin.HOST) -> Mirrors:
    sources = (AptSource(uri=f"{archive.url}/debian", suite=suite, components=("main",)) for suite in suites)
    return Mirrors(origin=origin, sources=tuple(sources))


def demand(archive: Loopback, *, base_from: BaseFrom = BaseFrom.ARCHIVE, **values: Any) -> Demand:
    layer = Definition.model_validate({"name": "shop", **values})
    return Demand(layers=[layer], base=base("debian-12"), base_from=base_from, mirrors=mirrors(archive))


def refusal(order: Demand, *, deadline_s: float = 5) -> BakeryError:
    with pytest.raises(BakeryError) as caught:
        preflight(order, deadline_s=deadline_s)
    return caught.value


def source(url: str) -> Source:
    return Source(name="bookworm", url=url, needed_for="packages")


def test_what_answers_is_told_by_its_hash(archive: Loopback) -> None:
    (url,) = (archive.url + path for path in archive.pages if path.endswith("InRelease"))
    first = preflight(demand(archive))
    assert list(first) == [url]
    archive.add_suite("/debian", "bookworm", {**VERSIONS, "new": ["1"]})
    assert preflight(demand(archive))[url] != first[url]


@pytest.mark.parametrize("status", [404, 500])
def test_an_error_is_no_answer(archive: Loopback, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    archive.pages["/debian/dists/bookworm/InRelease"] = status
    error = refusal(demand(archive))
    assert error.exit_code == ExitCode.MISSING
    assert error.message == "debian-12: no answer from bookworm"
    assert f"HTTP {status}" in capsys.readouterr().err


def test_a_source_that_never_answers_is_given_up_at_the_deadline(archive: Loopback) -> None:
    archive.pages["/silent"] = None
    began = time.monotonic()
    silent, quick = ask([source(f"{archive.url}/silent"), source(f"{archive.url}/missing")], deadline_s=0.3)
    assert time.monotonic() - began < 3
    assert (silent.problem, quick.problem) == ("no answer within 0.3 s", "HTTP 404")


def test_the_deadline_is_one_for_all(archive: Loopback) -> None:
    pages = [f"/silent{number}" for number in range(20)]
    archive.pages |= dict.fromkeys(pages)
    began = time.monotonic()
    answers = ask([source(archive.url + page) for page in pages], deadline_s=0.3)
    assert time.monotonic() - began < 3
    assert not any(answer.is_ok for answer in answers)


def test_nobody_listening_is_no_answer() -> None:
    (answer,) = ask([source("http://127.0.0.1:1/")])
    assert "refused" in answer.problem


def test_one_address_is_asked_once_and_answered_for_everyone(archive: Loopback) -> None:
    url = f"{archive.url}/debian/dists/bookworm/InRelease"
    answers = ask([source(url), source(url)])
    assert [answer.is_ok for answer in answers] == [True, True]
    assert len(archive.asked) == 1


def test_an_archive_base_needs_every_suite(archive: Loopback) -> None:
    order = Demand(
        layers=[Definition.model_validate({"name": "shop"})],
        base=base("debian-12"),
        base_from=BaseFrom.ARCHIVE,
        mirrors=mirrors(archive, suites=("bookworm", "bookworm-security")),
    )
    assert [one.name for one in sources_of(order)] == ["bookworm", "bookworm-security"]


def test_a_cloud_base_needs_its_checksums_and_the_archive_its_guest_installs_from(archive: Loopback) -> None:
    layer = Definition.model_validate({"name": "shop"})
    order = Demand(layers=[layer], base=base("ubuntu-24.04"), base_from=BaseFrom.CLOUD, mirrors=None)
    assert [one.name for one in sources_of(order)] == ["cloud image", "noble", "noble-updates", "noble-security"]


@pytest.mark.parametrize(
    ("channel", "url"),
    [
        ("stable", "https://nginx.org/packages/debian/dists/bookworm/InRelease"),
        ("mainline", "https://nginx.org/packages/mainline/debian/dists/bookworm/InRelease"),
    ],
)
def test_vendors_are_asked_when_the_definition_wants_them(archive: Loopback, channel: str, url: str) -> None:
    order = demand(archive, docker={"source": "docker.com"}, nginx={"source": "nginx.org", "channel": channel})
    assert [one.url for one in sources_of(order)][1:] == [
        "https://download.docker.com/linux/debian/dists/bookworm/InRelease",
        "https://download.docker.com/linux/debian/gpg",
        url,
        "https://nginx.org/keys/nginx_signing.key",
    ]


def test_layers_that_need_the_same_source_ask_once(archive: Loopback) -> None:
    one = demand(archive, docker={"source": "docker.com"})
    both = Demand(layers=[*one.layers, *one.layers], base=one.base, base_from=one.base_from, mirrors=one.mirrors)
    assert len(sources_of(both)) == len(sources_of(one)) == 3


@pytest.fixture
def vendors_at(archive: Loopback) -> Loopback:
    """A mirror of docker.com and nginx.org on this machine that has their keys and nothing else yet."""
    archive.pages |= {"/linux/debian/gpg": b"a key", "/keys/nginx_signing.key": b"a key"}
    return archive


def mirrored(archive: Loopback, *, docker: dict[str, Any] | None = None, nginx: dict[str, Any] | None = None) -> Demand:
    values: dict[str, Any] = {}
    for name, table in (("docker", docker), ("nginx", nginx)):
        if table is not None:
            values[name] = {**table, "archive": archive.url}
    return demand(archive, **values)


def test_a_silent_vendor_can_be_replaced_by_the_distribution(vendors_at: Loopback) -> None:
    error = refusal(mirrored(vendors_at, docker={"source": "docker.com"}, nginx={"source": "nginx.org"}))
    assert error.message == "debian-12: no answer from docker.com, nginx.org"
    assert error.hint == 'docker.source = "distro" and nginx.source = "distro" in images/*.toml (images/README.md)'


def test_a_vendors_answer_is_no_part_of_the_bases_identity(vendors_at: Loopback) -> None:
    vendors_at.add_suite("/linux/debian", "bookworm", {"docker-ce": ["5:27.3.1-1"]}, component="stable")
    order = mirrored(vendors_at, docker={"source": "docker.com"})
    assert list(preflight(order)) == [f"{vendors_at.url}/debian/dists/bookworm/InRelease"]


def test_a_pin_is_looked_up_where_the_package_comes_from(vendors_at: Loopback) -> None:
    versions = {"docker-ce": ["5:27.3.1-1"], "docker-ce-cli": ["5:27.3.1-1"]}
    vendors_at.add_suite("/linux/debian", "bookworm", versions, component="stable")
    preflight(mirrored(vendors_at, docker={"source": "docker.com", "version": "5:27.*"}))
    error = refusal(mirrored(vendors_at, docker={"source": "docker.com", "version": "27.*"}))
    assert error.message == "images/shop.toml: docker.version: no docker-ce matches 27.*: there are 5:27.3.1-1"
    assert error.hint == '"5:27.3.*" would match the newest'


def test_a_pin_that_matches_is_fine(archive: Loopback) -> None:
    preflight(demand(archive, nginx={"version": "1.22.*"}, docker={"version": {"debian-12": "20.10.*"}}))


def test_a_pin_that_matches_nothing_names_the_versions_there_are(archive: Loopback) -> None:
    error = refusal(demand(archive, nginx={"version": {"debian-12": "1.23.*"}}))
    assert error.exit_code == ExitCode.IMPOSSIBLE
    assert error.message == (
        "images/shop.toml: nginx.version: no nginx matches 1.23.*: there are 1.22.1-9+deb12u11, 1.22.1-9+deb12u9"
    )
    assert error.hint == '"1.22.*" would match the newest'


def test_a_pinned_package_that_is_not_there_is_named(archive: Loopback) -> None:
    archive.add_suite("/debian", "bookworm", {"curl": ["8"]})
    assert refusal(demand(archive, nginx={"version": "1.22.*"})).message.endswith("there is no package nginx")


def test_a_package_that_the_distribution_does_not_have_is_named_with_the_nearest_one(archive: Loopback) -> None:
    error = refusal(demand(archive, packages=["nginx", "ngins"]))
    assert error.message == "images/shop.toml: packages: debian-12 has no package 'ngins'"
    assert error.hint == "did you mean 'nginx'?"
    assert error.exit_code is ExitCode.IMPOSSIBLE


def test_a_package_that_it_has_is_fine(archive: Loopback) -> None:
    preflight(demand(archive, packages=["nginx"]))


def test_package_lists_are_not_fetched_when_nothing_is_pinned(archive: Loopback) -> None:
    preflight(demand(archive))
    assert archive.asked == ["/debian/dists/bookworm/InRelease"]


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ("<html>Sign in to this Wi-Fi</html>", "is no Release file: it lists no packages"),
        (f"SHA256:\n {'0' * 64} 5 main/binary-riscv64/Packages.xz\n", "lists no packages for amd64 in main"),
        (f"Valid-Until: Sat, 18 Jan 2025 10:34:00 UTC\nSHA256:\n {'0' * 64} 1 x\n", "was valid until 2025-01-18 10:34"),
        (f"Date: Mon, 18 Jan 2999 10:34:00 UTC\nSHA256:\n {'0' * 64} 1 x\n", "which is still to come"),
    ],
)
def test_an_archive_that_apt_would_refuse_minutes_later_is_refused_now(
    release: str, said: str, archive: Loopback
) -> None:
    archive.pages["/debian/dists/bookworm/InRelease"] = release.encode()
    error = refusal(demand(archive))
    assert error.exit_code is ExitCode.MISSING
    assert f"{archive.url}/debian/dists/bookworm/InRelease" in error.message
    assert said in error.message


@pytest.mark.parametrize(("path", "what"), [("/linux/debian/gpg", "the key of docker.com"), ("/x", "its repository")])
def test_a_page_in_the_place_of_something_else_is_refused(
    path: str, what: str, vendors_at: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendors_at.add_suite("/linux/debian", "bookworm", {"docker-ce": ["5:27.3.1-1"]}, component="stable")
    order = mirrored(vendors_at, docker={"source": "docker.com"})
    repository = Source(name="plugin redis", url=f"{vendors_at.url}/x", needed_for="its repository")
    told = [*sources_of(order), repository]
    monkeypatch.setattr(under_test, "sources_of", lambda _demand: told)
    vendors_at.pages |= {"/x": b"001e# service=git-upload-pack"}
    preflight(order)
    vendors_at.pages[path] = b"\n<!DOCTYPE html>"
    error = refusal(order)
    assert error.message == f"{vendors_at.url}{path} is not {what}, but a web page"
    assert error.exit_code is ExitCode.MISSING


def test_an_archive_base_without_a_source_of_that_distribution_is_missing() -> None:
    layer = Definition.model_validate({"name": "shop"})
    order = Demand(layers=[layer], base=base("ubuntu-24.04"), base_from=BaseFrom.ARCHIVE, mirrors=None)
    error = refusal(order)
    assert error.exit_code == ExitCode.MISSING
    assert error.hint == "./inv bake --image shop --base ubuntu-24.04 --base-from cloud"


def silence_ubuntu(archive: Loopback, monkeypatch: pytest.MonkeyPatch) -> Demand:
    def unreachable(base: Base) -> Mirrors | None:
        return mirrors(archive, suites=("nothing-here",), origin=Origin.VENDOR) if vendor_mirrors(base) else None

    def host(base: Base) -> Mirrors | None:
        return mirrors(archive) if base.name == "debian-12" else None

    monkeypatch.setattr(under_test, "vendor_mirrors", unreachable)
    monkeypatch.setattr(under_test, "mirrors_for", host)
    layer = Definition.model_validate({"name": "shop"})
    order = Demand(layers=[layer], base=base("ubuntu-24.04"), base_from=BaseFrom.CLOUD, mirrors=None)
    real = sources_of(order)
    told = sources_of
    monkeypatch.setattr(under_test, "sources_of", lambda asked: real[1:] if asked is order else told(asked))
    return order


def test_the_hint_is_the_bake_whose_sources_do_answer(archive: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    order = silence_ubuntu(archive, monkeypatch)
    assert refusal(order).hint == "./inv bake --image shop --base debian-12  (all that this needs answers)"


def test_a_way_out_that_does_not_answer_is_not_offered(archive: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    order = silence_ubuntu(archive, monkeypatch)
    for useless in (500, b"<html>Sign in to this Wi-Fi</html>"):
        archive.pages["/debian/dists/bookworm/InRelease"] = useless
        assert refusal(order).hint.startswith("./inv doctor")


def test_a_silent_cloud_image_can_be_replaced_by_the_archive(
    archive: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = demand(archive, base_from=BaseFrom.CLOUD)
    told = sources_of
    gone = [source(f"{archive.url}/gone")]
    monkeypatch.setattr(under_test, "sources_of", lambda asked: gone if asked is order else told(asked))
    way = "./inv bake --image shop --base debian-12 --base-from archive  (all that this needs answers)"
    assert refusal(order).hint == way


HERE = socket.getaddrinfo


def unknown_but_here(host: str, *words: Any, **options: Any) -> Any:
    return HERE(host, *words, **options) if host == "127.0.0.1" else unknown_name()


DOKKU = {
    "name": "dokku",
    "from": "host",
    "steps": ["dokku", "plugins"],
    "plugins": [{"name": "redis", "url": "https://example.com/redis.git", "commit": "c0ffee12" * 5}],
}


def dokku_on(archive: Loopback, **values: Any) -> Demand:
    host = demand(archive)
    layers = [*host.layers, Definition.model_validate({**DOKKU, **values})]
    return Demand(layers=layers, base=host.base, base_from=host.base_from, mirrors=host.mirrors)


def test_dokku_asks_its_archive_its_key_its_plugins_and_for_buildx(archive: Loopback) -> None:
    assert [(one.name, one.url) for one in sources_of(dokku_on(archive))][1:] == [
        ("docker.com", "https://download.docker.com/linux/debian/dists/bookworm/InRelease"),
        ("docker.com", "https://download.docker.com/linux/debian/gpg"),
        ("dokku", "https://packagecloud.io/dokku/dokku/debian/dists/bookworm/InRelease"),
        ("dokku", "https://packagecloud.io/dokku/dokku/gpgkey"),
        ("plugin redis", "https://example.com/redis.git/info/refs?service=git-upload-pack"),
    ]


def test_where_dokkus_archive_is_out_of_reach_a_mirror_is_the_hint(archive: Loopback) -> None:
    error = refusal(dokku_on(archive, dokku={"archive": archive.url}, docker={"archive": archive.url}, plugins=[]))
    assert error.exit_code == ExitCode.MISSING
    assert error.message == "debian-12: no answer from docker.com, dokku"
    assert 'dokku.archive = "a mirror of packagecloud.io/dokku/dokku"' in error.hint


def test_a_layer_below_is_offered_where_all_that_it_needs_answers(archive: Loopback) -> None:
    error = refusal(dokku_on(archive, dokku={"archive": archive.url}, docker={"archive": archive.url}, plugins=[]))
    assert error.hint.startswith("./inv bake --image shop --base debian-12  (all that this needs answers); or docker.a")


def test_another_base_is_no_way_out_for_an_image_whose_own_sources_are_silent(
    archive: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is offered is asked whole: a base that answers is no help where dokku's archive does not."""
    monkeypatch.setattr(under_test, "mirrors_for", lambda base: mirrors(archive) if base.name == "debian-12" else None)
    shop = Definition.model_validate({"name": "shop"})
    dokku = Definition.model_validate({**DOKKU, "dokku": {"archive": archive.url}, "plugins": []})
    told = sources_of
    order = Demand(layers=[shop, dokku], base=base("ubuntu-24.04"), base_from=BaseFrom.CLOUD, mirrors=None)
    gone = [source(f"{archive.url}/gone")]
    monkeypatch.setattr(under_test, "sources_of", lambda asked: gone if asked is order else told(asked))
    assert refusal(order).hint == "./inv bake --image shop --base debian-12  (all that this needs answers)"


def test_where_no_name_is_found_the_network_is_named_first(
    archive: Loopback, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_proxies(monkeypatch)
    nowhere = [Source(name=name, url=f"https://{name}.example/", needed_for="packages") for name in ("noble", "dokku")]
    monkeypatch.setattr(under_test, "sources_of", lambda _demand: nowhere)
    monkeypatch.setattr(socket, "getaddrinfo", unknown_name)
    error = refusal(dokku_on(archive))
    whole = "no name is found: this machine has no network or no DNS, or needs a proxy"
    assert error.message == f"{whole} (debian-12: no answer from noble, dokku)"
    way = "./inv doctor  (shows which sources answer from here)"
    assert error.hint == f"HTTPS_PROXY=http://… where there is a proxy; or {way}"
    assert "Errno" not in error.message + capsys.readouterr().err


def test_ubuntu_without_a_source_list_says_why_it_is_not_made_from_packages(
    archive: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Definition.model_validate({"name": "shop"})
    order = Demand(layers=[shop], base=base("ubuntu-24.04"), base_from=BaseFrom.CLOUD, mirrors=None)
    there = source(f"{archive.url}/debian/dists/bookworm/InRelease")
    cloud = Source(name="cloud image", url=f"{archive.url}/gone", needed_for="the base")
    monkeypatch.setattr(under_test, "sources_of", lambda _demand: [there, cloud])
    assert refusal(order).message == (
        "ubuntu-24.04: no answer from cloud image; and this machine's apt sources name no ubuntu archive, "
        "so ubuntu-24.04 cannot be made from one"
    )


def test_where_other_names_are_found_dns_is_named_first(archive: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    order = dokku_on(archive)
    (there, *_) = sources_of(order)
    nowhere = Source(name="dokku", url="https://dokku.example/", needed_for="packages")
    monkeypatch.setattr(under_test, "sources_of", lambda asked: [there, nowhere] if asked is order else [there])
    monkeypatch.setattr(socket, "getaddrinfo", unknown_but_here)
    error = refusal(order)
    assert error.message == "this network's DNS does not know every name (debian-12: no answer from dokku)"
    assert error.hint.startswith("./inv bake --image shop --base debian-12  (all that this needs answers); or dokku.")


def test_where_a_plugin_is_out_of_reach_a_clone_is_the_hint(archive: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    order = dokku_on(archive)
    silent = Source(name="plugin redis", url=f"{archive.url}/gone", needed_for="its repository")
    monkeypatch.setattr(under_test, "sources_of", lambda _demand: [silent])
    error = refusal(order)
    assert error.message == "debian-12: no answer from plugin redis"
    assert error.hint.startswith('plugins.url = "a clone of https://example.com/redis.git" in images/*.toml')


def test_dokkus_version_is_looked_up_in_its_archive(archive: Loopback) -> None:
    archive.pages |= {"/linux/debian/gpg": b"a key", "/gpgkey": b"a key"}
    archive.add_suite("/linux/debian", "bookworm", {"docker-buildx-plugin": ["1"]}, component="stable")
    archive.add_suite("/debian", "bookworm", {**VERSIONS, "dokku": ["0.38.26", "0.38.27"]})
    there = {"archive": archive.url}
    values = {"docker": there, "plugins": []}
    preflight(dokku_on(archive, dokku={**there, "version": "0.38.26"}, **values))
    error = refusal(dokku_on(archive, dokku={**there, "version": "0.39.0"}, **values))
    assert error.message.startswith("images/dokku.toml: dokku.version: no dokku matches 0.39.0: there are 0.38.27")
    assert error.hint == '"0.38.27" is the newest'
