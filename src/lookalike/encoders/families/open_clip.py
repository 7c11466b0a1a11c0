"""``open_clip:ARCH[/TAG]``: the image towers of open_clip's contrastive models."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
from lookalike.images import from_open_clip

HUB_NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


class OpenClip:
    """The family; see `load`."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """The image tower of an open_clip model; the text tower is dropped after loading.

        Options as for the other torch families. Without a tag, ``weights`` must be given.
        """
        name.allow(NETWORK_OPTIONS)
        require("torch", purpose="open_clip encoders")
        torchvision()  # open_clip imports it
        open_clip: Any = require("open_clip", purpose="open_clip encoders")
        architecture, _, tag = name.rest.partition("/")
        if architecture not in open_clip.list_models():
            raise UnknownNameError("open_clip model", architecture, open_clip.list_models())
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        if tag and tag not in tags:
            raise UnknownNameError(f"weights of {architecture}", tag, tags)
        built = _built(open_clip, name, architecture, tag, runtime)
        return torch_encoder(name, built, runtime)

    def entries(self) -> Iterable[Entry]:
        """Every architecture with each of its pretrained tags."""
        return entries_of("open_clip", "/", ("torch", "open_clip"))


def _built(
    open_clip: Any, name: EncoderName, architecture: str, tag: str, runtime: Runtime
) -> Built:
    kind, file, seed = weights_wish(name)
    path = file
    if kind == "published":
        origin = _origin(open_clip, architecture, tag, name)
        path = located(origin, offline=runtime.offline, encoder=name.text)
    settings = open_clip.get_pretrained_cfg(architecture, tag) if tag else {}
    visual: Any = evaluation_mode(
        lambda: _image_tower(open_clip, architecture, path, settings), seed
    )
    tags = {"random": f"random(seed={seed})", "file": f"file {file}", "published": tag}
    return Built(
        module=visual,
        preprocess=from_open_clip(visual.preprocess_cfg),
        layer="",
        algorithm=f"open_clip/{architecture}"
        + ("+quickgelu" if settings.get("quick_gelu") else ""),
        weights_tag=tags[kind],
        has_class_token=hasattr(visual, "class_embedding"),
        published=published_row("open_clip", architecture, tag),
        source=str(path or ""),
        path=path,
    )


def _origin(open_clip: Any, architecture: str, tag: str, name: EncoderName) -> Origin:
    settings = open_clip.get_pretrained_cfg(architecture, tag) if tag else {}
    if settings.get("hf_hub"):
        parts = settings["hf_hub"].strip("/").split("/")
        repository, file = "/".join(parts[:2]), "/".join(parts[2:])
        return HubFile(repository, (file,) if file else HUB_NAMES)
    if settings.get("url"):
        return UrlFile(settings["url"])
    raise MissingWeightsError(
        f"no published weights are named for {name.text}",
        cure="name a tag, e.g. "
        + ", ".join(open_clip.list_pretrained_tags_by_model(architecture)[:3])
        + "; or weights=FILE, or weights=random",
    )


def _image_tower(
    open_clip: Any, architecture: str, path: Path | None, settings: dict[str, Any]
) -> Any:
    options: dict[str, Any] = {"pretrained_hf": False, "pretrained_image": False}
    options |= {
        key: settings[name]
        for key, name in (
            ("image_mean", "mean"),
            ("image_std", "std"),
            ("image_interpolation", "interpolation"),
            ("image_resize_mode", "resize_mode"),
        )
        if settings.get(name)
    }
    if settings.get("quick_gelu"):
        options["force_quick_gelu"] = True
    if path is not None:
        read_state_dict(path)  # refuses what is no checkpoint, with a message of its own
    try:
        with _quiet():
            model = open_clip.create_model(
                architecture, pretrained=str(path) if path else None, weights_only=True, **options
            )
    except (RuntimeError, KeyError) as error:
        raise WeightsError(
            f"the weights are of another network: {str(error)[:400]}", where=str(path or "")
        ) from error
    return model.visual


@contextmanager
def _quiet() -> Iterator[None]:
    """Holds back open_clip's log of what it loads; that weights are random is said elsewhere."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


FAMILY = OpenClip()
