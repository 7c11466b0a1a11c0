"""``torchvision:NAME[/WEIGHTS]``: torchvision's classifiers without their class head."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from lookalike.encoders.catalogue import Entry, entries_of, published_row
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Runtime
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
from lookalike.encoders.fitting import load_strictly
from lookalike.encoders.name import EncoderName
from lookalike.encoders.weights import UrlFile, located
from lookalike.errors import UnknownNameError, UsageError
from lookalike.extras import require
from lookalike.images import from_torchvision

RESNETS = ("resnet", "resnext", "wide_resnet", "regnet", "googlenet", "inception", "shufflenet")
MOBILES = ("mobilenet", "mnasnet", "efficientnet", "densenet")
EMBEDDINGS: tuple[tuple[str | tuple[str, ...], str, str], ...] = (
    (("alexnet", "vgg", "squeezenet"), "features", "classifier"),
    ("convnext", "input:classifier.2", "classifier.2"),
    ("maxvit", "input:classifier.3", "classifier.5"),
    ("swin", "input:head", "head"),
    ("vit", "input:heads", "heads"),
    (MOBILES, "input:classifier", "classifier"),
    (RESNETS, "input:fc", "fc"),
)
"""Beginnings of names → the layer whose pooled output is the embedding, and the class head behind
it. The layer is what enters the head after global pooling and normalisation, or the last map where
the head is not a plain one."""

CHOICES = ("auto", "published")
"""Values of the option ``embedding``."""

AUXILIARY = ("aux1", "aux2", "AuxLogits")
"""Class heads at the side of some networks, which published weights have."""

PUBLISHED = ("children:-1", "flatten")
"""Layer and pooling of ``embedding=published``: all child modules but the last, in order, and what
they give flattened. Public comparison tables took their vectors so, whether or not a network's own
forward does something more between its children."""

_operators: list[Any] = []


def torchvision() -> ModuleType:
    """torchvision, imported whether or not its compiled operators load.

    A torchvision built for another torch (a CUDA wheel beside a CPU torch, say) fails to import
    because it describes operators that its library would have defined. Classifiers need none of
    them, so the two are declared here first where they are missing.
    """
    torch: Any = require("torch", purpose="torchvision")
    try:
        return require("torchvision", purpose="torchvision encoders")
    except ImportError:
        if _operators or hasattr(torch.ops.torchvision, "nms"):
            raise
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _operators.append(library)  # the declarations live as long as this object
    importlib.invalidate_caches()
    return require("torchvision", purpose="torchvision encoders")


def operators_declared() -> bool:
    """Whether torchvision's compiled operators were missing and had to be declared here."""
    return bool(_operators)


def embedding_layer(model: str) -> str:
    """The layer of a torchvision classifier from which its embedding is taken.

    Example:
        >>> embedding_layer("resnet50"), embedding_layer("vgg11_bn")
        ('input:fc', 'features')
    """
    return next(layer for start, layer, _ in EMBEDDINGS if model.startswith(start))


class Torchvision:
    """The family; see `load`."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """A torchvision classifier as an encoder.

        Options: ``embedding`` (``auto``, or ``published`` for `PUBLISHED`), ``layer`` (a module's
        name, ``input:NAME``, ``children:-1``, several with commas), ``pooling``, ``weights``
        (``random``, or a ``.pth``/``.safetensors`` file of this architecture), ``seed``, ``nest``,
        ``surplus``, ``pickle``, and those of the preprocessing. Without ``/WEIGHTS`` the library's
        default weights are meant, and their preprocessing.

        Raises:
            UnknownNameError: No such network, weights, layer or option.
            WeightsError: The file is no checkpoint, or of another network; says of which it is.
            UsageError: ``embedding=published`` beside ``layer`` or ``pooling``, or for a network
                whose children can't be run in order (``vit_*``, ``maxvit_t``).
        """
        name.allow((*NETWORK_OPTIONS, "embedding"))
        torchvision()
        models: Any = importlib.import_module("torchvision.models")
        architecture, _, tag = name.rest.partition("/")
        known = list(models.list_models(module=models))
        if architecture not in known:
            raise UnknownNameError("torchvision model", architecture, known)
        entry = _weights_entry(models, architecture, tag)
        return torch_encoder(name, _built(models, architecture, entry, name, runtime), runtime)

    def entries(self) -> Iterable[Entry]:
        """Every classifier with each of its weights, the default first."""
        return entries_of("torchvision", "/", ("torch", "torchvision"))


def _weights_entry(models: Any, architecture: str, tag: str) -> Any:
    weights = models.get_model_weights(architecture)
    if not tag:
        return weights.DEFAULT
    if tag not in weights.__members__:
        raise UnknownNameError(f"weights of {architecture}", tag, weights.__members__)
    return weights[tag]


def _built(
    models: Any, architecture: str, entry: Any, name: EncoderName, runtime: Runtime
) -> Built:
    layer, pooling = _layer_and_pooling(architecture, name)
    kind, given, seed = weights_wish(name)
    transforms = entry.transforms()
    options: dict[str, Any] = {}
    if architecture.startswith("vit"):
        options["image_size"] = transforms.crop_size[0]
    if architecture in {"googlenet", "inception_v3"}:
        options |= {"aux_logits": False, "init_weights": False}
        # the published weights were trained on inputs scaled differently, inside the network
        options["transform_input"] = True
    module = evaluation_mode(lambda: models.get_model(architecture, weights=None, **options), seed)
    head = _head(architecture, name)
    path = given
    if kind == "published":
        path = located(UrlFile(entry.url), offline=runtime.offline, encoder=name.text)
    notes: tuple[str, ...] = ()
    if path is not None:
        file = weights_file(name, path)
        loaded = load_strictly(
            module,
            file.tensors,
            head=head,
            where=str(path),
            beside=AUXILIARY if "aux_logits" in options else (),
            ignore_surplus=surplus_ignored(name),
            cure=networks_said,
        )
        notes = (*file.notes, *loaded.notes(str(path)))
    tags = {"random": f"random(seed={seed})", "file": f"file {given}", "published": entry.name}
    return Built(
        module=module,
        preprocess=from_torchvision(transforms),
        layer=layer,
        algorithm=f"torchvision/{architecture}",
        weights_tag=tags[kind],
        pooling=pooling,
        head=head,
        has_class_token=architecture.startswith("vit"),
        published=published_row("torchvision", architecture, entry.name),
        source=str(given) if given else entry.url if kind == "published" else "",
        path=path,
        notes=notes,
    )


def _layer_and_pooling(architecture: str, name: EncoderName) -> tuple[str, str]:
    """What the option ``embedding`` stands for."""
    if name.choice("embedding", CHOICES, "auto") == "auto":
        return embedding_layer(architecture), "auto"
    given = " and ".join(option for option in ("layer", "pooling") if option in name.options)
    if given:
        raise UsageError(
            f"embedding=published is a layer and a pooling, and {given} can't be chosen beside it",
            where=name.text,
            cure=f"leave out embedding, or {given}",
        )
    return PUBLISHED


def _head(architecture: str, name: EncoderName) -> str:
    """Prefix of the class head, which weights may lack unless its layers are asked for."""
    # the head is or lies in the last child, which this layer leaves out
    if name.options.get("layer", PUBLISHED[0]) != PUBLISHED[0]:
        return ""
    return next(head for start, _, head in EMBEDDINGS if architecture.startswith(start))


FAMILY = Torchvision()
