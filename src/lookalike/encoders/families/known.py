"""Which network of timm or torchvision some weights are of, for the message that refuses them."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lookalike.encoders.catalogue import PublishedRow, published
from lookalike.encoders.checkpoint import StateDict
from lookalike.encoders.families.efficientnet_names import has_their_names, with_timm_names
from lookalike.encoders.fitting import HEADS, needed, unwrapped
from lookalike.errors import LookalikeError
from lookalike.extras import require

if TYPE_CHECKING:
    import torch

TRIED = 4
"""Networks of each library that are built, without values, to hold the names against."""

MOST_CLASSES = 22_000
CLASSES = 1000
STATISTICS = ("running_mean", "running_var")


def networks_said(tensors: StateDict) -> str:
    """Which networks some weights fit, as the cure of an error; empty if of none that is known.

    Args:
        tensors: Name → tensor, without a wrapper's part of the names.
    """
    found = list(fitting_networks(tensors))
    if not found:
        return ""
    others = f" (so have {', '.join(found[1:3])})" if found[1:] else ""
    return f"they have the names and shapes of {found[0]}{others}: use {found[0]}?weights=..."


def fitting_networks(tensors: StateDict) -> Iterator[str]:
    """Encoders' names whose networks find every entry, but the class head's, with its shape."""
    for family in ("timm", "torchvision"):
        for row in _candidates(family, tensors)[:TRIED]:
            try:
                module = _without_values(family, row.name)
                theirs = _named_for(row.name, module, tensors)
                named, _ = unwrapped(theirs, module, head="", where="")
            except (ImportError, LookalikeError, RuntimeError, ValueError, TypeError):
                continue  # one that can't be built here gives no hint
            own = module.state_dict()
            if all(
                key in named and named[key].shape == own[key].shape
                for key in needed(own)
                if key.partition(".")[0] not in HEADS or key in named
            ):
                yield f"{family}:{row.name}"


def _named_for(name: str, module: torch.nn.Module, tensors: StateDict) -> StateDict:
    if not has_their_names(tensors):
        return tensors
    return with_timm_names(tensors, module, architecture=name, where="")


def _candidates(family: str, tensors: StateDict) -> list[PublishedRow]:
    """Architectures whose number of parameters the file may have, the likeliest first."""
    total = sum(
        one.numel()
        for key, one in tensors.items()
        if one.is_floating_point() and not key.endswith(STATISTICS)
    )
    found: dict[str, tuple[int, PublishedRow]] = {}
    for row in published(family):
        if row.params is None or row.dim is None:
            continue
        classes, rest = divmod(total - row.params + CLASSES * (row.dim + 1), row.dim + 1)
        if total == row.params:
            likelihood = 0
        elif rest == 0 and 0 <= classes <= MOST_CLASSES:
            likelihood = 1 if classes == 0 else 1 + classes
        else:
            continue
        found.setdefault(row.name, (likelihood, row))
    return [row for _, row in sorted(found.values(), key=lambda one: (one[0], len(one[1].name)))]


def _without_values(family: str, name: str) -> torch.nn.Module:
    from lookalike.encoders.families.torch_network import seeded_init
    from lookalike.encoders.families.torchvision import torchvision

    torch: Any = require("torch", purpose="weights")
    torchvision()  # timm imports it

    def build() -> torch.nn.Module:
        if family == "timm":
            timm: Any = require("timm", purpose="timm encoders")
            return timm.create_model(name, num_classes=0)
        models: Any = importlib.import_module("torchvision.models")
        return models.get_model(name, weights=None)

    with seeded_init(0), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.device("meta"):
                return build()
        except RuntimeError:  # older versions look at values while they build
            return build()
