"""A threshold found on some classes holds on others, and says when it would not."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

import lookalike
from lookalike import Embeddings, Encoder
from lookalike.encoders.cores import has_bf16_units
from lookalike.judge import PairCounts
from lookalike.metrics import scorer_of

NAME = "onnx:{}?preprocess=minus-one-to-one&output=features&squash=1"


def network(shared: Path, **options: str) -> Encoder:
    weights = shared / "weights" / "mobilenet_v1_075_224.onnx"
    return lookalike.load_encoder(NAME.format(weights), **options)  # type: ignore[arg-type]


def validation(shared: Path, folder: Path, each: int) -> Path:
    """Validation pictures in their class folders, so many of each class."""
    kept: dict[str, int] = {}
    with tarfile.open(shared / "data" / "tiny-imagenet" / "val.tar") as archive:
        for member in archive:
            if not member.isfile():
                continue
            label = member.name.split("/")[-2]
            kept[label] = kept.get(label, 0) + 1
            if kept[label] <= each:
                archive.extract(member, folder, filter="data")
    return folder


def part(found: Embeddings, classes: set[str]) -> Embeddings:
    inside = [n for n, id in enumerate(found.ids) if Path(id).parent.name in classes]
    return Embeddings(found.card, tuple(found.rows[n] for n in inside), found.vectors[inside])


def labels_of(found: Embeddings) -> list[str]:
    return [Path(id).parent.name for id in found.ids]


@pytest.fixture(scope="module")
def halves(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Embeddings, Embeddings]:
    """Vectors of two halves of the classes, drawn at random."""
    folder = validation(shared, tmp_path_factory.mktemp("validation"), each=6)
    found = network(shared).encode(folder)
    classes = np.random.default_rng(0).permutation(sorted(set(labels_of(found))))
    return part(found, set(classes[:100])), part(found, set(classes[100:]))


def test_a_false_positive_rate_of_one_percent_is_about_that_on_other_classes(
    halves: tuple[Embeddings, Embeddings],
) -> None:
    for mine, others in (halves, halves[::-1]):
        card = lookalike.calibrate(mine, target="fpr=0.01").card
        labels = np.array(labels_of(others))
        upper = np.triu_indices(len(labels), 1)
        unit = others.vectors / np.linalg.norm(others.vectors, axis=1, keepdims=True)
        values = (unit @ unit.T)[upper]
        different = labels[upper[0]] != labels[upper[1]]
        assert 0.005 <= float((values[different] >= card.threshold).mean()) <= 0.02


def test_drift_is_silent_on_fresh_pictures_and_fires_on_noise_and_on_another_model(
    shared: Path, halves: tuple[Embeddings, Embeddings]
) -> None:
    card = lookalike.calibrate(halves[0], target="fpr=0.01").card
    assert not lookalike.drift(halves[1], card).drifted
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 64, 1), np.uint8).repeat(3, axis=2) for _ in range(40)]
    assert lookalike.drift(network(shared).encode(noise), card).drifted
    files = [row.path for row in halves[1].rows[::8] if row.path]
    pixels = lookalike.load_encoder("pixels").encode(files)
    with pytest.raises(lookalike.LookalikeError, match="does not hold for pixels"):
        lookalike.drift(pixels, card)
    scorer = scorer_of("cosine", pixels.vectors)
    whole = slice(0, len(files))
    upper = np.triu_indices(len(files), 1)
    assert card.drift(scorer.scale.values(scorer.levels(whole, whole)[upper])).drifted


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_all_pairs_of_the_validation_pictures_have_the_known_auc(
    shared: Path, tmp_path: Path, precision: str
) -> None:
    if precision == "bf16" and not has_bf16_units():
        pytest.skip("this processor has no bf16 units")
    folder = validation(shared, tmp_path, each=50)
    found = network(shared, precision=precision).encode(folder)
    evaluation = lookalike.evaluate(found)
    assert evaluation["roc_auc"].value == pytest.approx(0.799, abs=0.002)
    assert evaluation["recall@1"].value == pytest.approx(0.355, abs=0.004)
    assert evaluation["roc_auc"].over == "245,000 same and 49,750,000 different pairs"
    counts: PairCounts = evaluation.judgements[0].counts
    assert counts.pairs == (245_000, 49_750_000)
