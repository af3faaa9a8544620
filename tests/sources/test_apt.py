from pathlib import Path

import pytest

from bakery.definition.bases import base
from bakery.sources.apt import AptSource, Origin, mirrors_for, parse_deb822, parse_list, read_sources, vendor_mirrors

MIRROR = "http://mirror.example/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
BOOKWORM = f"""\
# a mirror near here
Types: deb deb-src
URIs: {MIRROR}/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: {KEYRING}

Types: deb
URIs: {MIRROR}-security
Suites: bookworm-security
Components: main
Signed-By: {KEYRING}
"""


@pytest.fixture
def etc_apt(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_a_deb822_file_is_read_suite_by_suite() -> None:
    assert parse_deb822(BOOKWORM) == [
        AptSource(uri=f"{MIRROR}/", suite="bookworm", components=("main", "contrib"), signed_by=KEYRING),
        AptSource(uri=f"{MIRROR}/", suite="bookworm-updates", components=("main", "contrib"), signed_by=KEYRING),
        AptSource(uri=f"{MIRROR}-security", suite="bookworm-security", components=("main",), signed_by=KEYRING),
    ]


def test_values_may_go_on_in_the_next_line() -> None:
    text = "Types: deb\nURIs:\n http://a.example\n http://b.example\nSuites: bookworm\nComponents: main\n"
    assert [source.uri for source in parse_deb822(text)] == ["http://a.example", "http://b.example"]


@pytest.mark.parametrize("line", ["Enabled: no", "Types: deb-src", "Components:"])
def test_a_stanza_that_gives_no_binary_packages_is_left_out(line: str) -> None:
    assert parse_deb822(f"Types: deb\nURIs: {MIRROR}\nSuites: bookworm\nComponents: main\n{line}\n") == []


def test_a_key_inside_the_file_is_no_keyring() -> None:
    text = f"Types: deb\nURIs: {MIRROR}\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP\n .\n abc\n"
    assert [source.signed_by for source in parse_deb822(text)] == [None]


def test_a_one_line_list_is_read() -> None:
    text = f"""
    # deb http://commented.example bookworm main
    deb-src {MIRROR} bookworm main
    deb [arch=amd64 signed-by={KEYRING}] {MIRROR} bookworm main contrib # near here
    deb {MIRROR} bookworm-updates main
    """
    assert parse_list(text) == [
        AptSource(uri=MIRROR, suite="bookworm", components=("main", "contrib"), signed_by=KEYRING),
        AptSource(uri=MIRROR, suite="bookworm-updates", components=("main",)),
    ]


def test_all_files_are_read_in_apts_order(etc_apt: Path) -> None:
    (etc_apt / "sources.list").write_text("deb http://one.example bookworm main\n")
    (etc_apt / "sources.list.d/b.sources").write_text(BOOKWORM)
    (etc_apt / "sources.list.d/a.list").write_text("deb http://two.example bookworm main\n")
    (etc_apt / "sources.list.d/c.list.disabled").write_text("deb http://no.example bookworm main\n")
    assert [source.uri for source in read_sources(etc_apt)] == [
        "http://one.example",
        "http://two.example",
        *(MIRROR, MIRROR, f"{MIRROR}-security"),
    ]


def test_a_mirror_named_in_a_file_is_looked_up(etc_apt: Path) -> None:
    # Debian's own cloud images have their sources like this.
    (etc_apt / "mirrors.list").write_text(f"# near\n{MIRROR}\n")
    (etc_apt / "sources.list").write_text(f"deb mirror+file:{etc_apt}/mirrors.list bookworm main\n")
    assert [source.uri for source in read_sources(etc_apt)] == [MIRROR]


def test_what_does_not_come_by_http_is_left_out(etc_apt: Path) -> None:
    (etc_apt / "sources.list").write_text("deb cdrom:[Debian] bookworm main\ndeb file:/srv/debian bookworm main\n")
    assert read_sources(etc_apt) == []


def test_a_machine_without_apt_has_no_sources(tmp_path: Path) -> None:
    assert read_sources(tmp_path / "none") == []


def test_a_source_is_written_the_way_apt_reads_it() -> None:
    source = AptSource(uri=MIRROR, suite="bookworm", components=("main", "contrib"), signed_by=KEYRING)
    assert source.line == f"deb [signed-by={KEYRING}] {MIRROR} bookworm main contrib"
    assert source.release_url == f"{MIRROR}/dists/bookworm/InRelease"
    assert parse_list(source.line) == [source]


def test_the_hosts_own_release_comes_from_its_own_entries() -> None:
    mirrors = mirrors_for(base("debian-12"), sources=parse_deb822(BOOKWORM))
    assert mirrors is not None
    assert (mirrors.origin, mirrors.is_own_release) == (Origin.HOST, True)
    assert mirrors.lines == (
        f"deb [signed-by={KEYRING}] {MIRROR}/ bookworm main",
        f"deb [signed-by={KEYRING}] {MIRROR}/ bookworm-updates main",
        f"deb [signed-by={KEYRING}] {MIRROR}-security bookworm-security main",
    )


def test_another_release_comes_from_the_same_mirror() -> None:
    mirrors = mirrors_for(base("debian-13"), sources=parse_deb822(BOOKWORM))
    assert mirrors is not None
    assert (mirrors.origin, mirrors.is_own_release) == (Origin.SAME_MIRROR, False)
    assert [source.suite for source in mirrors.sources] == ["trixie", "trixie-updates", "trixie-security"]
    assert mirrors.sources[2].uri == f"{MIRROR}-security"


def test_a_host_that_follows_stable_can_still_make_a_release() -> None:
    mirrors = mirrors_for(base("debian-12"), sources=parse_list(f"deb {MIRROR} stable main"))
    assert mirrors is not None
    assert [source.suite for source in mirrors.sources] == ["bookworm"]


@pytest.mark.parametrize("host", [parse_deb822(BOOKWORM), parse_list(f"deb {MIRROR} bookworm main")])
def test_another_distribution_has_no_mirror_here(host: list[AptSource]) -> None:
    assert mirrors_for(base("ubuntu-24.04"), sources=host) is None


@pytest.mark.parametrize(
    "line",
    [
        "deb https://download.docker.com/linux/debian bookworm stable",
        "deb [signed-by=/etc/apt/keyrings/dokku.asc] https://packages.example/dokku/debian bookworm main",
    ],
)
def test_another_vendors_archive_is_no_mirror_though_its_suite_has_the_name(line: str) -> None:
    assert mirrors_for(base("debian-12"), sources=parse_list(line)) is None


def test_the_first_of_several_mirrors_is_taken() -> None:
    text = "deb http://one.example bookworm main\ndeb http://two.example bookworm main\n"
    mirrors = mirrors_for(base("debian-12"), sources=parse_list(text))
    assert mirrors is not None
    assert [source.uri for source in mirrors.sources] == ["http://one.example"]


def test_ubuntus_own_archive_is_known_and_debians_is_not() -> None:
    mirrors = vendor_mirrors(base("ubuntu-24.04"))
    assert mirrors is not None
    assert [source.suite for source in mirrors.sources] == ["noble", "noble-updates", "noble-security"]
    assert vendor_mirrors(base("debian-12")) is None
