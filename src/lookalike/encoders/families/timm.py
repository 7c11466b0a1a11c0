"""``timm:NAME[.TAG]``: timm's image networks, pooled by timm and without their class head."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from lookalike.encoders.catalogue import Entry, entries_of, published_row
from lookalike.encoders.checkpoint import StateDict, WeightsFile
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Runtime
from lookalike.encoders.families.efficientnet_names import has_their_names, with_timm_names
from lookalike.encoders.families.known import networks_said
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
from lookalike.images import from_timm

HUB_NAMES = ("model.safetensors", "pytorch_model.bin")


class Timm:
    """The family; see `load`."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """A timm network as an encoder.

        The embedding is what timm's own class head would take (``num_classes=0``). Options:
        ``layer``, ``pooling``, ``weights`` (``random`` or a file), ``seed``, ``nest``, ``surplus``,
        ``pickle``, and those of the preprocessing, which otherwise is that of the pretrained tag.

        Raises:
            UnknownNameError: No such network, weights, layer or option.
            WeightsError: The file is no checkpoint, or of another network; says of which it is.
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
    notes: tuple[str, ...] = ()
    if path is None:
        module = evaluation_mode(
            lambda: timm.create_model(name.rest, pretrained=False, num_classes=0), seed
        )
    else:
        weights = weights_file(name, path)
        given: list[Filter] = []
        module = evaluation_mode(lambda: _without_loading(timm, name.rest, given), seed)
        # a publisher's file may hold what this version of the network has no use for
        ignored = kind == "published" or surplus_ignored(name)
        said = _load(module, weights, architecture, given, ignore_surplus=ignored)
        notes = said if kind == "file" else ()
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
        notes=notes,
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


Filter: TypeAlias = Callable[..., StateDict]
"""timm's own renaming and resizing of entries for one kind of network."""

_patching = threading.Lock()
_asked: ContextVar[list[Filter] | None] = ContextVar("_asked", default=None)


@contextmanager
def _asking(builder: Any, given: list[Filter]) -> Iterator[None]:
    """Within it, in this thread, timm loads nothing, and says how it would have renamed entries."""
    token = _asked.set(given)
    with _patching:
        if not hasattr(builder.load_pretrained, "asks"):
            builder.load_pretrained = _asked_first(builder.load_pretrained)
    try:
        yield
    finally:
        _asked.reset(token)


def _asked_first(load: Callable[..., None]) -> Callable[..., None]:
    """Timm's loading, which goes its way unless it is asked."""

    def loading(*args: Any, **options: Any) -> None:
        given = _asked.get()
        if given is None:
            load(*args, **options)
        elif options.get("filter_fn") is not None:
            given.append(options["filter_fn"])

    loading.asks = True  # type: ignore[attr-defined]
    return loading


def _without_loading(timm: Any, model: str, given: list[Filter]) -> Any:
    """The network as timm makes it for its weights, with none in it."""
    with _asking(timm.models._builder, given):
        return timm.create_model(
            model, pretrained=True, num_classes=0, pretrained_cfg_overlay={"file": "asked"}
        )


def _load(
    module: Any,
    weights: WeightsFile,
    architecture: str,
    given: list[Filter],
    *,
    ignore_surplus: bool,
) -> tuple[str, ...]:
    """Weights into the network: as timm renames and resizes them, or as they are."""
    where = str(weights.path)
    tensors, notes = weights.tensors, list(weights.notes)
    if has_their_names(tensors):
        tensors = with_timm_names(tensors, module, architecture=architecture, where=where)
        notes.append(f"{where}: names of EfficientNet-PyTorch are read as timm's")
    heads = module.pretrained_cfg.get("classifier") or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    refused = None
    for one in (*_filtered(module, tensors, given), tensors):
        try:
            loaded = load_strictly(
                module,
                one,
                head="",
                where=where,
                beside=tuple(head.partition(".")[0] for head in heads),
                ignore_surplus=ignore_surplus,
                cure=lambda _: networks_said(weights.tensors),
            )
        except WeightsError as error:
            refused = error
        else:
            resized = [
                key
                for key in loaded.used
                if key in tensors and tensors[key].shape != one[key].shape
            ]
            if resized:
                notes.append(f"{where}: resized to this network's input: {', '.join(resized)}")
            return (*notes, *loaded.notes(where))
    assert refused is not None
    raise refused


def _filtered(module: Any, tensors: StateDict, given: list[Filter]) -> Iterator[StateDict]:
    for rename in given:
        try:
            try:
                yield rename(dict(tensors), module)
            except TypeError:  # an older kind of function, which takes no network
                yield rename(dict(tensors))
        except Exception:  # written for other entries than these, which are held against next
            continue


FAMILY = Timm()
