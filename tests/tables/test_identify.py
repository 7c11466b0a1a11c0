import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import lookalike
from lookalike.cli import exit_code
from lookalike.cli.table import named
from lookalike.encoders.reid.architectures import build
from lookalike.errors import MissingWeightsError, UnknownNameError, UsageError, WeightsError
from lookalike.images import ImageSource
from lookalike.measuring.measurement import Measurement, Task
from lookalike.measuring.worker import measure_apart
from lookalike.report import json_text
from lookalike.tables.reid_pictures import by_column, six_pictures
from lookalike.tables.reid_published import COLUMNS, PICTURES, nearest_rows

PTH, ONNX = "osnet_x0_25_msmt17.pth", "osnet_x0_25_msmt17_combineall.onnx"


@pytest.fixture
def pictures(shared: Path) -> Path:
    return shared / "images" / "reid"


@pytest.mark.parametrize(("file", "row"), [(PTH, 35), (ONNX, 36)])
def test_weights_are_known_by_their_numbers_whatever_the_file_is_called(
    shared: Path, pictures: Path, tmp_path: Path, file: str, row: int
) -> None:
    renamed = tmp_path / f"mlfn-9cb5a267{Path(file).suffix}"  # the name of other weights
    shutil.copy(shared / "weights" / file, renamed)
    found = lookalike.identify(str(renamed), pictures)
    assert found.known
    assert found.nearest[0].row.number == row
    assert found.nearest[0].deviation <= 0.0006
    assert found.nearest[1].verdict == "other weights or another preprocessing"
    assert f"row {row}" in found.words


def test_an_export_is_known_whatever_preprocessing_its_card_has(
    shared: Path, pictures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "which?"
    folder.mkdir()
    weights = shared / "weights" / PTH
    lookalike.export(f"reid:osnet_x0_25?weights={weights}", folder / "net.onnx", opset=17)
    assert lookalike.identify(str(folder / "net.onnx"), pictures).nearest[0].row.number == 35
    shutil.copy(weights, folder / PTH)
    assert lookalike.identify(str(folder / PTH), pictures).known
    with pytest.raises(MissingWeightsError):
        lookalike.identify(str(folder / "absent.pth"), pictures)


def test_what_is_in_a_checkpoint_is_told_beside_what_its_name_claims(
    shared: Path, pictures: Path, tmp_path: Path
) -> None:
    path = tmp_path / "osnet_ain_x1_0_market1501_xent.pth.tar"
    shutil.copy(shared / "weights" / PTH, path)
    plain = lookalike.identify(str(path), pictures).to_dict()["checkpoint"]
    assert plain["network"] == "osnet_x0_25"
    assert plain["identities"] == 1041
    assert plain["suggested_by_identities"].startswith("MSMT17")
    assert plain["claimed_by_name"] == "osnet_ain_x1_0, market1501"


def test_pictures_are_known_by_their_bytes(shared: Path, pictures: Path, tmp_path: Path) -> None:
    for number, one in enumerate(sorted(pictures.iterdir(), reverse=True)):
        shutil.copy(one, tmp_path / f"{number}{one.suffix}")
    shutil.copy(shared / "images" / "reid" / "1.png", tmp_path / "again.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    mine, theirs = six_pictures(tmp_path), six_pictures(pictures)
    assert mine.pairs == theirs.pairs
    for a, b in zip(mine.places, theirs.places, strict=True):
        assert a.path is not None
        assert b.path is not None
        assert Path(a.path).read_bytes() == Path(b.path).read_bytes()
    names = [Path(place.path or "").name for place in theirs.places]
    told = [(names[pair.a], names[pair.b], pair.same) for pair in theirs.pairs]
    assert told == list(COLUMNS.values())


def test_a_picture_that_is_missing_or_was_written_anew_is_named(
    pictures: Path, tmp_path: Path
) -> None:
    from PIL import Image

    for one in pictures.iterdir():
        shutil.copy(one, tmp_path)
    Image.open(tmp_path / "2.png").save(tmp_path / "2.png", optimize=True)
    (tmp_path / "00031.jpg").unlink()
    with pytest.raises(UsageError, match=r"00031\.jpg, 2\.png are not there"):
        six_pictures(tmp_path)


def test_values_go_by_column_and_not_by_position() -> None:
    values = dict(zip(COLUMNS, [0.352, 0.536, 0.728, 0.563, 0.380, 0.332], strict=True))
    assert by_column(list(values.values())) == values
    assert by_column([0.352, None, None, None, 0.380, None]) == {"30_31": 0.352, "30_1": 0.38}
    turned = dict(reversed(list(values.items())))
    assert nearest_rows(turned)[0].row.number == 35


def test_another_preprocessing_is_said_to_be_no_evidence(shared: Path, pictures: Path) -> None:
    found = lookalike.identify(f"reid:osnet_x0_25?weights={shared}/weights/{PTH}", pictures)
    assert not found.known
    assert "pinto" in found.notes[0]
    assert found.nearest[0].row.number == 35  # near, and yet no match


def test_weights_of_no_row_are_told_as_such(pictures: Path) -> None:
    encoder = lookalike.load_encoder("reid:osnet_x0_25?weights=random&preprocess=pinto")
    found = lookalike.identify(encoder, pictures)
    assert not found.known
    assert "No published row" in found.words
    assert any("RANDOM" in note for note in found.notes)


def test_what_can_t_be_identified_is_refused(shared: Path, pictures: Path, tmp_path: Path) -> None:
    torch.save({"layer.weight": torch.zeros(3, 3)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="no re-identification network"):
        lookalike.identify(str(tmp_path / "other.pth"), pictures)
    state = build("osnet_x0_25").state_dict()
    torch.save({k: v for k, v in state.items() if "conv4" not in k}, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match="missing"):
        lookalike.identify(str(tmp_path / "part.pth"), pictures)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match="no file of weights"):
        lookalike.identify(str(tmp_path / "notes.txt"), pictures)
    with pytest.raises(UsageError, match="cosines"):
        lookalike.identify("hash:phash", pictures)


def test_the_command_says_which_row_and_by_its_exit_code_whether_there_is_one(
    shared: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = str(shared / "weights" / PTH)
    assert exit_code(["identify", weights, str(pictures), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["results"][0]["row"] == 35
    assert len(plain["results"]) == 3
    assert exit_code(["identify", "builtin", str(pictures), "--count", "1"]) == 1
    assert "No published row" in capsys.readouterr().out
    assert exit_code(["identify", weights, str(shared / "images" / "photos")]) == 2
    assert "six pictures" in capsys.readouterr().err


def test_a_table_shows_the_published_rows_beside_a_run(
    shared: Path,
    pictures: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: dict[str, Measurement] = {}

    def once(task: Task) -> Measurement:  # a process loads torch
        return answers.get(task.model) or answers.setdefault(task.model, measure_apart(task))

    monkeypatch.setattr("lookalike.measuring.trying.measure_apart", once)
    model = f"reid:osnet_x0_25?weights={shared}/weights/{PTH}&preprocess=pinto"
    command = ["table", str(pictures), "--beside-published", "reid", "--models", model, "pixels"]
    quick = ["--repeats", "2", "--most-seconds", "0.1"]
    assert exit_code([*command, *quick, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["results"]
    values = {column: pair["value"] for column, pair in zip(COLUMNS, first["pairs"], strict=True)}
    assert values == pytest.approx(first["resembles"][0]["values"], abs=0.0006)
    assert first["resembles"][0]["row"] == 35
    assert first["resembles"][0]["verdict"] == "these weights"
    assert second["resembles"][0]["verdict"] != "these weights"
    assert exit_code([*command, *quick, "--markdown"]) == 0
    page = capsys.readouterr().out.replace("\\", "")
    assert "osnet_x0_25_msmt17_256x128_amsgrad_ep180_stp80_lr0" in page
    assert "resnet50_fc512_msmt_xent" in page  # the whole table is there


@pytest.mark.parametrize(
    "arguments",
    [
        ["--beside-published", "reid", "--models", "pixels"],
        ["--beside-published", "reid", "--anchor", "a", "--positive", "b", "--negative", "c"],
    ],
)
def test_the_published_similarities_need_their_pictures(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["table", *arguments, "-m", "pixels"]) == 2
    assert "six pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("--beside-published", "--beside-published=classifiers"),
        ("--beside-published a.csv", "--beside-published=classifiers a.csv"),
        ("--beside-published reid six", "--beside-published=reid six"),
        ("--beside-published --json", "--beside-published=classifiers --json"),
        ("six --beside-published=reid -m a b", "six --beside-published=reid -m a b"),
        ("-m a reid --beside-published", "-m a reid --beside-published=classifiers"),
    ],
)
def test_the_name_of_the_published_table_may_be_left_out(arguments: str, meant: str) -> None:
    assert named(arguments.split()) == meant.split()


def test_an_unknown_published_table_and_another_metric_are_refused(pictures: Path) -> None:
    with pytest.raises(UnknownNameError, match="published table"):
        lookalike.table(models=["pixels"], beside_published="persons")
    with pytest.raises(UsageError, match="cosines"):
        lookalike.table(pictures, models=["pixels"], beside_published="reid", metric="euclidean")


def test_every_picture_of_the_table_is_described_by_its_pixels(pictures: Path) -> None:
    import hashlib

    for picture in ImageSource(pictures):
        assert isinstance(picture, lookalike.Picture)
        pixels = np.asarray(picture.rgb()).tobytes()
        known = PICTURES[Path(picture.id).name]
        assert hashlib.sha256(pixels).hexdigest()[:16] == known.pixels


def test_a_result_is_plain_values(shared: Path, pictures: Path) -> None:
    found = lookalike.identify(str(shared / "weights" / ONNX), pictures)
    plain = json.loads(json_text("identify", found))
    assert plain["values"] == dict(found.values)
    assert plain["checkpoint"] is None
