"""Re-identification from pictures to mAP, in the layout and by the rules of Market-1501."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import lookalike
from lookalike.cli import exit_code

Side = dict[str, np.ndarray]

PEOPLE, CAMERAS = 12, 3
KS = (1, 5, 10)


def person(number: int, camera: int, frame: int) -> Image.Image:
    """A figure with clothes of its own, in the light and before the wall of a camera."""
    clothes = np.random.default_rng(1000 + number).integers(30, 226, (3, 3))
    light = (0.7, 1.0, 1.25)[camera]
    rng = np.random.default_rng([number, camera, frame])
    image = Image.new("RGB", (64, 128), tuple(int(90 + 40 * camera) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    dx, dy = (int(one) for one in rng.integers(-5, 6, 2))
    parts = ((24, 8, 40, 26), (16, 28, 48, 72), (20, 74, 44, 120))
    for box, colour in zip(parts, clothes, strict=True):
        moved = tuple(side + move for side, move in zip(box, (dx, dy) * 2, strict=True))
        draw.rectangle(moved, fill=tuple(int(min(255, light * one)) for one in colour))
    noisy = np.asarray(image, np.int16) + rng.normal(0, 8, (128, 64, 3)).astype(np.int16)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Queries by camera 1, a gallery by all, junk (-1), distractors (0), training pictures."""
    root = tmp_path_factory.mktemp("Market-1501-v15.09.15")

    def save(folder: str, number: int, camera: int, frame: int, shown: int | None = None) -> None:
        (root / folder).mkdir(exist_ok=True)
        name = f"{number:04d}_c{camera + 1}s1_{frame:06d}_00.jpg".replace("-001", "-1")
        picture = person(number if shown is None else shown, camera, frame)
        picture.save(root / folder / name, quality=95)

    for number in range(1, PEOPLE + 1):
        save("query", number, 0, 900)
        for camera in range(CAMERAS):
            if number == PEOPLE and camera > 0:
                continue  # the last person is seen by no other camera
            for frame in range(1 + number % 2):
                save("bounding_box_test", number, camera, frame)
        save("bounding_box_train", 500 + number, 1, 0)
    for frame in range(6):
        save("bounding_box_test", 0, frame % CAMERAS, frame, shown=700 + frame)
        save("bounding_box_test", -1, frame % CAMERAS, frame, shown=1 + frame)
    return root


def by_the_rules(queries: Side, gallery: Side) -> dict[str, float]:
    """CMC and mAP, query by query."""

    def read(name: str) -> tuple[int, int]:
        number, place = name.split("_")[:2]
        return int(number), int(place[1])

    ranks, precisions = [], []
    for query, vector in queries.items():
        who, camera = read(query)
        cosine = {
            name: float(vector @ other / np.linalg.norm(vector) / np.linalg.norm(other))
            for name, other in gallery.items()
            if read(name)[0] != -1 and read(name) != (who, camera)
        }
        found = [read(name)[0] == who for name in sorted(cosine, key=lambda one: -cosine[one])]
        if any(found):
            places = [place for place, hit in enumerate(found, 1) if hit]
            ranks.append(places[0])
            precisions.append(np.mean([n / place for n, place in enumerate(places, 1)]))
    assert len(ranks) == PEOPLE - 1
    told = {f"recall@{k}": float(np.mean([rank <= k for rank in ranks])) for k in KS}
    return told | {"mAP": float(np.mean(precisions))}


@pytest.mark.parametrize("preprocess", ["torchreid", "pinto"])
def test_persons_are_found_again_by_the_rules_of_market_1501(
    shared: Path,
    market: Path,
    tmp_path: Path,
    preprocess: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = shared / "weights" / "osnet_x0_25_msmt17.pth"
    model = f"reid:osnet_x0_25?weights={weights}&preprocess={preprocess}"
    store = str(tmp_path / "vectors")
    assert exit_code(["embed", str(market), "-o", store, "-m", model, "--exact"]) == 0
    capsys.readouterr()
    assert exit_code(["evaluate", store, "--truth", "reid", "--json", "--resamples", "100"]) == 0
    plain = json.loads(capsys.readouterr().out)
    told = {one["measure"]: one["value"] for one in plain["results"]}

    vectors = lookalike.Embeddings.open(store)
    sides: dict[str, Side] = {"query": {}, "bounding_box_test": {}}
    for id, vector in zip(vectors.ids, vectors.vectors, strict=True):
        if Path(id).parent.name in sides:
            sides[Path(id).parent.name][Path(id).name] = vector.astype(np.float64)
    expected = by_the_rules(*sides.values())
    for measure, value in expected.items():
        if measure in told:
            assert told[measure] == pytest.approx(value, abs=1e-9), measure
    assert {"recall@1", "mAP"} <= set(told) & set(expected)
    # a network trained on people tells these figures apart far better than chance (about 0.1)
    assert expected["mAP"] > 0.4
