import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lookalike.cli import exit_code
from lookalike.testing import scene_picture
from lookalike.version import __version__

KEYS = {
    "results", "path", "form", "metric", "precision", "opset", "inputs", "outputs", "bytes",
    "nodes", "agreement", "instructions", "calibrated", "decisions", "card", "notes",
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders with two pictures each, and a file that is in the way."""
    monkeypatch.chdir(tmp_path)
    for thing in range(2):
        Path(f"photos/thing{thing}").mkdir(parents=True)
        whole = Image.fromarray(scene_picture(thing))
        whole.save(f"photos/thing{thing}/whole.png")
        whole.crop((6, 4, whole.width, whole.height)).save(f"photos/thing{thing}/part.png")
    Path("there.onnx").write_bytes(b"precious")
    return tmp_path


def parsed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    found: dict[str, Any] = json.loads(captured.out)
    return found


def test_one_object_says_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", "builtin", "-o", "pairs.onnx", "--form", "features-1:N", "--json"]
    assert exit_code(arguments) == 0
    found = parsed(capsys)
    assert set(found) == KEYS | {"command", "version"}
    assert (found["command"], found["version"]) == ("export", __version__)
    assert found["path"] == "pairs.onnx"
    assert found["bytes"] == Path("pairs.onnx").stat().st_size
    assert found["inputs"]["target_features"] == ["N", 416]
    assert {row["engine"] for row in found["results"]} == {"openvino", "onnxruntime"}
    assert found["agreement"] > 0.9999
    assert found["decisions"] is None


def test_int8_has_its_report_in_the_object(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", "builtin", "-o", "small.onnx", "--precision", "int8"]
    arguments += ["--calibrate", "photos", "--judge", "photos", "--resamples", "100", "--json"]
    assert exit_code(arguments) == 0
    found = parsed(capsys)
    assert set(found) == KEYS | {"command", "version"}
    assert found["calibrated"] == 2
    assert found["decisions"]["pictures"]["both"] == 4
    assert found["decisions"]["settings"]["unit"] == "identities"


def test_a_report_is_for_people_too(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", "builtin", "-o", "small.onnx", "--precision", "int8", "--calibrate"]
    assert exit_code([*arguments, "photos", "--samples", "1", "--truth", "folders"]) == 0
    captured = capsys.readouterr()
    assert "nearest neighbours" in captured.out
    assert "base_images" in captured.out
    assert "ranges of int8 from 1 picture" in captured.out + captured.err


def test_a_folder_gets_a_file_with_a_name_of_its_own(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["export", "builtin", "-o", ".", "--form", "N:M", "--json"]) == 0
    assert parsed(capsys)["path"] == "builtin_NMx3x112x112.onnx"
    assert (folder / "builtin_NMx3x112x112.onnx").exists()


def test_options_reach_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", "builtin", "-o", "o.onnx", "--form", "1:1", "--opset", "19", "--json"]
    assert exit_code([*arguments, "--metric", "reciprocal-euclidean", "--precision", "f16"]) == 0
    found = parsed(capsys)
    assert (found["form"], found["metric"]) == ("1:1", "reciprocal-euclidean")
    assert (found["opset"], found["precision"]) == (19, "f16")


def test_checks_as_csv_and_everything_as_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", "builtin", "-o", "o.onnx", "--html", "page.html", "--csv"]
    assert exit_code(arguments) == 0
    assert "base_images" in Path("page.html").read_text()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "engine,base,target,cosine,deviation"
    assert lines[1].startswith("openvino,1,")
    assert len(lines) == 1 + 2 * 4


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["builtin"], 2, "--output"),
        (["builtin", "-o", "there.onnx"], 4, "the file exists"),
        (["builtin", "-o", "no/out.onnx"], 2, "no such folder"),
        (["builtin", "-o", "o.onnx", "--form", "NM"], 2, "unknown form"),
        (["builtin", "-o", "o.onnx", "--metric", "euclid"], 2, "metric of a graph"),
        (["builtin", "-o", "o.onnx", "--opset", "10"], 2, "older than 11"),
        (["builtin", "-o", "o.onnx", "--opset", "99"], 2, "99"),
        (["builtin", "-o", "o.onnx", "--precision", "int4"], 2, "precision of an export"),
        (["builtin", "-o", "o.onnx", "--precision", "int8"], 2, "calibrate"),
        (["builtin", "-o", "o.onnx", "--calibrate", "photos"], 2, "only int8 does"),
        (["builtin", "-o", "o.onnx", "--samples", "0"], 2, "--samples"),
        (["pixels", "-o", "o.onnx"], 2, "no network"),
        (["onnx:gone.onnx", "-o", "o.onnx"], 3, "no ONNX file"),
        (["onnx:there.onnx?preprocess=imagenet", "-o", "o.onnx"], 2, "no ONNX file"),
        (["nonsense:net", "-o", "o.onnx"], 2, "nonsense"),
    ],
)
def test_exit_codes_and_messages(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    before = sorted(folder.iterdir())
    assert exit_code(["export", *arguments]) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert sorted(folder.iterdir()) == before
    assert Path("there.onnx").read_bytes() == b"precious"


def test_force_replaces_a_file() -> None:
    assert exit_code(["export", "builtin", "-o", "there.onnx", "--force"]) == 0
    assert Path("there.onnx").stat().st_size > 1_000_000


def test_help_names_the_forms(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["export", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "embed, embed-1; 1:1, 1:N, N:M; features-1:1, features-1:N, features-N:M." in said
    assert "cosine, reciprocal- euclidean" in said
    assert "f32, f16 or int8" in said
