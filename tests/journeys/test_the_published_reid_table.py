"""A researcher reproduces a row of the published re-identification table, in one command."""

import json
from pathlib import Path

import pytest

import lookalike
from lookalike.cli import exit_code

PUBLISHED = {
    ("00030.jpg", "00031.jpg"): 0.338,
    ("1.png", "2.png"): 0.453,
    ("1.png", "3.png"): 0.683,
    ("1.png", "4.png"): 0.615,
    ("00030.jpg", "1.png"): 0.329,
    ("00031.jpg", "2.png"): 0.348,
}


@pytest.fixture
def pairs(shared: Path, tmp_path: Path) -> Path:
    table = tmp_path / "pairs.csv"
    folder = shared / "images" / "reid"
    lines = ["a,b", *(f"{folder / a},{folder / b}" for a, b in PUBLISHED)]
    table.write_text("\n".join(lines) + "\n")
    return table


def model(shared: Path, preprocess: str) -> str:
    return f"onnx:{shared}/weights/osnet_x0_25_msmt17_combineall.onnx?preprocess={preprocess}"


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_each_engine_gives_the_published_row(shared: Path, pairs: Path, engine: str) -> None:
    encoder = lookalike.load_encoder(model(shared, "pinto"), engine=engine, precision="f32")
    result = lookalike.compare(models=encoder, pairs=pairs)
    got = [one.value for one in result.results]
    assert got == pytest.approx(list(PUBLISHED.values()), abs=0.0006)


def test_one_command_gives_the_row_and_the_kernel_decides_it(
    shared: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opencv, pillow = model(shared, "pinto"), model(shared, "pinto&kernel=pillow-bilinear")
    arguments = ["compare", "--pairs", str(pairs), "-m", opencv, "-m", pillow, "--json"]
    assert exit_code(arguments) == 0
    rows = json.loads(capsys.readouterr().out)["results"]
    first, second = rows[:6], rows[6:]
    assert [row["value"] for row in first] == pytest.approx(list(PUBLISHED.values()), abs=0.0006)
    assert len({row["fingerprint"] for row in rows}) == 2
    differences = [abs(a["value"] - b["value"]) for a, b in zip(first, second, strict=True)]
    assert max(differences) > 0.002
