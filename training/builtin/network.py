"""The student: plain residual convolutions, as fast to train on a CPU as they are to run."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def _convolved(inside: int, outside: int, size: int, stride: int) -> nn.Sequential:
    padding = size // 2
    return nn.Sequential(
        nn.Conv2d(inside, outside, size, stride, padding, bias=False), nn.BatchNorm2d(outside)
    )


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al., 2016)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = _convolved(inside, outside, 3, stride)
        self.second = _convolved(outside, outside, 3, 1)
        changes = stride != 1 or inside != outside
        self.shortcut = _convolved(inside, outside, 1, stride) if changes else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inside, H, W) → (N, outside, H / stride, W / stride)."""
        return torch.relu(self.second(torch.relu(self.first(maps))) + self.shortcut(maps))


class Student(nn.Module):
    """Pictures to embeddings.

    Args:
        widths: Channels of the stem, then of each stage; each halves the resolution.
        blocks: Residual blocks in each stage.
        dim: Length of the embedding.
    """

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolved(3, widths[0], 3, 2), nn.ReLU(inplace=True)]
        inside = widths[0]
        for outside, count in zip(widths[1:], blocks, strict=True):
            for position in range(count):
                layers.append(Block(inside, outside, 1 if position else 2))
                inside = outside
        self.body = nn.Sequential(*layers)
        self.embedding = nn.Linear(inside, dim, bias=False)
        self.normalisation = nn.BatchNorm1d(dim)

    def features(self, batch: Tensor) -> Tensor:
        """(N, 3, H, W) in -1 to 1 → (N, widths[-1]), the mean over all places."""
        return self.body(batch).mean((2, 3))

    def forward(self, batch: Tensor) -> Tensor:
        """(N, 3, H, W) in -1 to 1 → (N, dim), of any length."""
        return self.normalisation(self.embedding(self.features(batch)))
