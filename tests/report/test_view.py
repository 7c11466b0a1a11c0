import csv
import io
import json
import math

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lookalike.report import Column, Table, View, csv_text, html_page, json_text
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
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 6


def test_html_holds_its_pictures_and_asks_for_nothing_else() -> None:
    columns = (Column("id", "", "picture"), Column("id", "name"))
    page = html_page(
        View("t", (Table(columns, [{"id": "a"}, {"id": "b"}]),), pictures={"a": b"\xff\xd8"})
    )
    assert page.count("<img") == 1
    assert "data:image/jpeg;base64,/9g=" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_terminal_gets_warnings_tables_and_notes() -> None:
    stream = io.StringIO()
    print_view(
        view({"id": "[bold]a", "value": 0.12345}, notes=("a note",), warnings=("beware",)),
        Console(file=stream, width=100),
    )
    text = stream.getvalue()
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
