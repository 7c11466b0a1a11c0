from __future__ import annotations

import io
from typing import Any

import pytest

from lookalike.cli.options import Output, emit, output_of, tell, tell_notes, utf8
from lookalike.report import Column, Table, View


class Result:
    def to_dict(self) -> dict[str, Any]:
        return {"results": []}

    def view(self) -> View:
        table = Table((Column("name", "heading"),), [{"name": "ä"}])
        return View("title", (table,), notes=("a note",), warnings=("beware",))


def test_output_options_leave_the_others_behind() -> None:
    options: dict[str, Any] = {
        "as_json": False,
        "as_csv": False,
        "as_markdown": True,
        "html": "page.html",
        "force": True,
        "metric": "cosine",
    }
    assert output_of(options) == Output(as_markdown=True, html="page.html", force=True)
    assert options == {"metric": "cosine"}


@pytest.mark.parametrize(
    ("output", "quiet", "said"),
    [
        (Output(), False, ""),
        (Output(html="page.html"), False, ""),
        (Output(as_json=True), True, "! beware\n"),
        (Output(as_csv=True), True, "! beware\na note\n"),
        (Output(as_markdown=True), True, ""),
    ],
)
def test_what_a_format_leaves_out_is_told_beside_it_and_once(
    capsys: pytest.CaptureFixture[str], output: Output, quiet: bool, said: str
) -> None:
    tell_notes(Result(), output)
    assert capsys.readouterr().err == said
    assert output.quiet is quiet


@pytest.mark.parametrize(
    ("output", "start"),
    [
        (Output(), "! beware\n"),
        (Output(as_json=True), '{"command": "verb"'),
        (Output(as_csv=True), "name\n"),
        (Output(as_markdown=True), "# title\n"),
    ],
)
def test_each_format_goes_to_standard_output(
    capsys: pytest.CaptureFixture[str], output: Output, start: str
) -> None:
    emit("verb", Result(), output)
    assert capsys.readouterr().out.startswith(start)


def test_markdown_is_utf8_whatever_the_encoding_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    emit("verb", Result(), Output(as_markdown=True))
    assert "| ä |" in written.getvalue().decode()


def test_half_letters_do_not_break_what_is_written() -> None:
    assert utf8("caf\udce9,\ud800,é\n") == b"caf\xe9,\\ud800,\xc3\xa9\n"


def test_no_name_reaches_the_terminals_controls(capsys: pytest.CaptureFixture[str]) -> None:
    tell("wrote \x1b[31m\n.html")
    assert capsys.readouterr().err == "wrote \\x1b[31m\\n.html\n"
