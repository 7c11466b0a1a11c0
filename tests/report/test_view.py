import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console

from lookalike.report import (
    Column,
    Table,
    View,
    csv_text,
    html_fragment,
    html_page,
    json_text,
    markdown_text,
)
from lookalike.report.html import shade
from lookalike.report.terminal import print_view
from lookalike.report.view import cell_text, shown

COLUMNS = (Column("id", "picture"), Column("value", "value", "number"))


def view(*rows: dict[str, object], **options: object) -> View:
    return View("title", (Table(COLUMNS, rows),), **options)  # type: ignore[arg-type]


@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_shown_text_is_printable_and_valid(text: str) -> None:
    safe = shown(text)
    assert safe.isprintable()
    safe.encode("utf-8")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20))
def test_csv_gives_back_names_and_unrounded_numbers(name: str) -> None:
    text = csv_text(view({"id": name, "value": 0.1 + 0.2}, {"id": "x", "value": None}))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert rows[0] == {"id": name, "value": repr(0.1 + 0.2)}
    assert rows[1]["value"] == ""


def test_csv_keeps_the_bytes_of_names_that_are_not_utf8() -> None:
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    data = csv_text(view({"id": name, "value": 1})).encode("utf-8", "surrogateescape")
    assert b"caf\xe9.jpg" in data


class Result:
    def to_dict(self) -> dict[str, object]:
        return {"results": [{"value": math.nan, "id": "\udce9", "other": (math.inf, 1.5)}]}

    def view(self) -> View:
        return view()


def test_json_is_one_ascii_line_without_nan() -> None:
    text = json_text("verb", Result())
    assert text.isascii()
    assert "\n" not in text
    parsed = json.loads(text)
    assert parsed["command"] == "verb"
    assert parsed["results"][0]["value"] is None
    assert parsed["results"][0]["other"] == [None, 1.5]


def test_html_escapes_everything_that_comes_from_outside() -> None:
    evil = "<script>alert(1)</script>"
    page = html_page(
        View(evil, (Table((Column("id", evil),), [{"id": evil}], evil),), (evil,), (evil,))
    )
    assert "<script>alert" not in page
    assert page.count("<script") == 1  # the one that sorts
    assert page.count("&lt;script&gt;") >= 6


def test_html_holds_its_pictures_and_asks_for_nothing_else() -> None:
    columns = (Column("id", "", "picture"), Column("id", "name"))
    page = html_page(
        View("t", (Table(columns, [{"id": "a"}, {"id": "b"}]),), pictures={"a": b"\xff\xd8"})
    )
    assert page.count("<img") == 1
    assert "data:image/jpeg;base64,/9g=" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_notebook_gets_no_script_and_no_buttons() -> None:
    fragment = html_fragment(view({"id": "a", "value": 1.0}, {"id": "b", "value": 2.0}))
    assert "<script" not in fragment
    assert "<button" not in fragment


def test_rows_are_marked_by_the_cell_that_the_table_names() -> None:
    rows: list[dict[str, object]] = [{"id": "a", "best": True}, {"id": "b", "best": False}, {}]
    assert (
        html_page(View("t", (Table(COLUMNS, rows, mark="best"),))).count('<tr class="mark">') == 1
    )
    assert '<tr class="mark">' not in html_page(View("t", (Table(COLUMNS, rows),)))


def on_a_terminal(view: View) -> str:
    stream = io.StringIO()
    print_view(view, Console(file=stream, width=100))
    return stream.getvalue()


def test_a_terminal_gets_narrow_tables_in_place_of_a_wide_one() -> None:
    narrow = (Table(COLUMNS, [{"id": "first"}]), Table(COLUMNS, [{"id": "left out"}], aside=True))
    wide = View("t", (Table(COLUMNS, [{"id": "wide"}], narrow=narrow),))
    text = on_a_terminal(wide)
    assert "first" in text
    assert "wide" not in text
    assert "left out" not in text
    for other in (csv_text(wide), html_fragment(wide), markdown_text(wide)):
        assert "wide" in other
        assert "first" not in other


def test_a_wide_table_that_is_set_aside_leaves_a_terminal_with_nothing() -> None:
    table = Table(COLUMNS, [], narrow=(Table(COLUMNS, [{"id": "first"}]),), aside=True)
    assert on_a_terminal(View("t", (table,))) == ""


def test_a_terminal_gets_warnings_tables_and_notes() -> None:
    text = on_a_terminal(
        view({"id": "[bold]a", "value": 0.12345}, notes=("a note",), warnings=("beware",))
    )
    assert "! beware" in text
    assert "[bold]a" in text  # names are no markup
    assert "0.1234" in text or "0.1235" in text
    assert "a note" in text


def test_cells_for_people() -> None:
    number, whole = Column("v", "v", "number", digits=2), Column("v", "v", "whole")
    assert cell_text(1 / 3, number) == "0.33"
    assert cell_text(1234567, whole) == "1,234,567"
    assert cell_text(None, number) == cell_text(math.nan, number) == "-"
    assert cell_text(True, COLUMNS[0]) == "yes"


def test_shades_grow_along_the_range_and_stay_within() -> None:
    column = Column("v", "v", "number", shade=(0.0, 1.0))
    strength = [float(shade(v, column).rpartition(" ")[2][:-1]) for v in (-5, 0, 0.5, 1, 9)]
    assert strength == sorted(strength)
    assert strength[0] == strength[1] == 0
    assert strength[3] == strength[4]


def markdown_tokens(text: str) -> list[Token]:
    """What another reader of Markdown makes of a text, with HTML and tables as GitHub has them."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def spoken(tokens: list[Token]) -> Iterator[str]:
    """The text of each heading, paragraph and cell; its markup, too, where it has some."""
    for token in tokens:
        if token.type == "inline":
            yield "".join(
                one.content if one.type == "text" else f"<{one.type}>"
                for one in token.children or ()
                if one.type not in ("strong_open", "strong_close") or token.level != 3
            )


MARKDOWN = "\\`*_~[]()<>|$#&!-+=:%.1a \n"


@given(st.text(MARKDOWN, max_size=12) | st.text(st.characters(exclude_categories=()), max_size=12))
@example("<img src=x onerror=alert(1)>")
@example("a | b\n| --- |")
@example("\\")
@example("\\|")
@example("![x](http://example.invalid/x.png)")
@example("_a_")
@example("~~a~~")
@example("&lt;b&gt;")
@example("1. one")
@example("---")
@example("# one")
def test_names_stay_text_in_markdown(name: str) -> None:
    said = f"{name}."  # a sentence of nothing is no sentence
    columns = (Column("id", said), Column("value", "value", "number"))
    rows: list[dict[str, object]] = [{"id": name, "value": 1}, {"id": "next", "value": None}]
    text = markdown_text(View(said, (Table(columns, rows, said),), (said,), (said,)))
    plain = shown(said).strip()
    cells = [plain, "value", shown(name).strip(), "1.0000", "next", "-"]
    tokens = markdown_tokens(text)
    assert list(spoken(tokens)) == [plain, plain, plain, *cells, plain]
    assert [token.tag for token in tokens if token.level == 0 and token.nesting == 1] == [
        "h1", "ul", "h2", "table", "p",
    ]  # fmt: skip


def test_markdown_opens_no_formula_and_closes_no_bracket() -> None:
    text = markdown_text(view({"id": "$a$ [b]"}))
    assert r"| \$a\$ \[b\] | - |" in text


def test_markdown_holds_all_parts_in_order_with_rounded_numbers_to_the_right() -> None:
    said = view(
        {"id": "a", "value": 1 / 3},
        {"id": "b", "value": None},
        notes=("one", "two"),
        warnings=("beware", "twice"),
    )
    assert markdown_text(said) == (
        "# title\n\n"
        "- **beware**\n- **twice**\n\n"
        "| picture | value |\n| --- | --: |\n| a | 0.3333 |\n| b | - |\n\n"
        "one\n\ntwo\n"
    )


def test_markdown_leaves_out_pictures_and_columns_set_aside_but_no_table() -> None:
    columns = (
        Column("p", "face", "picture"),
        Column("id", "name"),
        Column("x", "rare", aside=True),
    )
    rows = [{"p": "id-of-p", "id": "a", "x": "rarely"}]
    both = (Table(columns, rows, aside=True), Table(columns[:1], rows, "only pictures"))
    text = markdown_text(View("", both))
    assert text == "| name |\n| --- |\n| a |\n\n## only pictures\n"


def test_the_answer_is_first_on_pages_and_last_before_the_notes_on_a_terminal() -> None:
    whole = view({"id": "a", "value": 1.0}, answer=("take this",), notes=("a note",))
    whole = replace(whole, after=(Table(COLUMNS, [{"id": "later", "value": 2.0}]),))
    stream = io.StringIO()
    print_view(whole, Console(file=stream, width=100))
    orders = [
        (html_page(whole), ("take this", ">a<", ">later<", "a note")),
        (markdown_text(whole), ("take this", "| a |", "| later |", "a note")),
        (stream.getvalue(), (" a ", " later ", "take this", "a note")),
    ]
    for text, parts in orders:
        places = [text.index(part) for part in parts]
        assert places == sorted(places)
    assert "later" not in csv_text(whole)  # it holds the last of the tables


@given(st.integers(40, 200), st.lists(st.text("abcdefgh-", min_size=1, max_size=30), min_size=1))
def test_no_width_cuts_a_number_or_hides_the_first_column(width: int, names: list[str]) -> None:
    columns = (Column("name", "name"), *(Column(f"v{n}", f"v{n}", "number") for n in range(6)))
    rows = [{"name": name} | {f"v{n}": 123.4567 + n for n in range(6)} for name in names]
    stream = io.StringIO()
    print_view(
        View("t", (Table(columns, rows, by_weight=True),)), Console(file=stream, width=width)
    )
    lines = [line.split("│")[1:-1] for line in stream.getvalue().splitlines() if "│" in line]
    found = "".join(cells[0].strip() for cells in lines)
    assert found == "".join(names)
    shown = len(lines[0])
    for cells in lines:
        for n, cell in enumerate(cells[1:]):
            assert cell.strip() in ("", f"{123.4567 + n:.4f}")
    if shown < len(columns):
        flat = " ".join(stream.getvalue().split("no room for:")[1].split())
        assert all(f"v{n}" in flat for n in range(shown - 1, 6))


@pytest.mark.parametrize("width", [45, 60, 200])
def test_text_is_folded_before_a_column_is_left_out(width: int) -> None:
    columns = (Column("name", "name"), Column("why", "why"))
    rows = [{"name": "n" * 40, "why": "w" * 40}]
    for by_weight in (True, False):
        stream = io.StringIO()
        table = Table(columns, rows, by_weight=by_weight)
        print_view(View("t", (table,)), Console(file=stream, width=width))
        assert "no room" not in stream.getvalue()
        assert stream.getvalue().count("w") == 41


def test_a_column_is_left_out_only_of_a_table_that_says_so() -> None:
    columns = (Column("name", "name"), *(Column(f"c{n}", f"c{n}") for n in range(9)))
    rows = [{"name": "n" * 30} | {f"c{n}": "x" * 20 for n in range(9)}]
    for by_weight in (True, False):
        stream = io.StringIO()
        table = Table(columns, rows, by_weight=by_weight)
        print_view(View("t", (table,)), Console(file=stream, width=80))
        assert ("no room" in stream.getvalue()) is by_weight


HOSTILE = "caf\udce9 \x1b[31m\u202e [bold]é→"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_no_text_breaks_a_console_or_gets_at_its_controls(encoding: str) -> None:
    inner = Table(
        (Column("a", HOSTILE), Column("b", HOSTILE, "number")),
        [{"a": HOSTILE, "b": 1.0}] * 2,
        HOSTILE,
        by_weight=True,
    )
    shown_view = View(
        HOSTILE, (inner,), notes=(HOSTILE,), warnings=(HOSTILE,), answer=(HOSTILE,), after=(inner,)
    )
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    for width in (200, 30):
        print_view(shown_view, Console(file=stream, width=width), most_rows=1)
    stream.flush()
    text = raw.getvalue().decode(encoding)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]" in text  # no markup either
    assert text.count("\\xe9") >= 7
    page = html_page(shown_view)
    assert "\x1b" not in page
    assert "\udce9" not in page
