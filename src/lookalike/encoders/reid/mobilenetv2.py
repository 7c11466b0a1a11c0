"""MobileNetV2 as torchreid has it: every block expands, and widths are cut to whole numbers.

Source: M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018).
"""

from __future__ import annotations

from torch import Tensor, nn

from lookalike.encoders.reid.blocks import ConvNorm, averaged, convolution
from lookalike.encoders.reid.network import ReidNetwork, initialised

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Stages 2 to 8: expansion, channels out at width 1, blocks, stride of the first."""


class Bottleneck(nn.Module):
    """An inverted residual: expand, filter each channel, project; added where shapes allow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        middle = inputs * expansion
        self.conv1 = ConvNorm(inputs, middle, activation=nn.ReLU6)
        self.dwconv2 = ConvNorm(
            middle, middle, 3, stride=stride, groups=middle, activation=nn.ReLU6
        )
        self.conv3 = nn.Sequential(convolution(middle, outputs), nn.BatchNorm2d(outputs))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, H / stride, W / stride)."""
        result: Tensor = self.conv3(self.dwconv2(self.conv1(maps)))
        return maps + result if self.adds else result


class MobileNetV2(ReidNetwork):
    """The whole network.

    Args:
        width: Factor on all channels; the feature is never shorter than 1280.
        classes: Identities.
        loss: See `ReidNetwork`.
    """

    def __init__(self, width: float, classes: int, loss: str) -> None:
        dim = int(1280 * max(1.0, width))
        super().__init__(dim, classes, loss)
        channels = int(32 * width)
        self.conv1 = ConvNorm(3, channels, 3, stride=2, activation=nn.ReLU6)
        for place, (expansion, base, blocks, stride) in enumerate(STAGES, 2):
            outputs = int(base * width)
            stage = nn.Sequential()
            for block in range(blocks):
                step = stride if block == 0 else 1
                stage.append(Bottleneck(channels, outputs, expansion, step))
                channels = outputs
            self.add_module(f"conv{place}", stage)
        self.conv9 = ConvNorm(channels, dim, activation=nn.ReLU6)
        initialised(self)

    def features(self, pictures: Tensor) -> Tensor:
        """See `ReidNetwork.features`; at most 6."""
        maps = self.conv1(pictures)
        for place in range(2, 10):
            maps = self.get_submodule(f"conv{place}")(maps)
        return averaged(maps)
