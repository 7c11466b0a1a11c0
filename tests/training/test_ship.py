from pathlib import Path

import numpy as np
import pytest
import torch
from training.builtin import ship as shipping
from training.builtin.config import Config, Stage
from training.builtin.learn import Trainee
from training.builtin.pictures import Labelled
from training.builtin.ship import ship
from training.builtin.verdict import Pairs, draw_pairs

import lookalike
from lookalike.embeddings import Embeddings
from lookalike.encoders import Encoder
from lookalike.errors import UsageError

CONFIG = Config(
    stages=(Stage(1, 32),), widths=(8, 8, 16), blocks=(1, 1), dim=8, side=32, hold_out=2
)


@pytest.fixture
def trainee() -> Trainee:
    torch.manual_seed(0)
    return Trainee(CONFIG, 8, 5).eval()


@pytest.fixture
def held_out() -> Labelled:
    random = np.random.default_rng(0)
    colours = random.integers(0, 256, (8, 1, 1, 3))
    labels = np.repeat([0, 2, 4, 6], 6)
    pixels = np.clip(colours[labels] + random.integers(-60, 60, (24, 64, 64, 3)), 0, 255)
    return Labelled(pixels.astype(np.uint8), labels, tuple("abcdefgh"))


def test_the_error_is_found_on_classes_that_the_verdict_was_not_fitted_on(
    trainee: Trainee, held_out: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[set[int]] = []

    def recorded(encoder: Encoder, pictures: Labelled, *, seed: int) -> Pairs:
        drawn.append(set(pictures.labels.tolist()))
        return draw_pairs(encoder, pictures, seed=seed)

    monkeypatch.setattr(shipping, "draw_pairs", recorded)
    verdict = ship(trainee, held_out, CONFIG, tmp_path).card.verdict
    assert drawn == [{0, 4}, {2, 6}]
    assert verdict is not None
    assert verdict.pairs == 12 * 10
    assert "2 kinds" in verdict.data
    assert 0 < verdict.error_same_kind < 1


def test_only_classes_that_were_trained_on_are_shipped(
    trainee: Trainee, held_out: Labelled, tmp_path: Path
) -> None:
    before = [one.clone() for one in trainee.state_dict().values()]
    encoder = ship(trainee, held_out, CONFIG, tmp_path)
    assert encoder.card.dim == 8 + 4
    for one, other in zip(trainee.state_dict().values(), before, strict=True):
        assert torch.equal(one, other)
    classes = torch.nn.functional.normalize(trainee.classes[1::2])
    found = encoder.encode(list(held_out.pixels[:3])).vectors
    embedding = torch.from_numpy(found[:, :8]) / (1 - CONFIG.share) ** 0.5
    expected = (embedding @ classes.T * CONFIG.sharpness).softmax(1).sqrt() * CONFIG.share**0.5
    np.testing.assert_allclose(found[:, 8:], expected.detach().numpy(), atol=0.01)


def test_a_store_keeps_the_verdict(trainee: Trainee, held_out: Labelled, tmp_path: Path) -> None:
    encoder = ship(trainee, held_out, CONFIG, tmp_path)
    found = encoder.encode(list(held_out.pixels[:3]))
    found.save(tmp_path / "store")
    assert Embeddings.open(tmp_path / "store").card == encoder.card
    assert encoder.card.verdict is not None


def test_too_few_held_out_classes_are_refused(
    trainee: Trainee, held_out: Labelled, tmp_path: Path
) -> None:
    few = held_out.taken(np.flatnonzero(held_out.labels < 6))
    with pytest.raises(UsageError, match="3 classes"):
        ship(trainee, few, CONFIG, tmp_path)


def test_the_shipped_card_is_of_this_recipe() -> None:
    root = Path(__file__).resolve().parents[2]
    config = Config.load(root / "training" / "builtin" / "configs" / "builtin.yaml")
    card = lookalike.load_encoder("builtin").card
    trained = int(config.trains_on(np.arange(200)).sum())
    assert card.dim == config.dim + trained
    assert card.preprocess.output_size == (config.side, config.side)
