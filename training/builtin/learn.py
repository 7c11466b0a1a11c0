"""The training loop: resumable after every epoch, the same numbers from the same seed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.tensorboard import SummaryWriter

import lookalike
from lookalike.encoders.cores import has_bf16_units
from lookalike.errors import UsageError
from training.builtin.config import Config
from training.builtin.edits import edited, unedited
from training.builtin.network import Student
from training.builtin.pictures import Labelled
from training.builtin.teacher import Lesson

WATCHED_EVERY = 10
"""Epochs between two looks at pictures that are not trained on."""


class Trainee(nn.Module):
    """The student, with what only training needs: classes, and the way to the teacher.

    Args:
        config: The recipe.
        classes: How many there are.
        teacher_dim: Length of the teacher's features.
    """

    def __init__(self, config: Config, classes: int, teacher_dim: int) -> None:
        super().__init__()
        self.student = Student(config.widths, config.blocks, config.dim)
        self.classes = nn.Parameter(torch.randn(classes, config.dim) * 0.05)
        self.to_teacher = nn.Linear(config.dim, teacher_dim)
        self.scale = config.scale

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) → logits (N, classes), and the guess of the teacher's features."""
        # without such units torch emulates bf16, several times slower than f32
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16_units()):
            features = self.student.features(batch)
        embedding = self.student.normalisation(self.student.embedding(features.float()))
        logits = functional.normalize(embedding) @ functional.normalize(self.classes).T * self.scale
        return logits, self.to_teacher(embedding)


@dataclass(frozen=True)
class Progress:
    """What one epoch came to.

    Attributes:
        epoch: Counted from one.
        side: Height and width of the input.
        labels: Cross-entropy to labels and opinions.
        features: One minus the cosine to the teacher's features.
        correct: Share of pictures whose class was named.
        seconds: How long it took.
        recall: recall@1 on watched pictures, in epochs that look at them.
        auc: ROC AUC over their pairs.
    """

    epoch: int
    side: int
    labels: float
    features: float
    correct: float
    seconds: float
    recall: float | None = None
    auc: float | None = None


def learn(
    pictures: Labelled,
    lesson: Lesson,
    config: Config,
    folder: Path,
    *,
    watched: Labelled | None = None,
    on_epoch: Callable[[Progress], None] | None = None,
) -> Trainee:
    """Trains a student from random weights, or goes on where an earlier run stopped.

    Args:
        pictures: What is trained on.
        lesson: What the teacher says of each of them.
        config: The recipe.
        folder: Takes ``checkpoint.pt`` and TensorBoard's events.
        watched: Pictures that are looked at now and then, and never trained on.
        on_epoch: Told of each epoch.

    Raises:
        UsageError: The folder holds the checkpoint of another recipe, of other pictures or of
            another teacher; or there are pictures of classes that the recipe holds out.
    """
    if not config.trains_on(pictures.labels).all():
        raise UsageError("there are pictures of classes that the recipe holds out")
    torch.manual_seed(config.seed)
    trainee = Trainee(config, len(pictures.classes), lesson.features.shape[1])
    trainee.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = max(1, len(pictures) // config.batch)
    optimiser, rates = _optimiser(trainee, config, steps * len(config.sides))
    checkpoint = folder / "checkpoint.pt"
    identity = _identity(config, pictures, lesson)
    done = _resumed(checkpoint, identity, (trainee, optimiser, rates))
    with SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1) as writer:
        for epoch, side in list(enumerate(config.sides))[done:]:
            torch.manual_seed(config.seed * 100_003 + epoch)
            batches = _batches(len(pictures), config, epoch)
            sums = _epoch(trainee, (optimiser, rates), pictures, lesson, config, side, batches)
            told = Progress(epoch + 1, side, *sums)
            if watched is not None and (epoch + 1) % WATCHED_EVERY == 0:
                recall, auc = _seen(trainee, watched, config.side)
                told = replace(told, recall=recall, auc=auc)
            _log(writer, told, float(rates.get_last_lr()[0]))
            _save(checkpoint, identity, epoch + 1, (trainee, optimiser, rates))
            if on_epoch:
                on_epoch(told)
    return trainee.eval()


def _optimiser(
    trainee: Trainee, config: Config, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    decayed = [one for one in trainee.parameters() if one.ndim > 1]
    others = [one for one in trainee.parameters() if one.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.SGD(groups, config.rate, momentum=0.9, nesterov=True)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.rate, steps, pct_start=config.warmup, div_factor=20, final_div_factor=500
    )
    return optimiser, rates


def _batches(count: int, config: Config, epoch: int) -> Iterator[Tensor]:
    order = np.random.default_rng((config.seed, epoch)).permutation(count)
    size = min(config.batch, count)
    for start in range(0, count - size + 1, size):
        yield torch.from_numpy(np.sort(order[start : start + size]))


def _epoch(
    trainee: Trainee,
    learning: tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler],
    pictures: Labelled,
    lesson: Lesson,
    config: Config,
    side: int,
    batches: Iterator[Tensor],
) -> tuple[float, float, float, float]:
    optimiser, rates = learning
    pixels, labels = torch.from_numpy(pictures.pixels), torch.from_numpy(pictures.labels)
    features, opinions = torch.from_numpy(lesson.features), torch.from_numpy(lesson.opinions)
    started, sums, count = time.monotonic(), np.zeros(3), 0
    trainee.train()
    for chosen in batches:
        batch = edited(
            pixels[chosen],
            side,
            smallest_crop=config.smallest_crop,
            often=config.edits,
            grey=config.grey,
        )
        logits, guess = trainee(batch)
        truth = functional.one_hot(labels[chosen], logits.shape[1])
        share = config.teacher_labels
        of_labels = functional.cross_entropy(logits, (1 - share) * truth + share * opinions[chosen])
        of_features = (1 - functional.cosine_similarity(guess, features[chosen])).mean()
        optimiser.zero_grad()
        torch.autograd.backward(of_labels + config.teacher_features * of_features)
        optimiser.step()
        rates.step()
        correct = (logits.argmax(1) == labels[chosen]).float().mean()
        sums += [of_labels.item(), of_features.item(), correct.item()]
        count += 1
    labels_loss, features_loss, share_correct = (sums / count).tolist()
    return labels_loss, features_loss, share_correct, time.monotonic() - started


@torch.no_grad()
def _seen(trainee: Trainee, watched: Labelled, side: int) -> tuple[float, float]:
    student = trainee.student.eval()
    parts = torch.split(torch.from_numpy(watched.pixels), 256)
    vectors = torch.cat([student(unedited(part, side)) for part in parts]).numpy()
    found = lookalike.evaluate(vectors, truth=watched.labels.tolist(), resamples=100).judgements[0]
    return found["recall@1"].value or 0.0, found["roc_auc"].value or 0.0


def _log(writer: SummaryWriter, told: Progress, rate: float) -> None:
    values = {
        "loss/labels": told.labels,
        "loss/features": told.features,
        "correct": told.correct,
        "rate": rate,
        "side": told.side,
        "seconds": told.seconds,
        "watched/recall@1": told.recall,
        "watched/auc": told.auc,
    }
    for name, value in values.items():
        if value is not None:
            writer.add_scalar(name, value, told.epoch)


def _save(checkpoint: Path, identity: str, epoch: int, parts: tuple[Any, ...]) -> None:
    draft = checkpoint.with_suffix(".draft")
    states = [part.state_dict() for part in parts]
    torch.save({"identity": identity, "epoch": epoch, "states": states}, draft)
    draft.replace(checkpoint)


def _identity(config: Config, pictures: Labelled, lesson: Lesson) -> str:
    """Changes with everything that decides the weights."""
    digest = hashlib.sha256(config.digest.encode())
    for part in (pictures.pixels, pictures.labels, lesson.features, lesson.opinions):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()[:32]


def _resumed(checkpoint: Path, identity: str, parts: tuple[Any, ...]) -> int:
    if not checkpoint.exists():
        return 0
    found = torch.load(checkpoint, weights_only=True)
    if found["identity"] != identity:
        raise UsageError(
            "the checkpoint is of another recipe or of other pictures",
            where=str(checkpoint),
            cure="give another --out, or remove it",
        )
    for part, state in zip(parts, found["states"], strict=True):
        part.load_state_dict(state)
    return int(found["epoch"])
