import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.errors import UsageError
from lookalike.images import ImageSource, Picture, Place, Unreadable
from lookalike.measuring.subject import (
    anchor_subject,
    example_subject,
    folder_subject,
    table_subject,
)


def outcomes(places: tuple[Place, ...]) -> list[object]:
    """Bytes of the pixels, or the reason."""
    found: list[object] = []
    for one in ImageSource(places):
        good = isinstance(one, Picture)
        found.append(np.asarray(one.rgb()).tobytes() if good else (one.reason, one.detail))  # type: ignore[union-attr]
    return found


def test_every_kind_of_picture_reaches_another_process_with_the_same_pixels(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (9, 7, 3), np.uint8)
    Image.fromarray(array).save(tmp_path / "file.png")
    encoded = io.BytesIO()
    Image.fromarray(array).save(encoded, "PNG")
    for name in ("plain.tar", "packed.tar.gz"):
        with tarfile.open(tmp_path / name, "w:gz" if name.endswith("gz") else "w") as archive:
            info = tarfile.TarInfo("in.png")
            info.size = len(encoded.getvalue())
            archive.addfile(info, io.BytesIO(encoded.getvalue()))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG but no more")
    negatives = [
        array,
        Image.fromarray(array),
        str(tmp_path / "plain.tar"),
        str(tmp_path / "packed.tar.gz"),
        str(tmp_path / "broken.png"),
        str(tmp_path / "missing.png"),
    ]
    subject = anchor_subject(str(tmp_path / "file.png"), array, negatives)
    sent = pickle.loads(pickle.dumps(subject))
    found = outcomes(sent.places)
    assert found[:6] == [array.tobytes()] * 6
    assert found == outcomes(subject.places)
    assert len(found) == 8  # inputs = pictures + reasons
    assert sum(isinstance(one, tuple) for one in found) == 2
    assert sent.pairs == subject.pairs


def test_roles_number_what_there_are_several_of_and_pairs_share_the_anchor() -> None:
    subject = anchor_subject("a.jpg", ["p.jpg", "q.jpg"], ["n.jpg"])
    assert subject.roles == ("positive 1", "positive 2", "negative")
    assert [(pair.a, pair.b, pair.same) for pair in subject.pairs] == [
        (0, 1, True),
        (0, 2, True),
        (0, 3, False),
    ]
    assert subject.anchored


def test_one_picture_in_two_roles_keeps_two_ids() -> None:
    subject = anchor_subject("a.jpg", ["p.jpg", "p.jpg"], "n.jpg")
    ids = [place.id for place in subject.places]
    assert len(set(ids)) == 4
    assert ids[3] == "n.jpg"


def test_an_anchor_is_one_picture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 pictures can't be the anchor"):
        anchor_subject(["a.jpg", "b.jpg"], "p.jpg", "n.jpg")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="0 pictures can't be the negative"):
        anchor_subject("a.jpg", "p.jpg", str(tmp_path / "empty"))


def test_a_table_says_what_is_the_same_and_what_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("a,b,same\nx.jpg,y.jpg,1\nx.jpg,z.jpg,0\ny.jpg,z.jpg,\n")
    subject = table_subject(tmp_path / "p.csv")
    assert subject.roles == ("same", "different", "")
    assert not subject.anchored
    assert len(subject.places) == 3


def test_another_question_has_another_digest(tmp_path: Path) -> None:
    for name in "apn":
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    files = [str(tmp_path / f"{name}.png") for name in "apn"]

    def digest() -> str:
        return anchor_subject(*files).digest

    before = digest()
    assert digest() == before
    assert anchor_subject(files[0], files[2], files[1]).digest != before
    Image.new("RGB", (80, 80), "red").save(files[1])
    assert digest() != before


def test_pictures_of_the_package_are_readable_and_the_positive_is_of_the_anchor() -> None:
    subject = pickle.loads(pickle.dumps(example_subject()))
    assert not [one for one in ImageSource(subject.places) if isinstance(one, Unreadable)]
    assert [place.id for place in subject.places] == ["cat.jpg", "cat-part.jpg", "rocket.jpg"]


def test_pictures_from_memory_are_told_apart_by_what_they_hold() -> None:
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert anchor_subject(black, white, white).digest == anchor_subject(black, white, white).digest
    assert anchor_subject(black, white, white).digest != anchor_subject(black, black, white).digest


def test_a_pair_that_is_there_twice_counts_once_and_a_contradiction_is_refused(
    tmp_path: Path,
) -> None:
    table = tmp_path / "p.csv"
    rows = ["a,b,same", "x,y,1", "y,x,1", "x,z,0", "x,x,1"]
    table.write_text("\n".join(rows))
    subject = table_subject(table)
    assert [(pair.a, pair.b, pair.same) for pair in subject.pairs] == [(0, 1, True), (0, 2, False)]
    assert subject.notes == (
        "left out: 1 pair that was there before",
        "left out: 1 pair that is of a picture with itself",
    )
    table.write_text("\n".join([*rows, "z,x,1"]))
    with pytest.raises(UsageError, match="the same in one row and different in another"):
        table_subject(table)


def test_a_truth_that_one_row_leaves_open_another_may_tell(tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    table.write_text("a,b,same\nx,y,\ny,x,1\nx,z,0\nz,x,\n")
    subject = table_subject(table)
    assert [pair.same for pair in subject.pairs] == [True, False]


def test_a_picture_with_itself_is_no_pair_to_judge_by(tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    table.write_text("a,b,same\nx,x,1\nx,y,0\n")
    with pytest.raises(UsageError, match="no pair that is same"):
        table_subject(table)


def test_a_picture_in_memory_that_breaks_off_keeps_its_row(tmp_path: Path) -> None:
    file = tmp_path / "whole.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(file)
    (tmp_path / "broken.jpg").write_bytes(file.read_bytes()[:900])
    with Image.open(tmp_path / "broken.jpg") as broken:
        subject = anchor_subject(str(file), broken, np.zeros((4, 4, 3), np.uint8))
        found = list(ImageSource(pickle.loads(pickle.dumps(subject)).places))
        assert subject.digest
    assert [isinstance(one, Unreadable) for one in found] == [False, True, False]


def test_pictures_in_no_folder_are_not_taken_for_one_thing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("r0.png", "r1.png", "a/0.png", "a/1.png", "b/0.png", "b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    subject = folder_subject(["r0.png", "r1.png", "a", "b"], pairs=9)
    assert {place.id for place in subject.places} == {"a/0.png", "a/1.png", "b/0.png", "b/1.png"}
    assert subject.notes == ("left out: 2 pictures in no folder",)
    assert "of a list, seed" in subject.source


def test_a_positive_that_is_the_anchor_is_left_out_and_that_is_told() -> None:
    subject = anchor_subject("a.jpg", ["a.jpg", "p.jpg"], "n.jpg")
    assert [place.id for place in subject.places] == ["a.jpg", "p.jpg", "n.jpg"]
    assert subject.notes == ("left out of the positives: a.jpg, the anchor itself",)
    with pytest.raises(UsageError, match="every positive is the anchor"):
        anchor_subject("a.jpg", "./a.jpg", "n.jpg")
