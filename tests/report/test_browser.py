"""The report in a real Chromium, from its files: it renders, its console is empty, and every link leads somewhere."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bakery.core.console import Console
from bakery.report import pages, site
from tests.browser import Browser, opened
from tests.report.conftest import Publish, name_of


@dataclass
class Page(HTMLParser):
    """What a page is made of."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture
def folder(publish: Publish) -> Path:
    publish(pages.LISTED + 2)
    return site.write(site.Order(images=("host",)), console=Console()).parent


def kinds(folder: Path) -> Iterator[Path]:
    """Give the first page, and those of the oldest release and of the newest."""
    yield folder / "index.html"
    for day in (0, pages.LISTED + 1):
        yield folder / "host" / f"{name_of(day)}-amd64.html"


def test_pages_render_and_say_nothing_on_the_console(folder: Path, browser: Browser) -> None:
    browser.console.clear()
    for path in kinds(folder):
        browser.open(path)
        assert browser.evaluate("document.querySelector('h1').getBoundingClientRect().height") > 20
        assert "host" in browser.evaluate("document.body.innerText")
    assert browser.console == []


def test_the_console_would_be_heard(folder: Path, browser: Browser) -> None:
    wrong = folder / "wrong.html"
    wrong.write_text("<script>nothing.there()</script>")
    browser.open(wrong)
    assert "nothing is not defined" in browser.console.pop()


def test_a_button_copies_what_is_beside_it_and_says_so(folder: Path, browser: Browser) -> None:
    browser.open([*kinds(folder)][-1])
    browser.press("[data-copy]")
    told = "new Promise(done => setTimeout(() => done(document.getElementById('said').textContent), 300))"
    assert browser.evaluate(told) == "Copied ./inv rollback --image host"
    assert browser.evaluate("document.querySelector('[data-copy]').textContent") == "Copied"
    browser.evaluate("document.body.insertAdjacentHTML('beforeend', '<textarea id=pasted></textarea>'), pasted.focus()")
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="v", commands=["paste"])
    assert browser.evaluate("pasted.value") == "./inv rollback --image host"


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_screen(width: int, folder: Path, browser: Browser) -> None:
    browser.show(width=width)
    for path in kinds(folder):
        browser.open(path)
        assert browser.evaluate("innerWidth") == width
        assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_a_page_is_dark_for_who_likes_it_so(folder: Path, browser: Browser) -> None:
    grounds = []
    for is_dark in (False, True):
        browser.show(width=1280, is_dark=is_dark)
        browser.open(folder / "index.html")
        grounds.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(18, 21, 26)"]


def parsed(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text())
    return page


def test_every_link_leads_somewhere_and_nothing_is_taken_from_elsewhere(folder: Path) -> None:
    count = 0
    for path in folder.rglob("*.html"):
        page = parsed(path)
        ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
        for link in page.all("a"):
            count += 1
            target = link["href"]
            if target.startswith("#"):
                assert target[1:] in ids
            elif not target.startswith("https://"):
                assert (path.parent / target).is_file(), target
        assert [
            one
            for one in page.all("link", "img", "script", "iframe")
            if not one.get("href", "data:").startswith("data:") or "src" in one
        ] == []
        assert "url(" not in path.read_text()
    assert count > 100


def test_headings_tables_drawings_and_buttons_can_be_heard(folder: Path) -> None:
    for path in kinds(folder):
        page = parsed(path)
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        assert all(one.get("scope") in {"col", "row"} for one in page.all("th"))
        assert all(one.get("aria-label") for one in page.all("svg", "button"))
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len({*ids})
        named = [one["aria-labelledby"] for _, one in page.elements if "aria-labelledby" in one]
        assert {*named} <= {*ids}
        assert page.all("main")
        assert page.all("table")
    assert parsed(folder / "index.html").all("svg")


def luminance(color: str) -> float:
    """Return how bright a color is (WCAG 2.2, "relative luminance")."""
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_words_stand_out_in_the_light_and_in_the_dark() -> None:
    style = (pages.TEMPLATES / "style.css").read_text()
    themes = [dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", style)]
    assert len(themes) == 2
    for theme in themes:
        for word in ("text", "soft", "link", "good", "bad"):
            for ground in ("page", "mark"):
                dark, bright = sorted(luminance(theme[name]) for name in (word, ground))
                assert (bright + 0.05) / (dark + 0.05) >= 4.5, (word, ground)
