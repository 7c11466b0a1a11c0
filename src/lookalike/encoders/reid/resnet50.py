"""ResNet-50 as torchreid has it, with the pooled map as feature or a head of 512.

Source: K. He et al., "Deep Residual Learning for Image Recognition" (2015).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from lookalike.encoders.reid.blocks import averaged, convolution, fully_connected, projection
from lookalike.encoders.reid.network import ReidNetwork, initialised

EXPANSION = 4
STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
"""Blocks, channels in the middle, stride of the first."""


class Bottleneck(nn.Module):
    """Three convolutions, the stride in the middle one, and a shortcut."""

    def __init__(self, inputs: int, middle: int, stride: int) -> None:
        super().__init__()
        outputs = middle * EXPANSION
        self.conv1, self.bn1 = convolution(inputs, middle), nn.BatchNorm2d(middle)
        self.conv2 = convolution(middle, middle, 3, stride=stride)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3, self.bn3 = convolution(middle, outputs), nn.BatchNorm2d(outputs)
        self.downsample = projection(inputs, outputs, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, 4 * middle, H / stride, W / stride)."""
        result = functional.relu(self.bn1(self.conv1(maps)))
        result = functional.relu(self.bn2(self.conv2(result)))
        shortcut = maps if self.downsample is None else self.downsample(maps)
        return functional.relu(self.bn3(self.conv3(result)) + shortcut)


class ResNet50(ReidNetwork):
    """The whole network.

    Args:
        feature: Length of the head's feature; None for the pooled map alone.
        last_stride: Of layer4: 1 keeps its map at 16 x 8.
        classes: Identities.
        loss: See `ReidNetwork`.
    """

    def __init__(self, feature: int | None, last_stride: int, classes: int, loss: str) -> None:
        width = STAGES[-1][1] * EXPANSION
        super().__init__(feature or width, classes, loss)
        self.conv1, self.bn1 = convolution(3, 64, 7, stride=2), nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = 64
        for place, (blocks, middle, stride) in enumerate(STAGES, 1):
            layer = nn.Sequential()
            first = last_stride if place == len(STAGES) else stride
            for block in range(blocks):
                layer.append(Bottleneck(channels, middle, first if block == 0 else 1))
                channels = middle * EXPANSION
            self.add_module(f"layer{place}", layer)
        self.fc = fully_connected(width, feature) if feature else None
        initialised(self)

    def features(self, pictures: Tensor) -> Tensor:
        """See `ReidNetwork.features`."""
        maps = self.maxpool(functional.relu(self.bn1(self.conv1(pictures))))
        for place in range(1, len(STAGES) + 1):
            maps = self.get_submodule(f"layer{place}")(maps)
        pooled = averaged(maps)
        if self.fc is None:
            return pooled
        feature: Tensor = self.fc(pooled)
        return feature
