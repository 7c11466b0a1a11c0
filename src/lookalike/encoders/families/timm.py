"""``timm:NAME[.TAG]``: timm's image networks, pooled by timm and without their class head."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lookalike.encoders.catalogue import Entry, entries_of, published_row
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Runtime
from lookalike.encoders.families.torch_network import (
    NETWORK_OPTIONS,
    Built,
    evaluation_mode,
    torch_encoder,
    weights_wish,
)
from lookalike.encoders.families.torchvision import torchvision
from lookalike.encoders.name import EncoderName
from lookalike.encoders.weights import HubFile, Origin, UrlFile, located, read_state_dict
from lookalike.errors import MissingWeightsError, UnknownNameError, WeightsError
from lookalike.extras import require
from lookalike.images import from_timm

HUB_NAMES = ("model.safetensors", "pytorch_model.bin")


class Timm:
    """The family; see `load`."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """A timm network as an encoder.

        The embedding is what timm's own class head would take (``num_classes=0``). Options:
        ``layer``, ``pooling``, ``weights`` (``random`` or a file), ``seed``, and those of the
        preprocessing, which otherwise is that of the pretrained tag.
        """
        name.allow(NETWORK_OPTIONS)
        require("torch", purpose="timm encoders")
        torchvision()  # timm imports it
        timm: Any = require("timm", purpose="timm encoders")
        architecture, _, tag = name.rest.partition(".")
        if not timm.is_model(architecture):
            raise UnknownNameError("timm model", architecture, timm.list_models())
        known = list(timm.list_models(f"{architecture}.*", pretrained=True))
        if tag and name.rest not in known:
            raise UnknownNameError(f"weights of {architecture}", name.rest, known)
        return torch_encoder(name, _built(timm, name, architecture, runtime), runtime)

    def entries(self) -> Iterable[Entry]:
        """Every architecture with each of its pretrained tags, the default first."""
        return entries_of("timm", ".", ("torch", "timm"))


def _built(timm: Any, name: EncoderName, architecture: str, runtime: Runtime) -> Built:
    kind, file, seed = weights_wish(name)
    config = timm.get_pretrained_cfg(name.rest)
    tag = config.tag if config is not None else ""
    path = file
    if kind == "published":
        path = located(_origin(config, name), offline=runtime.offline, encoder=name.text)
    module: Any = evaluation_mode(lambda: _module(timm, name.rest, path), seed)
    tags = {"random": f"random(seed={seed})", "file": f"file {file}", "published": tag or ""}
    return Built(
        module=module,
        preprocess=from_timm(timm.data.resolve_model_data_config(module)),
        layer="",
        algorithm=f"timm/{architecture}",
        weights_tag=tags[kind],
        has_class_token=bool(getattr(module, "num_prefix_tokens", 0)),
        published=published_row("timm", architecture, tag or ""),
        source=str(path or ""),
        path=path,
    )


def _origin(config: Any, name: EncoderName) -> Origin:
    if config is not None and config.hf_hub_id:
        repository, _, revision = config.hf_hub_id.partition("@")
        names = (config.hf_hub_filename,) if config.hf_hub_filename else HUB_NAMES
        return HubFile(repository, names, revision or None)
    if config is not None and config.url:
        return UrlFile(config.url)
    raise MissingWeightsError(
        f"timm publishes no weights for {name.rest}",
        cure="give weights=FILE, or weights=random to try the network",
    )


def _module(timm: Any, model: str, path: Path | None) -> Any:
    """The network; with a file, by timm's own loading, which renames and resizes as it must."""
    if path is None:
        return timm.create_model(model, pretrained=False, num_classes=0)
    read_state_dict(path)  # refuses what is no checkpoint, with a message of its own
    try:
        overlay = {"file": str(path)}
        return timm.create_model(
            model, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay
        )
    except (RuntimeError, KeyError) as error:
        raise WeightsError(
            f"the weights are of another network: {str(error)[:400]}", where=str(path)
        ) from error


FAMILY = Timm()
