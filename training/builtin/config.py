"""Everything that decides the weights, besides the pictures and the teacher."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings.card import read_yaml
from lookalike.errors import UsageError
from lookalike.images.validation import validated

AFTERWARDS = ("side", "sharpness", "share")
"""What of a recipe has no part in training, and can be changed after it."""


@dataclass(frozen=True)
class Stage:
    """A part of the training at one size of input.

    Attributes:
        epochs: Passes over the pictures.
        side: Height and width of the network's input in pixels.
    """

    epochs: int
    side: int


@dataclass(frozen=True)
class Config:
    """One recipe; a file of `configs/` states one.

    Attributes:
        widths: Channels of the stem and of each of the stages after it, multiples of 8.
        blocks: Residual blocks in each stage.
        dim: Length of the embedding.
        stages: What is trained at which size, in order.
        side: Height and width of the exported network's input.
        batch: Pictures in a step.
        rate: Highest learning rate, reached after `warmup` of all steps.
        warmup: Share of the steps.
        weight_decay: On matrices and kernels; none on biases and normalisation.
        scale: Of the cosines between embeddings and classes, before the softmax.
        teacher_labels: Weight of the teacher's opinion in the labels; the rest is the truth.
        teacher_features: Weight of the distance to the teacher's features.
        smallest_crop: Least area of a crop, as a share of the picture.
        edits: Factor on how often pictures are edited beyond crop, flip and colour.
        grey: How often pictures lose their colours.
        sharpness: Of the shipped probabilities of classes: factor on cosines before the softmax.
        share: Weight of those probabilities in the shipped vector; the rest is the embedding's.
        seed: Of everything random.
        pictures: How many pictures are used, taken evenly; None for all.
        classes: How many classes are used, from the first; None for all.
        hold_out: Every `hold_out`-th class is left out of training, and tells what the verdict is.
    """

    stages: tuple[Stage, ...]
    widths: tuple[int, ...] = (32, 48, 96, 192, 320)
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    dim: int = 256
    side: int = 112
    batch: int = 128
    rate: float = 0.15
    warmup: float = 0.15
    weight_decay: float = 5e-4
    scale: float = 16.0
    teacher_labels: float = 0.5
    teacher_features: float = 3.0
    smallest_crop: float = 0.3
    edits: float = 1.0
    grey: float = 0.08
    sharpness: float = 20.0
    share: float = 0.2
    seed: int = 0
    pictures: int | None = None
    classes: int | None = None
    hold_out: int = 5

    def __post_init__(self) -> None:
        # oneDNN's gradients of strided 1x1 convolutions in f32 (torch 2.13, AVX2) write beyond
        # their buffers where channels do not fill its blocks of eight
        if any(width % 8 for width in self.widths):
            raise UsageError(f"widths are multiples of 8, not {self.widths}")

    @classmethod
    def load(cls, path: Path) -> Config:
        """A recipe from a YAML file.

        Raises:
            LookalikeError: No such file, an unknown key, a wrong type.
        """
        return validated(cls, read_yaml(path), where=str(path))

    @property
    def sides(self) -> list[int]:
        """The size of input of every epoch."""
        return [stage.side for stage in self.stages for _ in range(stage.epochs)]

    def trains_on(self, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(N,) labels → whether a picture of that class is trained on."""
        return labels % self.hold_out != 0

    @property
    def digest(self) -> str:
        """16 hexadecimal digits: two trainings of one digest do the same."""
        plain = {key: value for key, value in asdict(self).items() if key not in AFTERWARDS}
        text = json.dumps(plain, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
