"""Where weights come from, and fetching them once, or saying exactly what is missing."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lookalike.errors import MissingWeightsError, UsageError
from lookalike.extras import require

if TYPE_CHECKING:
    import torch

OFFLINE_VARIABLES = ("LOOKALIKE_OFFLINE", "HF_HUB_OFFLINE")


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
