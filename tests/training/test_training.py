"""The training of the builtin encoder, on few pictures."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training.builtin.config import Config, Stage
from training.builtin.copies import EDITS
from training.builtin.edits import edited, unedited
from training.builtin.export import Shipped, export
from training.builtin.learn import Progress, Trainee, learn
from training.builtin.network import Student
from training.builtin.pictures import Labelled
from training.builtin.teacher import Lesson, lesson_of

import lookalike
from lookalike.errors import LookalikeError, UsageError

ROOT = Path(__file__).resolve().parents[2]
SMALL = Config(
    stages=(Stage(2, 32), Stage(1, 48)),
    widths=(8, 8, 16),
    blocks=(1, 2),
    dim=8,
    side=48,
    batch=16,
    hold_out=11,
)


@pytest.fixture(scope="module")
def pictures() -> Labelled:
    """80 pictures of 10 classes, each class a colour with noise; the first is held out."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(1, 11), 8)
    colours = random.integers(0, 256, (11, 1, 1, 3))
    noise = random.integers(-40, 40, (80, 64, 64, 3))
    pixels = np.clip(colours[labels] + noise, 0, 255).astype(np.uint8)
    return Labelled(pixels, labels, tuple("abcdefghijk"))


@pytest.fixture(scope="module")
def lesson(pictures: Labelled) -> Lesson:
    features = pictures.pixels.mean((1, 2)).astype(np.float32)
    return lesson_of(features, pictures, seed=0)


def weights(trainee: Trainee) -> list[torch.Tensor]:
    return list(trainee.state_dict().values())


def test_the_whole_recipe_runs_on_few_pictures(shared: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for photograph in sorted((shared / "images" / "photos").iterdir())[:12]:
        (photos / photograph.name).symlink_to(photograph)
    places = ["--photos", str(photos), "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "training.builtin", "--smoke", *places],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for part in ("epoch 2 ", "builtin.onnx: 4,", "| recall@1, classes not", "| screenshot |"):
        assert part in done.stdout
    assert list(tmp_path.glob("tensorboard/events.*"))
    assert (tmp_path / "card.yaml").is_file()


def test_an_interrupted_training_ends_as_one_that_was_not(
    pictures: Labelled, lesson: Lesson, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    expected = learn(pictures, lesson, SMALL, whole)

    def stop(done: Progress) -> None:
        raise KeyboardInterrupt

    seen: list[int] = []
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            learn(pictures, lesson, SMALL, parts, on_epoch=stop)
    found = learn(pictures, lesson, SMALL, parts, on_epoch=lambda done: seen.append(done.epoch))
    assert seen == [3]
    for one, other in zip(weights(found), weights(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_held_out_pictures_are_refused(pictures: Labelled, lesson: Lesson, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds out"):
        learn(pictures, lesson, replace(SMALL, hold_out=5), tmp_path)


def test_another_teacher_is_noticed(pictures: Labelled, lesson: Lesson, tmp_path: Path) -> None:
    learn(pictures, lesson, SMALL, tmp_path)
    with pytest.raises(UsageError, match="another recipe"):
        learn(pictures, Lesson(-lesson.features, lesson.opinions), SMALL, tmp_path)


def test_the_curves_are_whole_after_an_interruption(
    pictures: Labelled, lesson: Lesson, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def stop(done: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(pictures, lesson, SMALL, tmp_path, on_epoch=stop)
    learn(pictures, lesson, SMALL, tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [one.step for one in events.Scalars("loss/labels")] == [1, 2, 3]


def test_another_seed_gives_other_weights(
    pictures: Labelled, lesson: Lesson, tmp_path: Path
) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    found = []
    for seed, folder in enumerate(folders):
        folder.mkdir()
        found.append(learn(pictures, lesson, replace(SMALL, seed=seed), folder))
    assert not torch.equal(weights(found[0])[0], weights(found[1])[0])


@pytest.mark.parametrize(
    "change", [{"rate": 0.1}, {"hold_out": 12}, {"stages": (Stage(2, 32), Stage(2, 48))}]
)
def test_a_checkpoint_of_another_recipe_is_refused(
    pictures: Labelled, lesson: Lesson, tmp_path: Path, change: dict[str, object]
) -> None:
    learn(pictures, lesson, replace(SMALL, stages=(Stage(1, 32),)), tmp_path)
    with pytest.raises(UsageError, match="another recipe"):
        learn(pictures, lesson, replace(SMALL, **change), tmp_path)  # type: ignore[arg-type]


def test_it_learns(pictures: Labelled, lesson: Lesson, tmp_path: Path) -> None:
    told: list[Progress] = []
    learn(pictures, lesson, replace(SMALL, stages=(Stage(30, 32),)), tmp_path, on_epoch=told.append)
    assert told[-1].labels < told[0].labels
    assert told[-1].features < 0.7 * told[0].features
    assert told[-1].correct > 0.3  # three times chance


def test_opinions_come_from_a_classifier_that_did_not_see_the_picture() -> None:
    """Labels that features know nothing of can't be named any better than by chance."""
    random = np.random.default_rng(0)
    pictures = Labelled(np.zeros((600, 1, 1, 3), np.uint8), random.integers(4, size=600), ("",) * 4)
    features = random.normal(size=(600, 300)).astype(np.float32)
    opinions = lesson_of(features, pictures, seed=0).opinions
    np.testing.assert_allclose(opinions.sum(1), 1, rtol=1e-5)
    assert (opinions.argmax(1) == pictures.labels).mean() < 0.35


def test_held_out_classes_are_every_fifth() -> None:
    kept = Config(stages=(), hold_out=5).trains_on(np.arange(12))
    assert np.flatnonzero(~kept).tolist() == [0, 5, 10]


@pytest.mark.parametrize("name", ["builtin", "smoke"])
def test_the_recipes_can_be_read(name: str) -> None:
    config = Config.load(ROOT / "training" / "builtin" / "configs" / f"{name}.yaml")
    assert config.sides
    assert config.digest != replace(config, seed=7).digest
    assert config.digest == replace(config, share=0.1).digest


def test_a_misspelt_recipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("stages: []\nepochs: 3\n")
    with pytest.raises(LookalikeError, match="epochs"):
        Config.load(path)


# edits


def test_edits_keep_the_range_and_change_nearly_every_picture(pictures: Labelled) -> None:
    pixels = torch.from_numpy(pictures.pixels)
    torch.manual_seed(0)
    found = edited(pixels, 40, smallest_crop=0.3, often=3.0, grey=0.1)
    assert found.shape == (80, 3, 40, 40)
    assert found.min() >= -1
    assert found.max() <= 1
    assert found.isfinite().all()
    plain = unedited(pixels, 40)
    assert ((found - plain).abs().mean((1, 2, 3)) > 0.01).float().mean() > 0.9
    torch.manual_seed(0)
    assert torch.equal(found, edited(pixels, 40, smallest_crop=0.3, often=3.0, grey=0.1))


def test_unedited_pictures_are_prepared_as_the_card_says(pictures: Labelled) -> None:
    prepare = lookalike.load_encoder("builtin").card.preprocess
    side = prepare.output_size
    assert side is not None
    smooth = Image.fromarray(pictures.pixels[0]).resize((8, 8)).resize((64, 64))
    pixels = np.asarray(smooth)
    ours = unedited(torch.from_numpy(pixels.copy())[None], side[0])[0].numpy()
    (picture,) = lookalike.ImageSource([pixels])
    assert isinstance(picture, lookalike.Picture)
    assert np.abs(ours - prepare.apply(picture)).max() < 2.5 / 127.5


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("size", [(64, 64), (500, 333), (20, 300)])
def test_every_copy_differs_from_its_picture(name: str, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    picture = Image.fromarray(noise).resize((30, 30), 0).resize(size, 0)  # blocks with edges
    copy = EDITS[name](picture)
    assert copy.mode == "RGB"
    assert min(copy.size) > 0
    if copy.size == picture.size:
        assert np.abs(np.asarray(copy, int) - np.asarray(picture, int)).max() > 3
    assert picture.size == size  # the picture itself is left alone


# the shipped form


def test_the_exported_network_is_the_trained_one(tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    torch.manual_seed(0)
    student = Student((4, 16, 24), (1, 2), 48)  # wide enough for weights in float16
    for _ in range(3):  # normalisation gets statistics of its own
        student(torch.randn(16, 3, 32, 32) * 2 + 1)
    student.eval()
    batch = torch.rand(5, 3, 32, 32) * 2 - 1
    classes = torch.randn(7, 48)
    with torch.no_grad():
        embedding = torch.nn.functional.normalize(student(batch))
        cosines = embedding @ torch.nn.functional.normalize(classes).T
        roots = (cosines * 32).softmax(1).sqrt()
    network = Shipped(student, classes, 32.0, 0.25)
    export(network, 32, tmp_path / "net.onnx")
    kinds = [one.data_type for one in onnx.load(tmp_path / "net.onnx").graph.initializer]
    assert kinds.count(onnx.TensorProto.FLOAT16) >= 4
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (found,) = session.run(None, {"picture": batch.numpy()})
    expected = np.concatenate([embedding * 0.75**0.5, roots * 0.5], 1)
    assert np.abs(found - expected).max() < 2e-3  # weights are kept in float16
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    for n in range(5):
        (alone,) = session.run(None, {"picture": batch[n : n + 1].numpy()})
        assert np.abs(alone[0] - found[n]).max() < 1e-5


def test_channels_that_fill_no_block_are_refused() -> None:
    with pytest.raises(UsageError, match="multiples of 8"):
        replace(SMALL, widths=(8, 12, 16))
