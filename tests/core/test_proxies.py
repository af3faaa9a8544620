"""Which proxy leads where, by the environment as people have it."""

import pytest

from bakery.core import proxies
from bakery.core.errors import BakeryError, ExitCode

PROXY = "http://proxy.corp:3128"
BOTH = {"http_proxy": PROXY, "HTTPS_PROXY": "proxy.corp:3129"}


def test_each_scheme_has_its_proxy_and_small_letters_come_first() -> None:
    assert proxies.proxy_for("http://deb.debian.org/x", {**BOTH, "HTTP_PROXY": "http://other"}) == PROXY
    assert proxies.proxy_for("https://deb.debian.org/x", BOTH) == "http://proxy.corp:3129"
    assert proxies.proxy_for("https://deb.debian.org/x", {"ALL_PROXY": PROXY}) == PROXY
    assert proxies.proxy_for("https://deb.debian.org/x", {}) == ""


@pytest.mark.parametrize(
    ("rules", "url"),
    [
        ("::1,fd00::/8", "http://[fd12::7]/x"),
        ("10.0.0.0/8", "http://10.1.2.3/x"),
        ("10.1.2.3", "http://10.1.2.3:8080/x"),
        ("[fd12::7]:8080", "http://[fd12::7]:8080/x"),
        ("[fd12::7]", "http://[fd12::7]/x"),
        ("corp.example", "http://deb.corp.example/x"),
        (".corp.example", "http://corp.example/x"),
        ("*.corp.example", "http://a.b.corp.example/x"),
        ("deb.example:80", "http://deb.example/x"),
        ("DEB.Example", "http://deb.example/x"),
        ("a, *", "http://deb.example/x"),
        ("one two deb.example", "http://deb.example/x"),
        # This machine itself, whatever the rules are:
        ("", "http://127.0.0.1:5000/x"),
        ("", "http://localhost:5000/x"),
        ("", "http://[::1]:5000/x"),
    ],
)
def test_what_no_proxy_means_is_reached_directly(rules: str, url: str) -> None:
    assert proxies.proxy_for(url, {"http_proxy": PROXY, "NO_PROXY": rules}) == ""


@pytest.mark.parametrize(
    ("rules", "url"),
    [
        ("::1,fd00::/8", "http://deb.debian.org/x"),
        ("10.0.0.0/8", "http://192.0.2.1/x"),
        ("corp.example", "http://notcorp.example/x"),
        ("deb.example:8080", "http://deb.example/x"),
        ("nonsense/99, ,:", "http://deb.example/x"),
        ("", "http://deb.example/x"),
    ],
)
def test_everything_else_goes_through_the_proxy(rules: str, url: str) -> None:
    assert proxies.proxy_for(url, {"http_proxy": PROXY, "no_proxy": rules}) == PROXY


@pytest.mark.parametrize("proxy", ["socks5://me:secret@127.0.0.1:1080", "socks5h://10.0.0.1", "socks4://10.0.0.1"])
def test_a_socks_proxy_is_one_clear_line_without_its_password(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "find_spec", lambda _: None)
    with pytest.raises(BakeryError, match="goes through a socks") as caught:
        proxies.require_usable({"ALL_PROXY": proxy})
    assert caught.value.exit_code is ExitCode.MISSING
    assert "secret" not in caught.value.message
    assert "https_proxy=http://" in caught.value.hint


def test_a_socks_proxy_that_others_replace_is_nobodys_trouble() -> None:
    proxies.require_usable({**BOTH, "ALL_PROXY": "socks5://127.0.0.1:1080"})
    proxies.require_usable({})


def test_a_kind_of_proxy_that_does_not_exist_is_one_line() -> None:
    with pytest.raises(BakeryError, match="of the kind 'htp'"):
        proxies.require_usable({"http_proxy": "htp://proxy"})


def test_the_steps_in_a_machine_get_the_proxy_by_its_address_there() -> None:
    told = proxies.of_guest({"http_proxy": "http://me:pw@127.0.0.1:3128/", "https_proxy": PROXY, "NO_PROXY": ".corp"})
    assert told["http_proxy"] == "http://me:pw@10.0.2.2:3128/"
    assert told["https_proxy"] == PROXY
    assert told["no_proxy"].split(",") == [".corp", "localhost", "127.0.0.1", "::1", "10.0.2.2"]


def test_the_steps_are_told_nothing_where_there_is_no_proxy() -> None:
    assert proxies.of_guest({"NO_PROXY": "x"}) == {}


NONE = [
    *("127.0.0.1:xx", "http://:3128", "http://proxy.test:0", "http://[::1:3128", "[::1:3128", "http://[v1.x]:1"),
    *("http://256.1.1.1:3128", "http://exa\N{ACCOUNT OF}mple:1", "http://\x01:1"),
    # What is behind a `/` in a password is no part of the address, and `12` a port.
    *("http://me:pass/word@proxy:1", "me:pass?word@proxy:1", "http://me:12#word@proxy:1", "http://me:pa[ss@proxy:1"),
]


@pytest.mark.parametrize("proxy", NONE)
def test_what_is_no_address_of_a_proxy_is_one_line_that_shows_nothing_of_it(proxy: str) -> None:
    with pytest.raises(BakeryError, match=r"^https goes through HTTPS_PROXY, which is no address") as caught:
        proxies.require_usable({"HTTPS_PROXY": proxy})
    assert caught.value.exit_code is ExitCode.MISSING
    assert caught.value.hint.startswith(proxies.EXAMPLE)
    assert proxies.shown({"HTTPS_PROXY": proxy}) == "in HTTPS_PROXY"


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"ALL_PROXY": "x:y"}, "ALL_PROXY"),
        ({"ALL_PROXY": "http://ok:1", "https_proxy": "x:y"}, "https_proxy"),
        ({"HTTPS_PROXY": "http://ok:1", "https_proxy": "x:y"}, "https_proxy"),
        ({"HTTPS_PROXY": "x:y", "https_proxy": " "}, "HTTPS_PROXY"),
    ],
)
def test_the_variable_that_counts_is_named(environment: dict[str, str], named: str) -> None:
    with pytest.raises(BakeryError, match=f"^https goes through {named},"):
        proxies.require_usable({"http_proxy": "http://ok:1", **environment})


@pytest.mark.parametrize("proxy", ["http://me:pa%2Fss@10.0.0.1:3128/", "http://[fd00::1]:3128", "proxy", "HTTP://p:1"])
def test_what_is_an_address_of_a_proxy_may_be_used(proxy: str) -> None:
    proxies.require_usable({"HTTPS_PROXY": proxy})


def test_who_knows_no_all_proxy_is_told_it() -> None:
    url, everything = "https://ec2.eu-west-2.amazonaws.com", {"ALL_PROXY": "http://p:1"}
    assert proxies.without_own(everything, url) == {"http": "http://p:1", "https": "http://p:1"}
    assert proxies.without_own({**everything, "NO_PROXY": ".amazonaws.com"}, url) is None
    assert proxies.without_own({**everything, "https_proxy": "http://q:1"}, url) is None
    assert proxies.without_own({}, url) is None
    assert proxies.without_own(everything, "http://127.0.0.1:8") is None
