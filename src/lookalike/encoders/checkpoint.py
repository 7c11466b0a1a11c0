"""Reading a file of weights: as data only, wherever its trainer put the tensors in it."""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lookalike.encoders.file_kind import foreign_kind, is_safetensors, is_text
from lookalike.errors import LookalikeError, MissingWeightsError, UsageError, WeightsError
from lookalike.extras import require

if TYPE_CHECKING:
    import torch

StateDict: TypeAlias = "dict[str, torch.Tensor]"

AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema", "teacher")
"""Where trainers keep averages of the weights over training, which networks are published with."""

NESTS = (*AVERAGED, "state_dict", "model_state_dict", "model_state", "model", "net", "student")
"""Where checkpoints of several trainers keep the weights; the first that is there is meant."""

FRONT = "module"
"""What a trainer's wrapper for several devices puts before names."""

ANYWHERE = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What torch's own wrappers put before or into names."""

BOOKKEEPING = ("n_averaged",)
"""Tensors beside the weights that a wrapper keeps for itself."""

DAMAGED = "copy or download it again"


@dataclass(frozen=True)
class WeightsFile:
    """The tensors of a file.

    Attributes:
        path: The file.
        tensors: Name → tensor, without what wrappers put into names.
        notes: What was chosen or taken off, for people.
    """

    path: Path
    tensors: StateDict
    notes: tuple[str, ...] = ()


def read_weights(path: Path, *, trusted: bool = False, nest: str = "") -> WeightsFile:
    """The tensors in a ``.safetensors`` file, or in a torch checkpoint read as data only.

    Checkpoints that nest the weights under one of `NESTS` are unwrapped; an average comes before
    the plain weights, and a note says so where both are there. What wrappers of torch put into
    names is taken off. Files that Python 2 wrote are read, too.

    Args:
        path: The file, told by its content and not by its name.
        trusted: Whether objects in it other than tensors and plain values may be made, which can
            run any code.
        nest: The nest to take instead, or the beginning of the names to take.

    Raises:
        MissingWeightsError: No such file.
        UsageError: There is no such nest.
        WeightsError: Not a checkpoint, one that holds code, or tensors without plain numbers.
    """
    if not path.is_file():
        raise MissingWeightsError("there is no weights file", where=str(path))
    if path.suffix == ".onnx":
        raise WeightsError(
            "an ONNX file is a network and not weights for one",
            where=str(path),
            cure=f"use onnx:{path}",
        )
    try:
        content = _content(path, trusted)
    except LookalikeError:
        raise
    except Exception as error:  # damage shows wherever a reader stumbles over it
        raise _unreadable(path, error, trusted) from error
    tensors, notes = _unwrapped(content, path, nest)
    _check_plain(tensors, path)
    tensors, taken = _plain_names(tensors, path)
    if taken:
        notes.append(f"{path}: {' and '.join(taken)} taken off the names")
    return WeightsFile(path, tensors, tuple(notes))


def _content(path: Path, trusted: bool) -> Any:
    kind = foreign_kind(path)
    if kind is not None:
        raise WeightsError(f"this is {kind[0]}", where=str(path), cure=kind[1])
    if is_safetensors(path):
        return require("safetensors.torch", purpose="reading weights").load_file(path)
    if path.suffix == ".safetensors":
        raise WeightsError(
            "not a safetensors file, or a damaged one", where=str(path), cure=DAMAGED
        )
    return _loaded(path, trusted)


def _loaded(path: Path, trusted: bool) -> Any:
    torch: Any = require("torch", purpose="reading weights")

    def load(**options: Any) -> Any:
        with torch.serialization.safe_globals(_harmless()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an encoding, which works, and of damage
            return torch.load(path, map_location="cpu", weights_only=not trusted, **options)

    try:
        return load()
    except UnicodeDecodeError:  # text that Python 2 wrote
        return load(encoding="latin1")


def _harmless() -> list[Any]:
    """What trainers write beside the weights: NumPy's numbers, and options of a command line."""
    import numpy as np

    scalar: Any = np.float64(0).__reduce__()[0]
    names = [(scalar, f"numpy.{module}.multiarray.scalar") for module in ("core", "_core")]
    kinds = [np.float16, np.float32, np.float64, np.int32, np.int64]
    numbers = [np.dtype, *(type(np.dtype(kind)) for kind in kinds)]
    return [*names, *numbers, argparse.Namespace]


def _unreadable(path: Path, error: Exception, trusted: bool) -> WeightsError:
    where = str(path)
    told = re.search(r"GLOBAL ([\w.]+)|(?:class|reduce for \w+ \w+|GLOBAL) '?([\w.]+)", str(error))
    if isinstance(error, pickle.UnpicklingError) and told:
        return WeightsError(
            "the checkpoint holds objects other than tensors, which could run code "
            f"({told[1] or told[2]})",
            where=where,
            cure="save only the state dict, as .safetensors; or, if you trust whoever made the "
            "file, add pickle=trusted",
        )
    if is_text(path):
        return WeightsError("this is text, not weights", where=where, cure=DAMAGED)
    # torch's own words may advise to trust the file, which mends no damage
    words = str(error).strip().splitlines()[:1]
    reason = f": {words[0][:160]}" if words and (trusted or not _advises_trust(error)) else ""
    return WeightsError(f"not a checkpoint, or a damaged one{reason}", where=where, cure=DAMAGED)


def _advises_trust(error: Exception) -> bool:
    return isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error)


def _unwrapped(content: Any, path: Path, nest: str) -> tuple[StateDict, list[str]]:
    """The innermost mapping of tensors, and what was chosen on the way."""
    import torch

    notes: list[str] = []
    if nest and isinstance(content, Mapping) and isinstance(content.get(nest), Mapping):
        content, nest = content[nest], ""
    while isinstance(content, Mapping):
        found = [key for key in NESTS if _holds_tensors(content.get(key))]
        if not found:
            break
        if len(found) > 1:
            notes.append(
                f"{path}: the weights under {found[0]} are used, not those under "
                f"{' or '.join(found[1:])}; nest={found[1]} takes the others"
            )
        content = content[found[0]]
    if not isinstance(content, Mapping):
        raise WeightsError("the checkpoint holds no state dict", where=str(path))
    tensors = {
        str(key): value
        for key, value in content.items()
        if isinstance(value, torch.Tensor) and key not in BOOKKEEPING
    }
    if nest:
        tensors = _beginning(tensors, nest, path)
    if not tensors:
        raise WeightsError("the checkpoint holds no tensors", where=str(path))
    return tensors, notes


def _holds_tensors(content: Any) -> bool:
    import torch

    if not isinstance(content, Mapping):
        return False
    return any(isinstance(one, torch.Tensor) for one in content.values()) or any(
        _holds_tensors(content.get(key)) for key in NESTS
    )


def _beginning(tensors: StateDict, nest: str, path: Path) -> StateDict:
    """The entries whose names begin with a nest, without it."""
    start = nest.rstrip(".") + "."
    found = {
        name.removeprefix(start): one for name, one in tensors.items() if name.startswith(start)
    }
    if not found:
        known = sorted({name.partition(".")[0] for name in tensors})
        raise UsageError(
            f"the file has no weights under {nest}",
            where=str(path),
            cure="names in it begin with " + ", ".join(known[:8]),
        )
    return found


def _check_plain(tensors: StateDict, path: Path) -> None:
    """Refuse tensors that are no plain arrays of numbers."""
    odd: dict[str, list[str]] = {}
    for name, tensor in tensors.items():
        for kind in _oddities(tensor):
            odd.setdefault(kind, []).append(name)
    if odd:
        told = "; ".join(
            f"{len(names)} {kind}: {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}"
            for kind, names in odd.items()
        )
        raise WeightsError(
            f"the checkpoint's entries are no plain numbers: {told}",
            where=str(path),
            cure="save the weights as plain float32, dequantised and dense",
        )


def _oddities(tensor: torch.Tensor) -> Iterator[str]:
    import torch

    if tensor.device.type == "meta":
        yield "without values (meta)"
    elif tensor.is_quantized:
        yield "quantised"
    elif tensor.is_nested or tensor.layout is not torch.strided:
        yield "sparse"
    elif tensor.is_complex():
        yield "complex"


def _plain_names(tensors: StateDict, path: Path) -> tuple[StateDict, list[str]]:
    """The same entries without what wrappers put into names, and what that was."""
    named: StateDict = {}
    taken: dict[str, None] = {}
    for name, tensor in tensors.items():
        parts = name.split(".")
        kept = [part for part in parts if part not in ANYWHERE]
        while len(kept) > 1 and kept[0] == FRONT:
            del kept[0]
        plain = ".".join(kept)
        taken |= dict.fromkeys(f"{part}." for part in parts if part in ANYWHERE)
        if len(parts) - len(kept) > sum(part in ANYWHERE for part in parts):
            taken |= {f"{FRONT}.": None}
        if plain in named:
            raise WeightsError(
                f"entries are there with and without {' or '.join(taken)} before them: {plain}",
                where=str(path),
            )
        named[plain] = tensor
    return named, list(taken)
