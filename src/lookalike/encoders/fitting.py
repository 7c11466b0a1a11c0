"""From the tensors of a file into a network: everything fits, or nothing is taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lookalike.encoders.checkpoint import StateDict
from lookalike.errors import WeightsError

if TYPE_CHECKING:
    import torch

COUNTER = "num_batches_tracked"

INDICES = ("relative_position_index", "position_ids")
"""Entries of older files that follow from a network's shape."""

HEADS = ("head", "heads", "fc", "classifier", "cls_head")
"""What class heads are called that stand beside a wrapped network."""


@dataclass(frozen=True)
class Loaded:
    """What became of the entries of some weights.

    Attributes:
        used: Those the network has now.
        unused: Those of a class head of another shape, and surplus that was allowed.
        untouched: Entries of the network that kept their values: its class head, counters of
            batch normalisation, and indices that follow from its shape.
        ignored: Those of `unused` that are of no class head.
        prefix: What was taken off the names to find the network in the file; may be empty.
    """

    used: tuple[str, ...]
    unused: tuple[str, ...]
    untouched: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    prefix: str = ""

    def notes(self, where: str) -> tuple[str, ...]:
        """What people should know about it."""
        said = []
        if self.prefix:
            said.append(f"{where}: {self.prefix} taken off the names")
        if self.ignored:
            some = ", ".join(self.ignored[:4]) + (" ..." if len(self.ignored) > 4 else "")
            said.append(f"{len(self.ignored)} entries of {where} are ignored: {some}")
        return tuple(said)


def load_strictly(
    module: torch.nn.Module,
    tensors: StateDict,
    *,
    head: str,
    where: str,
    beside: tuple[str, ...] = (),
    ignore_surplus: bool = False,
    cure: Callable[[StateDict], str] | None = None,
) -> Loaded:
    """Weights into a network: everything but the class head must match, name by name.

    A beginning that stands before the network's names in the file, such as ``backbone.``, is
    taken off.

    Args:
        module: The network, changed in place.
        tensors: The weights.
        head: Prefix of the parameters that may be missing or of other shapes, such as ``fc``;
            they keep their values. Empty if none may.
        where: The file, for the message.
        beside: Names, or beginnings of names up to a dot, that may be in the file as well: parts
            that come after the embedding, or another tower.
        ignore_surplus: Whether the file may have any entries that the network has not.
        cure: What to do about weights of another network, asked only if they are.

    Raises:
        WeightsError: Lists missing, surplus, misshaped and mistyped entries outside the head.
    """
    own = module.state_dict()
    tensors, prefix = unwrapped(tensors, module, head=head, where=where, beside=beside)
    after = (*filter(None, (head,)), *beside, *(HEADS if prefix else ()))
    wrong = _misfits(own, tensors)
    outside = {
        kind: [key for key in keys if not _under(key, after if kind == "surplus" else (head,))]
        for kind, keys in wrong.items()
    }
    ignored = tuple(outside.pop("surplus")) if ignore_surplus else ()
    if any(outside.values()):
        lost = {key for kind in ("missing", "misshaped", "mistyped") for key in wrong[kind]}
        told = f"({len(own) - len(lost)} of {len(own)} entries fit): {_listed(outside)}"
        advice = cure(tensors) if cure else ""
        if not advice and not any(outside[kind] for kind in outside if kind != "surplus"):
            advice = "add surplus=ignore if what is beside the network does not matter"
        raise WeightsError(f"the weights are of another network {told}", where=where, cure=advice)
    fitting = {k: v for k, v in tensors.items() if k in own and own[k].shape == v.shape}
    module.load_state_dict(fitting, strict=False)
    return Loaded(
        tuple(fitting),
        tuple(key for key in tensors if key not in fitting),
        tuple(key for key in own if key not in fitting),
        ignored,
        prefix,
    )


def _misfits(own: StateDict, tensors: StateDict) -> dict[str, list[str]]:
    """What is wrong → the names, the head's included."""
    shared = [key for key in own if key in tensors]
    shaped = [key for key in shared if own[key].shape == tensors[key].shape]
    return {
        "missing": [key for key in needed(own) if key not in tensors],
        "surplus": [key for key in tensors if key not in own and not key.endswith(INDICES)],
        "misshaped": [key for key in shared if own[key].shape != tensors[key].shape],
        "mistyped": [
            key
            for key in shaped
            if own[key].is_floating_point() != tensors[key].is_floating_point()
        ],
    }


def needed(own: StateDict) -> list[str]:
    """Entries that training decides: not counters, nor indices that follow from the shape."""
    return [key for key, one in own.items() if one.is_floating_point()]


def _listed(outside: dict[str, list[str]]) -> str:
    return "; ".join(
        f"{len(keys)} {kind}: {', '.join(keys[:4])}{' ...' if len(keys) > 4 else ''}"
        for kind, keys in outside.items()
        if keys
    )


def _under(key: str, prefixes: tuple[str, ...]) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in prefixes if one)


def unwrapped(
    tensors: StateDict,
    module: torch.nn.Module,
    *,
    head: str,
    where: str,
    beside: tuple[str, ...] = (),
) -> tuple[StateDict, str]:
    """The tensors with the names that a network gives them, and what was taken off.

    The beginning is the one behind which most of the network's entries are found, with their
    shapes; whatever it is called, since everything has to fit in the end.

    Args:
        tensors: The weights.
        module: The network.
        head: See `load_strictly`.
        where: The file, for the message.
        beside: See `load_strictly`.

    Raises:
        WeightsError: The file has the whole network twice, or names that fall together.

    Example:
        >>> import torch
        >>> net = torch.nn.Linear(3, 2)
        >>> wrapped = {f"model.{name}": one for name, one in net.state_dict().items()}
        >>> unwrapped(wrapped, net, head="", where="w.pth")[1]
        'model.'
    """
    shapes = {key: one.shape for key, one in module.state_dict().items() if one.is_floating_point()}
    found: Counter[str] = Counter({"": 0})
    whole: Counter[str] = Counter()
    for key, tensor in tensors.items():
        parts = key.split(".")
        for place in range(len(parts)):
            name = ".".join(parts[place:])
            if shapes.get(name) == tensor.shape:
                prefix = key.removesuffix(name)
                found[prefix] += 1
                whole[prefix] += not _under(name, (head,))
    wanted = sum(not _under(key, (head,)) for key in shapes)
    complete = sorted(prefix for prefix, count in whole.items() if count == wanted)
    if len(complete) > 1 and "" not in complete:
        raise WeightsError(
            f"the file holds such a network {len(complete)} times: under {', '.join(complete)}",
            where=where,
            cure=f"choose one, e.g. nest={complete[0].rstrip('.')}",
        )
    best = max(found, key=lambda prefix: (found[prefix], -len(prefix)))
    if 2 * found[best] < wanted:  # a few names that many networks have
        best = ""
    if not best:
        return tensors, ""
    named = {key.removeprefix(best): one for key, one in tensors.items() if key.startswith(best)}
    outer = best.removesuffix(".").rpartition(".")[0]
    for key, one in tensors.items():
        if key.startswith(best):
            continue
        name = key.removeprefix(f"{outer}.") if outer else key
        if name not in named:
            named[name] = one
        elif not _under(name, beside):
            told = f"entries are there with and without {best} before them: {name}"
            raise WeightsError(told, where=where)
    return named, best
