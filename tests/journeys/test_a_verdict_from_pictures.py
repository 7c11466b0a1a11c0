"""From a folder of pictures to a verdict, through the installed command."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.testing import scene_picture

COMMAND = str(Path(sys.executable).with_name("lookalike"))


def lookalike(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], cwd=folder, capture_output=True, text=True, timeout=900, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of 30 scenes in folders, a store of them, and a card."""
    place = tmp_path_factory.mktemp("journey")
    rng = np.random.default_rng(0)
    for scene in range(30):
        (place / "photos" / f"scene{scene}").mkdir(parents=True)
        picture = scene_picture(scene).astype(np.int64)
        for n in range(4):
            noisy = (picture + rng.integers(-40, 41, picture.shape)).clip(0, 255)
            Image.fromarray(noisy.astype(np.uint8)).save(
                place / "photos" / f"scene{scene}" / f"{n}.png"
            )
    (place / "photos" / "scene0" / "broken.png").write_bytes(b"no picture")
    assert lookalike("embed", "photos", "-o", "store", "-m", "pixels", folder=place).returncode == 1
    made = lookalike("calibrate", "store", "--target", "fpr=0.01", "-o", "card.json", folder=place)
    assert made.returncode == 0, made.stderr
    assert "wrote card.json" in made.stderr
    return place


def test_evaluate_says_what_it_left_out_and_every_number(folder: Path) -> None:
    ran = lookalike("evaluate", "store", "--json", folder=folder)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    measures = {one["measure"]: one for one in found["results"]}
    assert measures["roc_auc"]["low"] <= measures["roc_auc"]["value"] <= measures["roc_auc"]["high"]
    assert measures["roc_auc"]["over"] == "180 same and 6,960 different pairs"
    assert any("1 input of store without a vector" in note for note in found["notes"])
    assert {plot["name"] for plot in found["plots"]} == {
        "roc", "precision-recall", "recall", "scores-1",
    }  # fmt: skip


def test_evaluate_writes_plots_and_a_page(folder: Path, tmp_path: Path) -> None:
    options = ("--plots", str(tmp_path / "plots"), "--html", str(tmp_path / "page.html"))
    ran = lookalike("evaluate", "store", *options, folder=folder)
    assert ran.returncode == 0, ran.stderr
    names = {one.name for one in (tmp_path / "plots").iterdir()}
    assert names == {"roc.png", "precision-recall.png", "recall.png", "scores-1.png"}
    for name in names:
        with Image.open(tmp_path / "plots" / name) as plot:
            assert len(plot.convert("RGB").getcolors(1 << 24) or ()) > 10
    assert (tmp_path / "page.html").read_text().count("data:image/svg+xml") == 4
    again = lookalike("evaluate", "store", "--plots", str(tmp_path / "plots"), folder=folder)
    assert again.returncode == 4


def test_two_stores_are_compared_in_words(folder: Path) -> None:
    made = lookalike("embed", "photos", "-o", "hashes", "-m", "hash:phash", folder=folder)
    assert made.returncode == 1
    ran = lookalike("evaluate", "store", "--against", "hashes", "--json", folder=folder)
    assert ran.returncode == 0, ran.stderr
    differences = json.loads(ran.stdout)["differences"]
    assert {one["measure"] for one in differences} >= {"roc_auc", "recall@1", "mAP"}
    for one in differences:
        said = "is better" if one["distinguishable"] else "not distinguishable"
        assert said in one["words"]


def pair(a: str, b: str) -> tuple[str, str]:
    return f"photos/{a}.png", f"photos/{b}.png"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((*pair("scene1/0", "scene1/1"), "--card", "card.json"), 0, "match"),
        ((*pair("scene1/0", "scene2/0"), "--card", "card.json"), 1, "no match"),
        ((*pair("scene1/0", "scene0/broken"), "--card", "card.json"), 2, "b: not-an-image"),
        ((*pair("scene1/0", "gone"), "--card", "card.json"), 2, "b: missing"),
        ((*pair("scene1/0", "scene1/1"), "--card", "none.json"), 2, "can't be read"),
        (pair("scene1/0", "scene1/1"), 2, "no verdict without a calibration"),
        ((*pair("scene1/0", "scene1/1"), "--card", "card.json", "-m", "hash:phash"), 2,
         "does not hold for hash:phash"),
        ((*pair("scene1/0", "scene1/1"), "--card", "card.json", "--prior", "2"), 2, "prior"),
        (("photos", "photos", "--card", "card.json"), 2, "where one is needed"),
        (("photos/scene1/0.png", "--card", "card.json"), 2, "Missing argument"),
    ],
)  # fmt: skip
def test_match_has_three_exit_codes(
    folder: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    ran = lookalike("match", *words, folder=folder)
    assert ran.returncode == code
    assert said in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def test_match_prints_one_object(folder: Path) -> None:
    words = pair("scene1/0", "scene1/1")
    ran = lookalike("match", *words, "--card", "card.json", "--json", folder=folder)
    found = json.loads(ran.stdout)["results"][0]
    assert found["verdict"] is True
    assert found["value"] >= found["threshold"]
    assert 0 < found["probability"] < 1


def test_a_card_refuses_the_scores_of_another_encoder(folder: Path) -> None:
    lookalike("embed", "photos", "-o", "others", "-m", "hash:dhash", folder=folder)
    ran = lookalike("drift", "others", "--card", "card.json", folder=folder)
    assert ran.returncode == 4
    assert "does not hold for hash:dhash" in ran.stderr


def test_drift_has_an_exit_code(folder: Path, tmp_path: Path) -> None:
    assert lookalike("drift", "store", "--card", "card.json", folder=folder).returncode == 0
    rng = np.random.default_rng(1)
    (tmp_path / "noise").mkdir()
    for n in range(20):
        grey = rng.integers(0, 256, (32, 32), np.uint8)
        Image.fromarray(grey).save(tmp_path / "noise" / f"{n}.png")
    store = str(tmp_path / "noisy")
    lookalike("embed", str(tmp_path / "noise"), "-o", store, "-m", "pixels", folder=folder)
    ran = lookalike("drift", store, "--card", "card.json", folder=folder)
    assert ran.returncode == 1
    assert "DRIFT" in ran.stdout


def test_a_rate_that_can_not_be_known_is_refused(folder: Path) -> None:
    ran = lookalike("calibrate", "store", "--target", "fpr=1e-5", folder=folder)
    assert ran.returncode == 4
    assert "1,000,000 different pairs would do" in ran.stderr


def test_review_becomes_calibration(folder: Path, tmp_path: Path) -> None:
    labels = str(tmp_path / "labels.csv")
    said = [(f"scene{n}/0", f"scene{n}/1", "same") for n in range(12)]
    said += [(f"scene{n}/0", f"scene{n + 1}/0", "different") for n in range(12)]
    from lookalike import match

    for a, b, word in said:
        names = [str(folder / one) for one in pair(a, b)]
        match(*names, say=word, by="Ann", labels=labels)
    options = ("--truth", labels, "--target", "f1", "--json")
    ran = lookalike("calibrate", "store", *options, folder=folder)
    assert ran.returncode == 0, ran.stderr
    card = json.loads(ran.stdout)["results"][0]
    assert (card["same"], card["different"]) == (12, 12)
