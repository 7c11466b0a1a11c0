"""Layers that several re-identification networks are made of."""

from __future__ import annotations

from torch import Tensor, nn


class ConvNorm(nn.Module):
    """A convolution without bias that keeps the size, a norm called ``bn``, an activation.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        kernel: Height and width, odd.
        stride: Of both axes.
        groups: Of channels.
        norm: Made from the number of channels; None for no norm.
        activation: None for none.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        norm: type[nn.Module] | None = nn.BatchNorm2d,
        activation: type[nn.Module] | None = nn.ReLU,
    ) -> None:
        super().__init__()
        self.conv = convolution(inputs, outputs, kernel, stride=stride, groups=groups)
        self.bn = norm(outputs) if norm else nn.Identity()
        self.activation = activation() if activation else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inputs, H, W) → (N, outputs, ceil(H / stride), ceil(W / stride))."""
        result: Tensor = self.activation(self.bn(self.conv(maps)))
        return result


class AffineInstanceNorm(nn.InstanceNorm2d):
    """Instance normalisation with weight and bias, and no running statistics."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)


def convolution(
    inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    """A convolution without bias, padded so that stride 1 keeps the size."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


def fully_connected(inputs: int, outputs: int) -> nn.Sequential:
    """The head that makes a feature from pooled maps: linear, norm, ReLU."""
    return nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU())


def projection(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """The shortcut of a residual block where its input does not fit its output; else None."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(convolution(inputs, outputs, stride=stride), nn.BatchNorm2d(outputs))


def averaged(maps: Tensor) -> Tensor:
    """(N, C, H, W) → (N, C), the mean over all places."""
    return nn.functional.adaptive_avg_pool2d(maps, 1).flatten(1)
