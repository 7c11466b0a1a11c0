"""What a page does in the hands of somebody: sorting, scrolling, and nothing unasked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lookalike.report import Column, Plot, Series, Table, View, html_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

NAME, VALUE = Column("name", "name"), Column("value", "value", "number", digits=1)

Open = Callable[[View], "Page"]


class Watched:
    """What a page asked for and complained of."""

    def __init__(self, page: Page) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self._asked(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _asked(self, url: str) -> None:
        if not url.startswith("data:"):  # lies in the page itself
            self.requests.append(url)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 800, "height": 600})
    page.set_default_timeout(120_000)
    yield page
    page.close()


@pytest.fixture
def watched(page: Page) -> Watched:
    return Watched(page)


@pytest.fixture
def open_page(page: Page, tmp_path: Path) -> Open:
    def opened(view: View) -> Page:
        file = tmp_path / "page.html"
        file.write_text(html_page(view), encoding="utf-8")
        page.goto(file.as_uri())
        return page

    return opened


def table(*rows: tuple[object, object]) -> Table:
    return Table((NAME, VALUE), [{"name": name, "value": value} for name, value in rows])


def names(page: Page) -> str:
    """First cells of the rows in the order seen."""
    return " ".join(page.locator("tbody td:first-child").all_inner_texts())


def heading(page: Page, title: str) -> Locator:
    return page.get_by_role("columnheader", name=title)


def test_a_page_asks_for_nothing_and_complains_of_nothing(
    open_page: Open, watched: Watched, tmp_path: Path
) -> None:
    face = Column("name", "", "picture")
    rows: list[dict[str, object]] = [{"name": "a", "value": 0.5}, {"name": "b", "value": None}]
    shaded = Column("value", "value", "number", shade=(0, 1))
    pixel = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
    )
    line = Plot("line", "A line", "x", "y", (Series("", x=(0.0, 1.0), y=(0.0, 1.0)),))
    page = open_page(
        View("t", (Table((face, NAME, shaded), rows),), pictures={"a": pixel}, plots=(line,))
    )
    page.get_by_role("button", name="value").click()
    for image in page.locator("img").all():
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
    assert page.locator("img").count() == 2
    assert watched.requests == [(tmp_path / "page.html").as_uri()]
    assert watched.complaints == []


@pytest.mark.parametrize(
    ("element", "directive"),
    [
        ("Object.assign(new Image(), {src: 'https://example.invalid/'})", "img-src"),
        ("Object.assign(document.createElement('script'), {text: 'hit = 1'})", "script-src-elem"),
    ],
)
def test_what_would_slip_into_a_page_can_neither_call_out_nor_run(
    open_page: Open, element: str, directive: str
) -> None:
    page = open_page(View("t", ()))
    refused = page.evaluate(
        f"""() => new Promise(done => {{
            document.addEventListener("securitypolicyviolation", e => done(e.violatedDirective));
            document.body.append({element});
            setTimeout(done, 5000, "nothing was refused");
        }})"""
    )
    assert refused == directive


@pytest.mark.parametrize(
    "evil",
    [
        "<script>window.hit = 1</script>",
        "<img src=x onerror='window.hit = 1'>",
        '"><svg onload="window.hit = 1">',
        "</title></style></script><script>window.hit = 1</script>",
    ],
)
def test_a_hostile_name_is_text_and_executes_nothing(
    open_page: Open, watched: Watched, evil: str
) -> None:
    columns = (Column("name", evil), Column("name", "", "picture"), VALUE)
    rows = [{"name": evil, "value": 1}, {"name": "b", "value": 2}]
    page = open_page(
        View(evil, (Table(columns, rows, evil),), (evil,), (evil,), pictures={evil: b"x"})
    )
    for title in (evil, "value", "value"):
        heading(page, title).get_by_role("button").click()
    assert page.evaluate("window.hit") is None
    assert page.locator("td.text").all_inner_texts() == [evil, "b"]
    assert page.locator("body script").count() == 1
    assert len(watched.requests) == 1
    assert watched.complaints == []


def test_numbers_are_sorted_unrounded_from_the_highest_on_and_back(open_page: Open) -> None:
    page = open_page(
        View("t", (table(("c", 0.14), ("a", 1e-7), ("e", 10.0), ("d", 0.141), ("b", 3e-7)),))
    )
    head = heading(page, "value")
    head.get_by_role("button").click()
    assert (names(page), head.get_attribute("aria-sort")) == ("e d c b a", "descending")
    head.get_by_role("button").click()
    assert (names(page), head.get_attribute("aria-sort")) == ("a b c d e", "ascending")


def test_infinite_and_negative_numbers_have_their_place(open_page: Open) -> None:
    page = open_page(View("t", (table(("b", -2.5), ("d", math.inf), ("a", -math.inf), ("c", 0)),)))
    heading(page, "value").get_by_role("button").click()
    assert names(page) == "d c b a"


def test_text_is_sorted_from_a_on_with_the_keyboard_too(open_page: Open) -> None:
    page = open_page(View("t", (table(("f10", 1), ("ä", 2), ("f9", 3), ("b", 4), ("A", 5)),)))
    heading(page, "name").get_by_role("button").press("Enter")
    assert names(page) == "A ä b f9 f10"
    heading(page, "name").get_by_role("button").press("Space")
    assert names(page) == "f10 f9 b ä A"


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_rows_without_a_value_come_last_both_ways(open_page: Open, nothing: object) -> None:
    page = open_page(
        View("t", (table(("n", nothing), ("a", 1), ("m", nothing), ("b", 2), ("c", -3)),))
    )
    button = heading(page, "value").get_by_role("button")
    button.click()
    assert names(page) == "b a c n m"
    button.click()
    assert names(page) == "c a b n m"


def test_text_without_a_letter_comes_last_both_ways(open_page: Open) -> None:
    columns = (Column("id", "id"), Column("text", "text"))
    rows = [{"id": id, "text": text} for id, text in zip("xyab", ("", None, "a", "b"), strict=True)]
    page = open_page(View("t", (Table(columns, rows),)))
    button = heading(page, "text").get_by_role("button")
    button.click()
    assert names(page) == "a b x y"
    button.click()
    assert names(page) == "b a x y"


def test_equal_rows_keep_their_order_and_one_arrow_is_shown(open_page: Open) -> None:
    page = open_page(View("t", (table(("b", 1), ("d", 2), ("a", 1), ("c", 2)),)))
    heading(page, "name").get_by_role("button").click()
    heading(page, "value").get_by_role("button").click()
    assert names(page) == "c d a b"
    assert page.locator("th[aria-sort]").all_inner_texts() == ["value"]
    arrow = "button => getComputedStyle(button, '::after').content"
    shown = [button.evaluate(arrow) for button in page.locator("th button").all()]
    assert ["↓" in one for one in shown] == [False, True]


def test_each_table_is_sorted_by_itself_and_only_where_there_is_something_to_sort(
    open_page: Open,
) -> None:
    tables = (table(("a", 1), ("b", 2)), table(("a", 1), ("b", 2)), table(("c", 3)))
    page = open_page(View("t", tables))
    assert page.locator("table").last.locator("button").count() == 0
    page.locator("table").nth(1).get_by_role("button", name="value").click()
    assert names(page) == "a b b a c"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_wide_table_scrolls_in_its_box_under_its_headings_and_beside_its_names(
    open_page: Open, page: Page, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    columns = (NAME, *(Column(f"c{n}", f"number {n}", "number") for n in range(20)))
    rows = [{"name": f"row {n}"} | {f"c{m}": 0.5 for m in range(20)} for n in range(60)]
    open_page(View("t", (Table(columns, rows),)))
    box = page.locator(".scroll")
    box.evaluate("box => { box.scrollLeft = 400; box.scrollTop = 500 }")
    assert box.evaluate("box => [box.scrollLeft, box.scrollTop]") == [400, 500]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    place = "one => { const { left, top } = one.getBoundingClientRect(); return [left, top] }"
    left, top = (edge + 1 for edge in box.evaluate(place))  # its border
    corner, head = page.locator("th").first, page.locator("th").nth(5)
    cell = page.locator("tbody tr").nth(15).locator("td").first
    assert corner.evaluate(place) == [left, top]
    assert head.evaluate(place)[1] == top
    assert cell.evaluate(place)[0] == left
    for stuck in (corner, head, cell):
        colour = stuck.evaluate("one => getComputedStyle(one).backgroundColor")
        assert colour.startswith("rgb(")  # what scrolls under it does not shine through
        assert contrast(stuck) > 4.5


def contrast(element: Locator) -> float:
    """The contrast of an element's text with its background, as WCAG 2 has it."""
    colours = element.evaluate(
        "one => { const { color, backgroundColor } = getComputedStyle(one);"
        " return [color, backgroundColor].map(text => text.match(/\\d+/g).map(Number)) }"
    )
    dark, light = sorted(luminance(colour) for colour in colours)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: list[float]) -> float:
    parts = [part / 255 for part in colour]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
