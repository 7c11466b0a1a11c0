"""``open_clip:ARCH[/TAG]``: the image towers of open_clip's contrastive models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

from lookalike.encoders.catalogue import Entry, entries_of, published_row
from lookalike.encoders.checkpoint import StateDict, WeightsFile
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Runtime
from lookalike.encoders.families.open_clip_towers import tower_name
from lookalike.encoders.families.torch_network import (
    NETWORK_OPTIONS,
    Built,
    evaluation_mode,
    surplus_ignored,
    torch_encoder,
    weights_file,
    weights_wish,
)
from lookalike.encoders.families.torchvision import torchvision
from lookalike.encoders.fitting import load_strictly
from lookalike.encoders.name import EncoderName
from lookalike.encoders.weights import HubFile, Origin, UrlFile, located
from lookalike.errors import MissingWeightsError, UnknownNameError, WeightsError
from lookalike.extras import require
from lookalike.images import Preprocess, from_open_clip

HUB_NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")

TEXT_TOWER = (
    "text", "text_decoder", "text_encoder", "transformer", "token_embedding",
    "positional_embedding", "ln_final", "text_projection", "attn_mask", "logit_scale",
    "logit_bias", "input_resolution", "context_length", "vocab_size",
)  # fmt: skip
"""What stands beside the image tower in a file."""

POSITIONS = "visual.positional_embedding"


class OpenClip:
    """The family; see `load`."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """The image tower of an open_clip model; the text tower is not even built.

        Options as for the other torch families. Without a tag, ``weights`` must be given.

        Raises:
            UnknownNameError: No such network, weights, layer or option.
            WeightsError: The file is no checkpoint, or of another network.
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
    settings = tag_settings(open_clip, architecture, tag)
    path = file
    if kind == "published":
        origin = _origin(open_clip, architecture, settings, name)
        path = located(origin, offline=runtime.offline, encoder=name.text)
    tower: Any = evaluation_mode(lambda: image_tower(open_clip, architecture, settings), seed)
    notes: tuple[str, ...] = ()
    if path is not None:
        notes = _load(tower, weights_file(name, path), ignore_surplus=surplus_ignored(name))
    tags = {"random": f"random(seed={seed})", "file": f"file {file}", "published": tag}
    return Built(
        module=tower,
        preprocess=tag_preprocess(open_clip, settings, tower.image_size),
        layer="",
        algorithm=algorithm(architecture, tower),
        weights_tag=tags[kind],
        has_class_token=hasattr(tower, "class_embedding"),
        published=published_row("open_clip", architecture, tag),
        source=str(path or ""),
        path=path,
        notes=notes if kind == "file" else (),
    )


def tag_settings(open_clip: Any, architecture: str, tag: str) -> Mapping[str, Any]:
    """What open_clip knows about a tag; empty for none."""
    return open_clip.get_pretrained_cfg(architecture, tag) if tag else {}


def _origin(
    open_clip: Any, architecture: str, settings: Mapping[str, Any], name: EncoderName
) -> Origin:
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


def image_tower(open_clip: Any, architecture: str, settings: Mapping[str, Any]) -> Any:
    """The image tower of an architecture, with random values.

    Args:
        open_clip: The library.
        architecture: One of its names.
        settings: See `tag_settings`; a tag that was trained with QuickGELU gets it.
    """
    config = open_clip.get_model_config(architecture)
    return open_clip.model._build_vision_tower(
        config["embed_dim"],
        {**config["vision_cfg"], "timm_model_pretrained": False},
        bool(config.get("quick_gelu") or settings.get("quick_gelu")),
    )


def tag_preprocess(open_clip: Any, settings: Mapping[str, Any], size: Any) -> Preprocess:
    """The preprocessing of a tag; open_clip's default for none.

    Args:
        open_clip: The library.
        settings: See `tag_settings`.
        size: The tower's ``image_size``: one number, or height and width.
    """
    config = asdict(open_clip.transform.PreprocessCfg())
    known = {key: value for key, value in settings.items() if key in config and value is not None}
    return from_open_clip({**config, **known, "size": size})


def algorithm(architecture: str, tower: Any) -> str:
    """What a card calls the network: the image tower, and the activation that it has."""
    quick = any(type(one).__name__ == "QuickGELU" for one in tower.modules())
    return f"open_clip/{tower_name(architecture)}" + ("+quickgelu" if quick else "")


def _load(tower: Any, weights: WeightsFile, *, ignore_surplus: bool) -> tuple[str, ...]:
    where = str(weights.path)
    refused = None
    for notes, tensors in _forms(tower, weights.tensors, where):
        try:
            loaded = load_strictly(
                tower,
                tensors,
                head="",
                where=where,
                beside=TEXT_TOWER,
                ignore_surplus=ignore_surplus,
            )
        except WeightsError as error:
            refused = refused or error
        else:
            usual = loaded.prefix == "visual."
            return (*weights.notes, *notes, *(() if usual else loaded.notes(where)))
    assert refused is not None
    raise refused


def _forms(
    tower: Any, tensors: StateDict, where: str
) -> Iterator[tuple[tuple[str, ...], StateDict]]:
    """The entries as they are, and as open_clip itself renames and resizes them."""
    yield (), tensors
    from open_clip.convert import convert_state_dict
    from open_clip.model import resize_pos_embed

    model = SimpleNamespace(visual=tower)
    try:
        renamed = convert_state_dict(model, dict(tensors))
        before = renamed.get(POSITIONS)
        resize_pos_embed(renamed, model)
    except Exception:  # written for whole files of these networks alone
        return
    resized = before is not None and renamed[POSITIONS].shape != before.shape
    yield ((f"{where}: {POSITIONS} resized to this network's input",) if resized else ()), renamed


FAMILY = OpenClip()
