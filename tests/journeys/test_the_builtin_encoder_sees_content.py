"""What the encoder in the package is promised to do, held on pictures it was never trained on."""

from pathlib import Path

import numpy as np
import pytest
import training.builtin
from training.builtin.config import Config
from training.builtin.figures import copies_found, photographs
from training.builtin.pictures import Labelled, read_archive
from training.builtin.teacher import TEACHER
from training.builtin.verdict import draw_pairs

import lookalike


@pytest.fixture(scope="module")
def val(shared: Path) -> Labelled:
    return read_archive(shared / "data/tiny-imagenet/val.tar")


@pytest.fixture(scope="module")
def unseen(val: Labelled) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Positions of the pictures of classes that the shipped weights were never trained on."""
    recipe = Path(training.builtin.__file__).parent / "configs" / "builtin.yaml"
    return np.flatnonzero(~Config.load(recipe).trains_on(val.labels))


@pytest.fixture(scope="module")
def vectors(
    val: Labelled, unseen: np.ndarray[tuple[int], np.dtype[np.intp]]
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Of the pictures of classes never trained on."""
    return lookalike.load_encoder("builtin").encode(list(val.pixels[unseen])).vectors


def recall_at_1(
    vectors: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    labels: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> float:
    """Without lookalike's own counting."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    products = units @ units.T
    np.fill_diagonal(products, -2)
    return float((labels[products.argmax(1)] == labels).mean())


@pytest.mark.slow
def test_the_nearest_picture_is_often_of_the_same_class(val: Labelled) -> None:
    vectors = lookalike.load_encoder("builtin").encode(list(val.pixels))
    found = lookalike.evaluate(vectors, truth=val.labels.tolist(), resamples=100).judgements[0]
    recall, auc = found["recall@1"].value, found["roc_auc"].value
    assert recall is not None
    assert auc is not None
    assert recall >= 0.36
    assert auc >= 0.88
    assert recall == pytest.approx(recall_at_1(vectors.vectors, val.labels), abs=2e-3)


def test_it_goes_for_classes_that_it_never_saw(
    vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    val: Labelled,
    unseen: np.ndarray[tuple[int], np.dtype[np.intp]],
    shared: Path,
) -> None:
    teacher = lookalike.load_encoder(TEACHER.format(shared / "weights/mobilenet_v2_100_224.onnx"))
    assert len(unseen) == 2000
    labels = val.labels[unseen]
    own = recall_at_1(vectors, labels)
    assert own >= 0.42
    some = np.arange(0, len(unseen), 3)  # the teacher is slow
    of_teacher = recall_at_1(teacher.encode(list(val.pixels[unseen[some]])).vectors, labels[some])
    assert recall_at_1(vectors[some], labels[some]) >= 0.7 * of_teacher


def test_copies_are_found_among_two_thousand_pictures(
    val: Labelled, unseen: np.ndarray[tuple[int], np.dtype[np.intp]], shared: Path
) -> None:
    originals = photographs(shared / "images/photos")[::3]
    others = val.taken(unseen)
    found = copies_found([lookalike.load_encoder("builtin")], originals, others, seed=0)
    (overall,) = (one.value for one in found if one.what == "all edits")
    assert overall >= 0.95


@pytest.mark.slow
def test_copies_are_found_among_ten_thousand_pictures(val: Labelled, shared: Path) -> None:
    originals = photographs(shared / "images/photos")
    assert len(originals) == 63
    found = copies_found([lookalike.load_encoder("builtin")], originals, val, seed=0)
    (overall,) = (one.value for one in found if one.what == "all edits")
    assert overall >= 0.93


def test_the_verdict_holds_for_other_pictures_of_classes_that_it_never_saw(
    val: Labelled, unseen: np.ndarray[tuple[int], np.dtype[np.intp]]
) -> None:
    """Classes whose training pictures the verdict was not fitted on either: every other one."""
    kinds = np.unique(val.labels[unseen])[1::2]
    chosen = np.flatnonzero(np.isin(val.labels, kinds))
    encoder = lookalike.load_encoder("builtin")
    verdict = encoder.card.verdict
    assert verdict is not None
    pairs = draw_pairs(encoder, val.taken(chosen), seed=1)
    told = [verdict.of(value) for value in pairs.cosines]
    for name, kinds_of_same in (("same_picture", 1), ("same_kind", 2)):
        said = np.array([getattr(one, name) for one in told])
        true = pairs.kinds < kinds_of_same
        error = 0.0
        for low in np.linspace(0, 1, 15, endpoint=False):
            inside = (said >= low) & (said < low + 1 / 15)
            error += abs(said[inside].sum() - true[inside].sum()) / len(said)
        assert error <= 0.05
        assert said[true].mean() > said[~true].mean() + 0.3  # it says something, too
