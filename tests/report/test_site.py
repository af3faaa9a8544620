"""The report is a page for all images and one for each release, whole, small, and without anything from elsewhere."""

import json
import re
from pathlib import Path

import pytest

from bakery.catalog import catalog
from bakery.contents import kept
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.aws_regions import REGIONS
from bakery.definition.bases import BaseName
from bakery.disk import artifact
from bakery.report import pages, site
from tests.records import write_record
from tests.report.conftest import NASTY, Publish, name_of


def written(*images: str, is_rehearsal: bool = False) -> Path:
    order = site.Order(images=images or ("host",), is_rehearsal=is_rehearsal)
    return site.write(order, console=Console()).parent


def page(folder: Path, day: int) -> str:
    return (folder / "host" / f"{name_of(day)}-amd64.html").read_text()


def test_there_is_a_page_for_all_and_one_for_each_release(publish: Publish, tmp_path: Path) -> None:
    publish(3)
    folder = written()
    assert folder == tmp_path / "build" / "report"
    pages_there = {str(path.relative_to(folder)) for path in folder.rglob("*.html")}
    assert pages_there == {"index.html", *(f"host/{name_of(day)}-amd64.html" for day in range(3))}
    assert all(name_of(day) in (folder / "index.html").read_text() for day in range(3))


def test_a_release_has_its_ids_its_changes_and_the_way_back(publish: Publish) -> None:
    (_, last) = publish(2)
    text = page(written(), 1)
    for placed in last.places.values():
        assert f'data-copy="{placed.image_id}"' in text
    assert "./inv rollback --image host" in text
    assert "<dt>Tests passed in eu-west-2</dt><dd>119</dd>" in text
    assert re.search(r"openssl.*3\.0\.0.*3\.0\.1", text)
    assert "<strong>security</strong>" in text
    assert f'Since <a href="{name_of(0)}-amd64.html">{name_of(0)}</a>' in text


def test_one_that_is_not_latest_says_how_it_becomes_so(publish: Publish) -> None:
    publish(2)
    assert f"./inv promote --image host --release {name_of(0)}" in page(written(), 0)


def test_what_a_machine_told_is_text_and_nothing_more(publish: Publish) -> None:
    publish(2)
    text = page(written(), 1)
    assert NASTY not in text
    assert "&lt;script&gt;nasty()&lt;/script&gt;&#34;&amp;" in text


def test_a_release_of_which_nothing_is_known_has_a_page_that_says_so(publish: Publish) -> None:
    (first, _) = publish(2)
    kept.remove(kept.of_release("host", first.release, first.arch, is_rehearsal=False))
    folder = written()
    assert "What it holds is not known" in page(folder, 0)
    assert "There is no earlier release to compare it with" in page(folder, 1)
    assert "not known" in (folder / "index.html").read_text()


def test_the_newest_releases_and_latest_have_a_bill_of_materials_and_the_others_the_command(publish: Publish) -> None:
    publish(site.SBOMS + 1)
    folder = written()
    name = f"{name_of(site.SBOMS)}-amd64.cdx.json"
    assert f'<a href="{name}">' in page(folder, site.SBOMS)
    assert json.loads((folder / "host" / name).read_text())["bomFormat"] == "CycloneDX"
    assert f"./inv sbom {name_of(0)} --image host" in page(folder, 0)


def test_a_bill_of_materials_stays_when_its_release_grows_old_and_goes_with_it(publish: Publish) -> None:
    publish(1)
    bill = written() / "host" / f"{name_of(0)}-amd64.cdx.json"
    publish(site.SBOMS + 2)
    written()
    assert bill.exists()
    known = catalog.read("host", is_rehearsal=False)
    left = known.without(known.find(name_of(0), known.releases[0].arch))
    catalog.change("host", lambda _: left, is_rehearsal=False, console=Console())
    folder = written()
    assert not bill.exists()
    assert not (folder / "host" / f"{name_of(0)}-amd64.html").exists()


def test_of_many_releases_the_first_page_lists_the_newest_and_links_the_rest(publish: Publish) -> None:
    publish(pages.LISTED + 5)
    text = (written() / "index.html").read_text()
    assert text.count('<tr role="row"><th scope="row"') == pages.LISTED
    assert "<summary>5 older releases</summary>" in text
    assert f'<li><a href="host/{name_of(0)}-amd64.html">' in text


def test_neither_a_year_of_releases_nor_one_in_every_region_makes_a_page_of_200_kb(publish: Publish) -> None:
    publish(365, packages=1)
    sizes = {path.name: path.stat().st_size for path in written().rglob("*.html")}
    assert len(sizes) == 366
    publish(2, regions=[*REGIONS], packages=600)
    sizes |= {path.name: path.stat().st_size for path in written().rglob("*.html")}
    assert max(sizes.values()) < 200_000, sizes


def test_no_release_at_all_is_said_and_no_error(publish: Publish) -> None:
    folder = written()
    assert "No release is known yet" in (folder / "index.html").read_text()


def test_what_this_machine_baked_is_there_with_its_tests_and_its_disk(publish: Publish) -> None:
    made = artifact.local("host", BaseName.DEBIAN_12)
    made.folder.mkdir(parents=True)
    made.disk.write_bytes(bytes(2_500_000))
    write_record(made, answered={"native": ["test"] * 67, "guest": ["test"] * 52})
    text = (written() / "index.html").read_text()
    assert 'data-label="Tests passed">119<' in text
    assert f'data-copy="{made.disk}"' in text
    assert "2.5 MB" in text
    assert "On this machine" not in (written(is_rehearsal=True) / "index.html").read_text()


def test_a_rehearsals_report_is_elsewhere_and_says_what_it_is(publish: Publish, tmp_path: Path) -> None:
    folder = written(is_rehearsal=True)
    assert folder == tmp_path / "build" / "rehearsal" / "report"
    assert "A rehearsal:" in (folder / "index.html").read_text()


def test_an_image_that_there_is_not_is_told(publish: Publish) -> None:
    with pytest.raises(BakeryError, match="there is no image 'hots'") as caught:
        written("hots")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
