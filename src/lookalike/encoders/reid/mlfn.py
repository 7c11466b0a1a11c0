"""MLFN: blocks whose groups of channels are weighted by selectors, which also join the feature.

Source: X. Chang et al., "Multi-Level Factorisation Net for Person Re-Identification" (2018).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.encoders.reid.blocks import convolution, projection
from lookalike.encoders.reid.network import ReidNetwork, initialised

GROUPS = 32
FEATURE = 1024
STAGES = (
    (3, 256, 1, (128, 64)),
    (4, 512, 2, (256, 128)),
    (6, 1024, 2, (512, 128)),
    (3, 2048, 2, (512, 128)),
)
"""Blocks, channels out, stride of the first, hidden channels of the selectors."""


def selected(maps: Tensor, selector: Tensor) -> Tensor:
    """Each selector value times an equal share of consecutive channels.

    Args:
        maps: (N, C, H, W).
        selector: (N, G, 1, 1), where G divides C.

    Example:
        >>> import torch
        >>> ones, selector = torch.ones(1, 4, 1, 1), torch.tensor([2.0, 3.0]).view(1, 2, 1, 1)
        >>> selected(ones, selector).flatten().tolist()
        [2.0, 2.0, 3.0, 3.0]
    """
    share = maps.shape[1] // selector.shape[1]
    return maps * selector.repeat_interleave(share, 1)


class Block(nn.Module):
    """A grouped bottleneck under a selector; gives its maps, and the selector."""

    def __init__(self, inputs: int, outputs: int, stride: int, hidden: tuple[int, int]) -> None:
        super().__init__()
        middle = outputs // 2
        sizes = (inputs, *hidden, GROUPS)
        selector: list[nn.Module] = [nn.AdaptiveAvgPool2d(1)]
        for a, b in pairwise(sizes):
            selector += [nn.Conv2d(a, b, 1), nn.BatchNorm2d(b), nn.ReLU()]
        self.fsm = nn.Sequential(*selector[:-1], nn.Sigmoid())
        self.fm_conv1, self.fm_bn1 = convolution(inputs, middle), nn.BatchNorm2d(middle)
        self.fm_conv2 = convolution(middle, middle, 3, stride=stride, groups=GROUPS)
        self.fm_bn2 = nn.BatchNorm2d(middle)
        self.fm_conv3, self.fm_bn3 = convolution(middle, outputs), nn.BatchNorm2d(outputs)
        self.downsample = projection(inputs, outputs, stride)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """(N, inputs, H, W) → (N, outputs, H / stride, W / stride), (N, 32, 1, 1)."""
        selector = self.fsm(maps)
        result = functional.relu(self.fm_bn1(self.fm_conv1(maps)))
        result = selected(functional.relu(self.fm_bn2(self.fm_conv2(result))), selector)
        result = functional.relu(self.fm_bn3(self.fm_conv3(result)))
        shortcut = maps if self.downsample is None else self.downsample(maps)
        return functional.relu(shortcut + result), selector


class MLFN(ReidNetwork):
    """The whole network.

    Args:
        classes: Identities.
        loss: See `ReidNetwork`.
    """

    def __init__(self, classes: int, loss: str) -> None:
        super().__init__(FEATURE, classes, loss)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.feature = nn.ModuleList()
        width = 64
        for blocks, outputs, stride, hidden in STAGES:
            for block in range(blocks):
                self.feature.append(Block(width, outputs, stride if block == 0 else 1, hidden))
                width = outputs
        self.fc_x = self._head(width)
        self.fc_s = self._head(GROUPS * len(self.feature))
        initialised(self)

    @staticmethod
    def _head(inputs: int) -> nn.Sequential:
        return nn.Sequential(convolution(inputs, FEATURE), nn.BatchNorm2d(FEATURE), nn.ReLU())

    def features(self, pictures: Tensor) -> Tensor:
        """See `ReidNetwork.features`."""
        maps = self.maxpool(functional.relu(self.bn1(self.conv1(pictures))))
        selectors = []
        for block in self.feature:
            maps, selector = block(maps)
            selectors.append(selector)
        pooled = functional.adaptive_avg_pool2d(maps, 1)
        feature: Tensor = (self.fc_x(pooled) + self.fc_s(torch.cat(selectors, 1))) * 0.5
        return feature.flatten(1)
