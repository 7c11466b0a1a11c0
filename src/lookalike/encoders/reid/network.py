"""What all re-identification networks share: a feature in evaluation, logits in training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeAlias

from torch import Tensor, nn

Trained: TypeAlias = "Tensor | tuple[Tensor, Tensor]"


class ReidNetwork(nn.Module, ABC):
    """A network with a feature, and a classifier over the identities of its training behind it.

    Parameters have torchreid's names. Input is (N, 3, H, W) float32, RGB, normalised by ImageNet's
    mean and deviation, usually 256 x 128.

    Attributes:
        dim: Length of the feature.
        loss: ``softmax`` or ``triplet``: what `forward` gives in training.
        classifier: (dim → identities), not run in evaluation.
    """

    def __init__(self, dim: int, classes: int, loss: str) -> None:
        super().__init__()
        self.dim, self.loss = dim, loss
        self.classifier = nn.Linear(dim, classes)

    @abstractmethod
    def features(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, dim), not of unit length, never negative."""

    def forward(self, pictures: Tensor) -> Trained:
        """(N, 3, H, W) → feature; in training (N, classes) logits, for triplet the feature, too.

        Raises:
            KeyError: Training with another loss.
        """
        feature = self.features(pictures)
        if not self.training:
            return feature
        logits: Tensor = self.classifier(feature)
        if self.loss == "triplet":
            return logits, feature
        if self.loss != "softmax":
            raise KeyError(f"{self.loss!r} is no loss; softmax and triplet are")
        return logits


def initialised(network: nn.Module) -> None:
    """Fresh weights: Kaiming's for convolutions, ones for norms, N(0, 0.01) for linear layers."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm2d)):
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
