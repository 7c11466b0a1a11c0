"""OSNet, with plain blocks, with instance norm after them (IBN) or inside them (AIN).

Source: K. Zhou et al., "Omni-Scale Feature Learning for Person Re-Identification" (2019), and
"Learning Generalisable Omni-Scale Representations for Person Re-Identification" (2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from lookalike.encoders.reid.blocks import (
    AffineInstanceNorm,
    ConvNorm,
    averaged,
    convolution,
    fully_connected,
)
from lookalike.encoders.reid.network import ReidNetwork, initialised

STREAMS = 4
FEATURE = 512
Kind = Literal["plain", "ibn", "ain"]
Place = Literal["", "after", "inside"]
"""Where a block has its instance norm: nowhere, after the addition, or before it."""

BLOCKS: dict[str, tuple[tuple[Place, Place], ...]] = {
    "plain": (("", ""),) * 3,
    "ibn": (("after", "after"), ("", ""), ("", "")),
    "ain": (("inside", "inside"), ("", "inside"), ("inside", "")),
}
"""Kind of network → stages 2 to 4 → its two blocks."""


class LightConv(nn.Module):
    """A 1 x 1 convolution, and a depthwise 3 x 3 one, with nothing in between."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = convolution(channels, channels)
        self.conv2 = convolution(channels, channels, 3, groups=channels)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        return functional.relu(self.bn(self.conv2(self.conv1(maps))))


class ChannelGate(nn.Module):
    """Each channel times a weight from 0 to 1, which the means of all channels decide."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 16
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.fc2 = nn.Conv2d(hidden, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        means = functional.adaptive_avg_pool2d(maps, 1)
        return maps * self.fc2(functional.relu(self.fc1(means))).sigmoid()


class Stream(nn.Module):
    """A chain of light convolutions, as AIN networks name it."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.layers = chain(channels, depth)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        result: Tensor = self.layers(maps)
        return result


def chain(channels: int, depth: int) -> nn.Sequential:
    """So many light convolutions, one after the other."""
    return nn.Sequential(*(LightConv(channels) for _ in range(depth)))


class Block(nn.Module):
    """Four streams of growing reach, through one gate that they share, summed; and a shortcut.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        norm: Where the block has an instance norm.
        ain: Whether streams are named as in AIN networks.
    """

    def __init__(self, inputs: int, outputs: int, norm: Place, *, ain: bool) -> None:
        super().__init__()
        middle = outputs // 4
        inside = norm == "inside"
        self.conv1 = ConvNorm(inputs, middle)
        if ain:
            self.conv2 = nn.ModuleList(Stream(middle, depth + 1) for depth in range(STREAMS))
        else:
            self.conv2a = LightConv(middle)
            self.conv2b = chain(middle, 2)
            self.conv2c = chain(middle, 3)
            self.conv2d = chain(middle, 4)
        self.gate = ChannelGate(middle)
        batch_norm = None if inside else nn.BatchNorm2d
        self.conv3 = ConvNorm(middle, outputs, norm=batch_norm, activation=None)
        self.downsample = ConvNorm(inputs, outputs, activation=None) if inputs != outputs else None
        self.IN = AffineInstanceNorm(outputs) if norm else None
        self.norm = norm

    @property
    def streams(self) -> Sequence[nn.Module]:
        """The four, by growing depth."""
        if hasattr(self, "conv2"):
            return list(self.conv2)
        return self.conv2a, self.conv2b, self.conv2c, self.conv2d

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, H, W)."""
        entered = self.conv1(maps)
        first, *others = (self.gate(stream(entered)) for stream in self.streams)
        result = self.conv3(sum(others, first))
        if self.IN is not None and self.norm == "inside":
            result = self.IN(result)
        result = result + (maps if self.downsample is None else self.downsample(maps))
        if self.IN is not None and self.norm == "after":
            result = self.IN(result)
        return functional.relu(result)


class OSNet(ReidNetwork):
    """The whole network.

    Args:
        channels: Of the first layer and stages 2 to 4.
        kind: Which of the three kinds.
        classes: Identities.
        loss: See `ReidNetwork`.
    """

    def __init__(
        self, channels: tuple[int, int, int, int], kind: Kind, classes: int, loss: str
    ) -> None:
        super().__init__(FEATURE, classes, loss)
        ain = self.ain = kind == "ain"
        norm = nn.BatchNorm2d if kind == "plain" else AffineInstanceNorm
        self.conv1 = ConvNorm(3, channels[0], 7, stride=2, norm=norm)
        self.maxpool = nn.MaxPool2d(3, 2, 1)

        def stage(place: int) -> nn.Sequential:
            inputs, outputs = channels[place : place + 2]
            first, second = BLOCKS[kind][place]
            pair = Block(inputs, outputs, first, ain=ain), Block(outputs, outputs, second, ain=ain)
            return nn.Sequential(*pair)

        def transition(width: int) -> nn.Sequential:
            return nn.Sequential(ConvNorm(width, width), nn.AvgPool2d(2))

        self.conv2, self.conv3, self.conv4 = stage(0), stage(1), stage(2)
        if ain:
            self.pool2, self.pool3 = transition(channels[1]), transition(channels[2])
        else:
            self.conv2.append(transition(channels[1]))
            self.conv3.append(transition(channels[2]))
        self.conv5 = ConvNorm(channels[3], channels[3])
        self.fc = fully_connected(channels[3], FEATURE)
        initialised(self)

    def features(self, pictures: Tensor) -> Tensor:
        """See `ReidNetwork.features`."""
        maps = self.conv2(self.maxpool(self.conv1(pictures)))
        maps = self.conv3(self.pool2(maps) if self.ain else maps)
        maps = self.conv5(self.conv4(self.pool3(maps) if self.ain else maps))
        feature: Tensor = self.fc(averaged(maps))
        return feature
