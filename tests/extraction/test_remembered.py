import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from lookalike import embed
from lookalike.errors import FingerprintError
from lookalike.extraction import workers
from lookalike.extraction.remembered import FILE
from lookalike.testing import scene_picture

OPTIONS = "?preprocess=minus-one-to-one&output=features"


@pytest.fixture
def weights(shared: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "net.onnx"
    shutil.copy(shared / "weights" / "mobilenet_v1_075_224.onnx", copy)
    return copy


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(scene_picture(1)).save(path)
    os.utime(path, (1.6e9, 1.6e9))
    return path


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    loaded: list[str] = []
    load = workers.load_quickest

    def counted(name: str, *args: object, **options: object) -> object:
        loaded.append(name)
        return load(name, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(workers, "load_quickest", counted)
    return loaded


def test_weights_that_did_not_change_are_not_loaded_again(
    weights: Path, picture: Path, tmp_path: Path, loads: list[str]
) -> None:
    name = f"onnx:{weights}{OPTIONS}"
    embed(picture, store=tmp_path / "s", model=name)
    embed(picture, store=tmp_path / "s", model=name)
    assert len(loads) == 1
    os.utime(weights, (1.7e9, 1.7e9))  # touched: looked at, and found to be the same
    assert embed(picture, store=tmp_path / "s", model=name).counts.unchanged == 1
    assert len(loads) == 2
    embed(picture, store=tmp_path / "s", model=name)
    assert len(loads) == 2


def test_other_weights_under_the_same_name_are_refused_though_nothing_is_to_be_done(
    weights: Path, picture: Path, tmp_path: Path
) -> None:
    name = f"onnx:{weights}{OPTIONS}"
    embed(picture, store=tmp_path / "s", model=name)
    data = bytearray(weights.read_bytes())
    place = len(data) // 2  # somewhere among the weights
    data[place] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(FingerprintError, match="weights: sha256"):
        embed(picture, store=tmp_path / "s", model=name)


def test_another_spelling_is_loaded_and_a_damaged_note_is_made_anew(
    weights: Path, picture: Path, tmp_path: Path, loads: list[str]
) -> None:
    embed(picture, store=tmp_path / "s", model=f"onnx:{weights}{OPTIONS}")
    embed(picture, store=tmp_path / "s", model=f"onnx:{weights}{OPTIONS}&exif=true")
    assert len(loads) == 2
    (tmp_path / "s" / FILE).write_text("{")
    embed(picture, store=tmp_path / "s", model=f"onnx:{weights}{OPTIONS}")
    assert len(loads) == 3
    assert (tmp_path / "s" / FILE).read_text() != "{"
