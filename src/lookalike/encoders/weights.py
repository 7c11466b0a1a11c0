"""Where weights come from, and fetching them once, or saying exactly what is missing."""

from __future__ import annotations

import hashlib
import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lookalike.errors import LookalikeError, MissingWeightsError, UsageError, WeightsError
from lookalike.extras import require

if TYPE_CHECKING:
    import torch

StateDict: TypeAlias = "dict[str, torch.Tensor]"

OFFLINE_VARIABLES = ("LOOKALIKE_OFFLINE", "HF_HUB_OFFLINE")

NESTS = ("state_dict", "model_state_dict", "model_state", "model_ema", "model", "net")
"""Where checkpoints of several trainers keep the weights; the first that is there is meant."""


@dataclass(frozen=True)
class UrlFile:
    """A file behind a URL, kept in torch's hub folder under its own name."""

    url: str

    def path(self) -> Path:
        """Where it is, or would be, on this machine."""
        torch: Any = require("torch", purpose="downloading weights")
        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rsplit("/", 1)[-1]

    def fetch(self) -> Path:
        """Download it, checked against the digest in its name where there is one."""
        torch: Any = require("torch", purpose="downloading weights")
        target = self.path()
        target.parent.mkdir(parents=True, exist_ok=True)
        stem = target.stem.rsplit("-", 1)
        prefix = (
            stem[1] if len(stem) == 2 and all(c in "0123456789abcdef" for c in stem[1]) else None
        )
        torch.hub.download_url_to_file(self.url, str(target), hash_prefix=prefix, progress=True)
        return target


@dataclass(frozen=True)
class HubFile:
    """One of several equivalent files in a Hugging Face repository, the first that exists."""

    repository: str
    names: tuple[str, ...]
    revision: str | None = None

    @property
    def url(self) -> str:
        """What a message calls it."""
        return f"https://huggingface.co/{self.repository}"

    def path(self) -> Path:
        """Where it is in the hub's cache; a path that does not exist if it is not there."""
        hub: Any = require("huggingface_hub", purpose="hub weights")
        for name in self.names:
            found = hub.try_to_load_from_cache(self.repository, name, revision=self.revision)
            if isinstance(found, str):
                return Path(found)
        folder = "models--" + self.repository.replace("/", "--")
        return Path(hub.constants.HF_HUB_CACHE) / folder / "snapshots" / "main" / self.names[0]

    def fetch(self) -> Path:
        """Download the first name that the repository has."""
        hub: Any = require("huggingface_hub", purpose="hub weights")
        for name in self.names[:-1]:
            try:
                return Path(hub.hf_hub_download(self.repository, name, revision=self.revision))
            except hub.errors.EntryNotFoundError:
                continue
        return Path(hub.hf_hub_download(self.repository, self.names[-1], revision=self.revision))


Origin: TypeAlias = "UrlFile | HubFile"


def located(origin: Origin, *, offline: bool, encoder: str) -> Path:
    """The weights file on this machine, fetched first if need be and allowed.

    Raises:
        MissingWeightsError: Not here, and offline or not reachable; names the source, where the
            file belongs, and the option for a file elsewhere.
    """
    path = origin.path()
    if path.is_file():
        return path
    cure = (
        f"put the file at {path}, or give weights=FILE in the encoder's name"
        " (weights=random to try the network without)"
    )
    if offline or offline_variables():
        raise MissingWeightsError(
            f"the weights of {encoder} are not on this machine, and offline was asked for: "
            f"{origin.url}",
            cure=cure,
        )
    try:
        return origin.fetch()
    except Exception as error:  # each client raises its own kinds for an unreachable network
        raise MissingWeightsError(
            f"the weights of {encoder} could not be fetched from {origin.url}: {error}", cure=cure
        ) from error


def offline_variables() -> list[str]:
    """The environment variables that forbid touching a network, as far as they are set."""
    no = {"", "0", "false", "no", "off"}
    return [name for name in OFFLINE_VARIABLES if os.environ.get(name, "").lower() not in no]


def read_state_dict(path: Path, *, trusted: bool = False) -> StateDict:
    """The tensors in a ``.safetensors`` file, or in a torch checkpoint read as data only.

    Checkpoints that nest the weights under one of `NESTS` are unwrapped, and a ``module.`` prefix
    that all keys share is removed. Files that Python 2 wrote are read, too.

    Args:
        path: The file.
        trusted: Whether objects in it other than tensors and plain values may be made, which can
            run any code.

    Raises:
        MissingWeightsError: No such file.
        WeightsError: Not a checkpoint, or one that holds code.
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
        if path.suffix == ".safetensors":
            tensors: Any = require("safetensors.torch", purpose="reading weights").load_file(path)
        else:
            tensors = _loaded(path, trusted)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "the checkpoint holds objects other than tensors, which could run code",
            where=str(path),
            cure="save only the state dict, as .safetensors; if you trust whoever made it, and the "
            "encoder has the option, add pickle=trusted",
        ) from error
    except LookalikeError:
        raise
    except Exception as error:  # damage shows wherever a reader stumbles over it
        raise WeightsError(f"not a checkpoint: {error}", where=str(path)) from error
    return _unwrapped(tensors, path)


def _loaded(path: Path, trusted: bool) -> Any:
    torch: Any = require("torch", purpose="reading weights")

    def load(**options: Any) -> Any:
        with torch.serialization.safe_globals(_numbers()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an encoding, which works, and of damage
            return torch.load(path, map_location="cpu", weights_only=not trusted, **options)

    try:
        return load()
    except UnicodeDecodeError:  # text that Python 2 wrote
        return load(encoding="latin1")


def _numbers() -> list[Any]:
    """What NumPy's numbers are put together from, such as the accuracy a trainer writes down."""
    import numpy as np

    scalar: Any = np.float64(0).__reduce__()[0]
    names = [(scalar, f"numpy.{module}.multiarray.scalar") for module in ("core", "_core")]
    kinds = [np.float16, np.float32, np.float64, np.int32, np.int64]
    return [*names, np.dtype, *(type(np.dtype(kind)) for kind in kinds)]


def _unwrapped(content: Any, path: Path) -> StateDict:
    import torch

    while isinstance(content, Mapping):
        nested = (content[key] for key in NESTS if isinstance(content.get(key), Mapping))
        inner = next(filter(None, nested), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping):
        raise WeightsError("the checkpoint holds no state dict", where=str(path))
    tensors = {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise WeightsError("the checkpoint holds no tensors", where=str(path))
    if all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    return tensors


@dataclass(frozen=True)
class Loaded:
    """What became of the entries of some weights.

    Attributes:
        used: Those the network has now.
        unused: Those of a class head of another shape.
        untouched: Entries of the network that kept their values: its class head, and counters of
            batch normalisation.
    """

    used: tuple[str, ...]
    unused: tuple[str, ...]
    untouched: tuple[str, ...]


def load_strictly(module: torch.nn.Module, tensors: StateDict, *, head: str, where: str) -> Loaded:
    """Weights into a network: everything but the class head must match, name by name.

    Args:
        module: The network, changed in place.
        tensors: The weights.
        head: Prefix of the parameters that may be missing or of other shapes, such as ``fc``;
            they keep their values.
        where: The file, for the message.

    Raises:
        WeightsError: Lists missing, surplus and misshaped entries outside the head.
    """
    own = module.state_dict()
    wrong = {
        "missing": [k for k in own if k not in tensors and not k.endswith("num_batches_tracked")],
        "surplus": [k for k in tensors if k not in own],
        "misshaped": [k for k in own if k in tensors and own[k].shape != tensors[k].shape],
    }
    outside = {
        kind: [key for key in keys if not head or not key.startswith(f"{head}.")]
        for kind, keys in wrong.items()
    }
    if any(outside.values()):
        told = "; ".join(
            f"{len(keys)} {kind}: {', '.join(keys[:4])}{' ...' if len(keys) > 4 else ''}"
            for kind, keys in outside.items()
            if keys
        )
        matching = len(own) - len(wrong["missing"]) - len(wrong["misshaped"])
        raise WeightsError(
            f"the weights are of another network ({matching} of {len(own)} entries fit): {told}",
            where=where,
        )
    fitting = {k: v for k, v in tensors.items() if k in own and own[k].shape == v.shape}
    module.load_state_dict(fitting, strict=False)
    return Loaded(
        tuple(fitting),
        tuple(key for key in tensors if key not in fitting),
        tuple(key for key in own if key not in fitting),
    )


def state_digest(module: torch.nn.Module, *, head: str = "") -> str:
    """``sha256:...`` over the names, types, shapes and bytes of a network's weights.

    The same weights have the same digest in whatever file they came. Counters of batch
    normalisation and the class head behind the embedding, which change no vector, are left out.

    Args:
        module: The network.
        head: Prefix of the parameters behind the layer in use; empty to take all.
    """
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        behind = bool(head) and name.startswith(f"{head}.")
        if behind or name.endswith("num_batches_tracked"):
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        flat = tensor.detach().contiguous().view(-1).view(torch.uint8)
        digest.update(memoryview(flat.numpy()))
    return f"sha256:{digest.hexdigest()}"


def seeded(seed_text: str) -> int:
    """The seed of ``weights=random`` from the option ``seed``."""
    if not seed_text.isdigit():
        raise UsageError(f"seed={seed_text} is not a whole number")
    return int(seed_text)
