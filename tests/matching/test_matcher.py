import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import lookalike
from lookalike import ImageMatcher
from lookalike.errors import FingerprintError, OverwriteError, UsageError
from lookalike.testing import scene_picture

Pictures = list[NDArray[np.uint8]]


def views(scenes: int, each: int) -> tuple[Pictures, list[int]]:
    """So many scenes, several noisy pictures of each; and which scene each shows."""
    rng = np.random.default_rng(0)
    found, truth = [], []
    for scene in range(scenes):
        picture = scene_picture(scene).astype(np.int64)
        for _ in range(each):
            noise = rng.integers(-40, 41, picture.shape)
            found.append((picture + noise).clip(0, 255).astype(np.uint8))
            truth.append(scene)
    return found, truth


@pytest.fixture(scope="module")
def card() -> lookalike.ThresholdCard:
    pictures, truth = views(25, 4)
    found = lookalike.load_encoder("pixels").encode(pictures)
    return lookalike.calibrate(found, truth=truth, target="fpr=0.01").card


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for n, picture in enumerate(views(3, 2)[0]):
        Image.fromarray(picture).save(folder / f"{n}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_a_match_says_what_its_card_says(card: lookalike.ThresholdCard, files: Path) -> None:
    found = ImageMatcher(card=card).match(files / "0.png", files / "1.png")
    assert found.value is not None
    assert found.verdict is card.matches(found.value) is True
    assert found.probability == card.probability(found.value)
    assert found.threshold == card.threshold
    assert found.words == "match"
    other = ImageMatcher(card=card).match(files / "0.png", files / "2.png")
    assert (other.verdict, other.words) == (False, "no match")


def test_values_are_those_of_compare(card: lookalike.ThresholdCard, files: Path) -> None:
    pair = str(files / "0.png"), str(files / "3.png")
    (result,) = lookalike.compare(*pair, models="pixels").results
    assert ImageMatcher(card=card).match(*pair).value == result.value


def test_many_pairs_are_as_one_by_one(card: lookalike.ThresholdCard, files: Path) -> None:
    matcher = ImageMatcher(card=card)
    names = [str(files / name) for name in ("0.png", "1.png", "broken.png", "2.png", "gone.png")]
    pairs = [(a, b) for a in names for b in names]
    batch = matcher.match_pairs(pairs)
    assert batch == tuple(matcher.match(*pair) for pair in pairs)
    assert sum(one.error is not None for one in batch) == 25 - 9
    assert matcher.match_pairs([]) == ()


def test_each_file_is_encoded_once(
    card: lookalike.ThresholdCard, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matcher = ImageMatcher(card=card)
    decoded: list[str] = []
    encode = type(matcher.encoder).encode

    def counting(self: object, source: lookalike.ImageSource, **options: object) -> object:
        decoded.extend(place.id for place in source.places())
        return encode(self, source, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(type(matcher.encoder), "encode", counting)
    matcher.match_pairs([(files / "0.png", files / name) for name in ("0.png", "1.png", "2.png")])
    assert len(decoded) == 3


def test_a_picture_that_cannot_be_read_has_a_reason_and_no_verdict(
    card: lookalike.ThresholdCard, files: Path
) -> None:
    found = ImageMatcher(card=card).match(files / "gone.png", files / "broken.png")
    assert (found.value, found.verdict, found.probability) == (None, None, None)
    assert found.error is not None
    assert found.error.startswith("a: missing")
    assert "b: not-an-image" in found.error
    assert found.words == "no verdict"


def test_without_a_calibration_there_is_a_value_and_no_verdict(files: Path) -> None:
    found = ImageMatcher("pixels").match(files / "0.png", files / "1.png")
    assert found.value is not None
    assert (found.verdict, found.probability, found.words) == (None, None, "no verdict")
    assert any("no threshold is invented" in note for note in found.notes)


def test_the_published_score_is_minus_the_distance(files: Path) -> None:
    matcher = ImageMatcher("pixels", metric="negative-euclidean")
    pair = files / "0.png", files / "2.png"
    value = matcher.match(*pair).value
    a, b = lookalike.load_encoder("pixels").encode([str(one) for one in pair]).vectors
    assert value == pytest.approx(-math.dist(a.tolist(), b.tolist()), rel=1e-6)
    assert matcher.match(pair[1], pair[0]).value == value
    assert matcher.match(pair[0], pair[0]).value == 0


def test_unit_vectors_at_sixty_degrees_score_minus_one() -> None:
    corner = [math.cos(math.pi / 3), math.sin(math.pi / 3)]
    found = lookalike.similarity([1, 0], corner, metric="negative-euclidean")
    assert found == pytest.approx(-1)
    cosine = lookalike.similarity([1, 0], corner)
    assert cosine == pytest.approx(1 - float(found) ** 2 / 2)


def test_a_card_for_another_encoder_is_refused(card: lookalike.ThresholdCard) -> None:
    with pytest.raises(FingerprintError, match="does not hold for hash:phash"):
        ImageMatcher("hash:phash", card)
    with pytest.raises(UsageError, match="cosine, not on euclidean"):
        ImageMatcher(card=card, metric="euclidean")
    with pytest.raises(UsageError, match="neither"):
        ImageMatcher()


def test_a_folder_is_not_a_picture(card: lookalike.ThresholdCard, files: Path) -> None:
    with pytest.raises(UsageError, match="several pictures where one is needed"):
        ImageMatcher(card=card).match(files, files / "0.png")


def test_pairs_are_pairs(card: lookalike.ThresholdCard, files: Path) -> None:
    name = str(files / "0.png")
    for wrong in ([name, name], [(name, name, name)], [(name,)]):
        with pytest.raises(UsageError, match=r"\(a, b\)"):
            ImageMatcher(card=card).match_pairs(wrong)  # type: ignore[arg-type]


def test_a_value_beyond_the_calibration_is_said(card: lookalike.ThresholdCard, files: Path) -> None:
    strict = dataclasses.replace(
        card, reference=dataclasses.replace(card.reference, quantiles=(-0.5, 0.5))
    )
    found = ImageMatcher(card=strict).match(files / "0.png", files / "0.png")
    assert any("above all those" in note for note in found.notes)


def test_what_people_say_becomes_a_truth(
    card: lookalike.ThresholdCard, files: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    for a, b, word in (("0", "1", "same"), ("2", "3", "same"), ("0", "2", "different")):
        pair = files / f"{a}.png", files / f"{b}.png"
        lookalike.match(*pair, say=word, by="Ann", labels=labels)
    lookalike.match(files / "4.png", files / "5.png", card=card, labels=labels)
    found = lookalike.load_encoder("pixels").encode(files)
    evaluation = lookalike.evaluate(found, truth=labels)
    assert evaluation.truth.startswith("2 same and 1 different pairs")
    assert any("1 verdict by a threshold" in note for note in evaluation.notes)


def test_a_verdict_needs_a_calibration_or_a_person(files: Path, tmp_path: Path) -> None:
    pair = files / "0.png", files / "1.png"
    with pytest.raises(UsageError, match="no verdict without a calibration"):
        lookalike.match(*pair)
    with pytest.raises(UsageError, match="no file to keep it"):
        lookalike.match(*pair, say="same")
    with pytest.raises(UsageError, match="none of same"):
        lookalike.match(*pair, say="yes", labels=tmp_path / "l.csv")
    grey = np.full((8, 8, 3), 9, np.uint8)
    with pytest.raises(UsageError, match="only pictures in files"):
        lookalike.match(grey, grey, say="same", labels=tmp_path / "l.csv")
    assert not (tmp_path / "l.csv").exists()


def test_an_unreadable_picture_is_not_remembered(files: Path, tmp_path: Path) -> None:
    labels = tmp_path / "l.csv"
    found = lookalike.match(files / "0.png", files / "broken.png", say="same", labels=labels)
    assert found.error is not None
    assert not labels.exists()


def test_a_card_file_is_not_replaced_unasked(card: lookalike.ThresholdCard, tmp_path: Path) -> None:
    card.save(tmp_path / "c.json")
    with pytest.raises(OverwriteError):
        card.save(tmp_path / "c.json")
    assert ImageMatcher(card=tmp_path / "c.json").card == card
