"""What the teacher says of each picture, computed once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

import lookalike
from lookalike.errors import UsageError
from training.builtin.pictures import Labelled

Floats: TypeAlias = "NDArray[np.float32]"

TEACHER = "onnx:{}?preprocess=minus-one-to-one&output=features&squash=1"
"""Name of the teacher, but for its file."""

FOLDS = 4
"""Parts of the pictures; each gets its opinion from a classifier that did not see it."""


@dataclass(frozen=True)
class Lesson:
    """What the teacher says.

    Attributes:
        features: (N, D) float32, centred and of unit length.
        opinions: (N, C) float32, probabilities of the classes; each row sums to one.
    """

    features: Floats
    opinions: Floats


def features_of(
    pictures: Labelled,
    teacher: str,
    cache: Path,
    *,
    progress: Callable[[int], None] | None = None,
) -> Floats:
    """The teacher's features, (N, D); computed once for the same teacher and pictures.

    Args:
        pictures: N of them.
        teacher: Name of an encoder.
        cache: Folder that keeps the features.
        progress: Told how many more pictures are done.
    """
    encoder = lookalike.load_encoder(teacher)
    digest = hashlib.sha256(pictures.pixels.tobytes() + encoder.card.fingerprint.encode())
    kept = cache / f"teacher-{digest.hexdigest()[:16]}.npy"
    if not kept.exists():
        found = encoder.encode(list(pictures.pixels), progress=progress)
        if found.failures:
            raise UsageError(f"the teacher failed on {len(found.failures)} pictures", where=teacher)
        draft = kept.with_name("draft-" + kept.name)
        np.save(draft, found.vectors.astype(np.float16))
        draft.replace(kept)
    return np.load(kept).astype(np.float32)


def lesson_of(features: Floats, pictures: Labelled, *, seed: int) -> Lesson:
    """What the teacher says of these pictures, by its features of them.

    Its opinion on a picture comes from a linear classifier on its features of the other folds:
    one that had seen the picture would only repeat the label.

    Args:
        features: (N, D) of the pictures.
        pictures: N of them.
        seed: Of folds and classifiers.
    """
    centred = features - features.mean(0)
    opinions = _opinions(centred / (features.std(0) + 1e-3), pictures, seed)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return Lesson(centred / np.maximum(lengths, 1e-6), opinions)


def _opinions(centred: Floats, pictures: Labelled, seed: int) -> Floats:
    features, labels = torch.from_numpy(centred), torch.from_numpy(pictures.labels)
    classes = len(pictures.classes)
    generator = torch.Generator().manual_seed(seed)
    folds = torch.randint(FOLDS, (len(labels),), generator=generator)
    opinions = torch.zeros(len(labels), classes)
    for fold in range(FOLDS):
        others, own = folds != fold, folds == fold
        weight, bias = _classifier(features[others], labels[others], classes, generator)
        opinions[own] = (features[own] @ weight.T + bias).softmax(1)
    return opinions.numpy()


def _classifier(
    features: Tensor, labels: Tensor, classes: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Multinomial logistic regression by AdamW: six passes, falling rate."""
    weight = torch.zeros(classes, features.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.AdamW([weight, bias], 2e-3, weight_decay=0.05)
    batch = min(512, len(labels))
    steps = 6 * len(labels) // batch
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        chosen = torch.randint(len(labels), (batch,), generator=generator)
        loss = functional.cross_entropy(features[chosen] @ weight.T + bias, labels[chosen])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        rates.step()
    return weight.detach(), bias.detach()
