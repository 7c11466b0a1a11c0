import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from lookalike.cli import VERBS, exit_code
from lookalike.testing import scene_picture
from lookalike.version import __version__


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        Image.fromarray(scene_picture(seed)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read_json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    captured = capsys.readouterr()
    parsed: dict[str, object] = json.loads(captured.out)
    assert captured.out.count("\n") == 1
    return parsed


def test_compare_prints_one_object_with_rows_of_the_documented_shape(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["compare", "a.png", "b.png", "gone.png", "--json"]) == 1
    parsed = read_json(capsys)
    assert (parsed["command"], parsed["version"]) == ("compare", __version__)
    rows: list[dict[str, object]] = parsed["results"]  # type: ignore[assignment]
    shape = {"a", "b", "model", "fingerprint", "metric", "value"}
    assert [set(row) - shape for row in rows] == [{"verdict"}, {"error"}, {"error"}]
    assert all(shape <= set(row) for row in rows)
    assert isinstance(rows[0]["value"], float)
    assert rows[1]["value"] is None


def test_models_prints_one_object_with_entries(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["models", "hash:*", "--json"]) == 0
    rows: list[dict[str, object]] = read_json(capsys)["results"]  # type: ignore[assignment]
    assert len(rows) == 5
    assert set(rows[0]) == {
        "name", "weights", "dim", "params", "gflops", "acc1", "acc5", "input", "licence",
        "available", "source",
    }  # fmt: skip


def test_doctor_prints_one_object_with_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["doctor", "--json"]) == 0
    parsed = read_json(capsys)
    assert parsed["healthy"] is True
    rows: list[dict[str, object]] = parsed["results"]  # type: ignore[assignment]
    assert all(set(row) == {"area", "name", "status", "detail", "cure"} for row in rows)


def test_demo_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["demo", "--json"]) == 0
    assert len(read_json(capsys)["results"]) == 9  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["compare", "a.png", "b.png"], 0, ""),
        (["compare", "a.png"], 2, "makes no pair"),
        (["compare", "a.png", "b.png", "--nope"], 2, "--nope"),
        (["compare", "a.png", "b.png", "-m", "pixel"], 2, "did you mean pixels"),
        (["compare", "a.png", "b.png", "--metric", "cosin"], 2, "did you mean cosine"),
        (["compare", "a.png", "b.png", "-m", "onnx:gone.onnx"], 3, "no ONNX file"),
        (["compare", "a.png", "gone.png"], 1, "1 input has no vector"),
        (["compare", "a.png", "gone.png", "--strict"], 4, "gone.png: missing"),
        (["compare", "a.png", "b.png", "--html", "a.png"], 4, "the file exists"),
        (["compare", "a.png", "b.png", "--html", "no/page.html"], 2, "no such folder"),
        (["compare", "a.png", "b.png", "--engine", "torsh"], 2, "did you mean torch"),
        (["compare", "a.png", "b.png", "--json", "--csv"], 2, "--json and --csv"),
        (["compare", "a.png", "b.png", "--markdown", "--json"], 2, "--json and --markdown"),
        (["compare", "a.png", "b.png", "--markdown", "--csv"], 2, "--csv and --markdown"),
        (["compare", "a.png", "b.png", "--max-pixels", "9"], 1, "no vector"),
        (["models", "resnet5O"], 2, "did you mean"),
        (["nonsense"], 2, "No such command"),
        (["--version"], 0, ""),
    ],
)
def test_exit_codes_and_messages(
    pictures: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    assert exit_code(arguments) == code
    assert said in capsys.readouterr().err


def test_a_table_of_pairs_and_two_models_as_csv(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("p.csv").write_text("a,b,same\na.png,b.png,0\na.png,a.png,1\n")
    arguments = ["compare", "--pairs", "p.csv", "-m", "pixels", "-m", "hash:dhash", "--csv"]
    assert exit_code(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a,b,model,fingerprint,metric,value,same"
    assert len(lines) == 5
    assert lines[4].startswith("a.png,a.png,hash:dhash,")
    assert lines[4].endswith(",hamming,1.0,True")


def test_a_page_is_written_and_not_overwritten_unasked(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["compare", "a.png", "b.png", "c.png", "--html", "page.html"]
    assert exit_code(arguments) == 0
    page = Path("page.html").read_text()
    assert page.count("<img") == 3 + 2 * 3  # beside the matrix's rows, and on both sides of pairs
    assert exit_code(arguments) == 4
    assert exit_code([*arguments, "--force"]) == 0
    assert [file.name for file in pictures.glob("*.tmp")] == []


def test_names_of_any_bytes_go_through_every_format(
    pictures: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    odd = [b"caf\xe9.png", b"new\nline.png", b"<b>[red].png"]
    for name in odd:
        os.symlink("a.png", name)
    names = [os.fsdecode(name) for name in odd]
    assert exit_code(["compare", *names, "--html", "page.html"]) == 0
    assert b"new\\nline.png" in capfdbinary.readouterr().out
    assert exit_code(["compare", *names, "--json"]) == 0
    rows = json.loads(capfdbinary.readouterr().out)["results"]
    assert {rows[0]["a"], rows[0]["b"], rows[1]["b"]} == set(names)
    assert exit_code(["compare", *names, "--csv"]) == 0
    assert b"caf\xe9.png" in capfdbinary.readouterr().out
    assert exit_code(["compare", *names, "--markdown", "-m", "pixels"]) == 0
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert r"| caf\\xe9.png | new\\nline.png | pixels | cosine | 1.0000 |" in lines
    assert r"| caf\\xe9.png | &lt;b&gt;\[red\].png | pixels | cosine | 1.0000 |" in lines


def test_help_lists_every_verb_without_importing_any() -> None:
    code = (
        "import sys; from lookalike.cli import exit_code; exit_code(['--help']);"
        "print([m for m in sys.modules if m in ('numpy', 'PIL', 'rich', 'openvino', 'torch')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(verb in done.stdout for verb in VERBS)
    assert done.stdout.endswith("[]\n")


def test_an_interrupted_command_says_so(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lookalike.comparison.compare", interrupt)
    assert exit_code(["compare", "a.png", "b.png"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_reader_that_leaves_early_sees_no_traceback(pictures: Path) -> None:
    command = f"{sys.executable} -m lookalike models --csv | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=pictures, check=True
    )
    assert done.stdout.startswith("name,")
    assert "Traceback" not in done.stderr


def test_embed_and_ledger_print_one_object_each(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.png").write_bytes(b"no picture")
    assert exit_code(["embed", ".", "-o", "../store", "-m", "pixels", "--json"]) == 1
    parsed = read_json(capsys)
    assert parsed["command"] == "embed"
    assert parsed["results"] == [
        {"outcome": "embedded", "rows": 3},
        {"outcome": "not-an-image", "rows": 1},
    ]
    assert exit_code(["ledger", "../store", "--json"]) == 1
    parsed = read_json(capsys)
    rows: list[dict[str, object]] = parsed["results"]  # type: ignore[assignment]
    assert [row["outcome"] for row in rows] == ["embedded", "embedded", "failed", "embedded"]
    assert rows[2]["reason"] == "not-an-image"
    assert exit_code(["ledger", "../store", "--csv"]) == 1
    assert "broken.png" in capsys.readouterr().out


def test_embed_says_what_to_do_about_failures_and_goes_on(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["embed", "a.png", "gone.png", "-o", "s", "-m", "pixels"]
    assert exit_code(arguments) == 1
    captured = capsys.readouterr()
    assert "2 inputs: about" in captured.err
    assert "lookalike ledger s says why" in captured.err
    assert exit_code(arguments) == 1
    assert "unchanged" in capsys.readouterr().out
    assert exit_code(["embed", "a.png", "-o", "t", "-m", "pixels", "--html", "page.html"]) == 0
    assert "1 vector made" in Path("page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["embed", "a.png"], 2, "--store"),
        (["embed", "-o", "s"], 2, "PICTURES"),
        (["embed", "a.png", "-o", "s", "--view", "flop"], 2, "did you mean flip"),
        (["embed", "a.png", "-o", "s", "-m", "hash:phash"], 4, "algorithm"),
        (["embed", "a.png", "-o", "s"], 0, ""),
        (["embed", "a.png", "-o", "s", "--view", "flip"], 2, "views"),
        (["embed", "a.png", "-o", "a.png"], 2, "no folder of shards"),
        (["embed", "phots", "-o", "s"], 2, "no such file or folder (phots)"),
        (["embed", "phots", "a.png", "-o", "s", "--prune"], 2, "would be pruned"),
        (["ledger", "nowhere"], 2, "no store"),
        (["ledger", "s"], 0, ""),
    ],
)
def test_exit_codes_and_messages_of_stores(
    pictures: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    assert exit_code(["embed", "a.png", "-o", "s", "-m", "pixels"]) == 0
    capsys.readouterr()
    assert exit_code(arguments) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_names_of_any_bytes_are_printed_whatever_the_terminal_has(
    pictures: Path, encoding: str
) -> None:
    for name, new in (("a.png", b"caf\xe9.png"), ("b.png", b"c\x1b[31m.png")):
        os.rename(pictures / name, os.path.join(os.fsencode(pictures), new))
    run = subprocess.run(
        [sys.executable, "-m", "lookalike", "compare", ".", "-m", "pixels"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout.count(b"\\xe9") == run.stdout.count(b"\\x1b") == 2  # a row and a heading
    assert b"\x1b" not in run.stdout


def test_a_name_that_is_taken_as_a_pattern_is_said(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["compare", "[a].png", "b.png", "-m", "pixels"]) == 0
    assert "[a].png: nothing is called so" in capsys.readouterr().err
    assert exit_code(["compare", "[ab].*", "-m", "pixels"]) == 0
    assert capsys.readouterr().err == ""


def test_wrong_use_is_told_without_the_terminals_controls(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_code(["compare", "--\x1b[31m"]) == 2
    assert "\x1b" not in capsys.readouterr().err
