"""What the torch families share: layers, weights, the card, and an engine to run on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.embeddings import Card
from lookalike.encoders.catalogue import PublishedRow
from lookalike.encoders.checkpoint import WeightsFile, read_weights
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Runtime, TorchNetwork, open_engine
from lookalike.encoders.families.network import network_encoder
from lookalike.encoders.name import EncoderName
from lookalike.encoders.pooling import POOLINGS
from lookalike.encoders.weights import seeded, state_digest
from lookalike.errors import UsageError
from lookalike.extras import require
from lookalike.images import Preprocess
from lookalike.images.presets import OPTIONS, from_options

if TYPE_CHECKING:
    import torch

WEIGHTS_OPTIONS = ("weights", "seed", "nest", "surplus", "pickle")
NETWORK_OPTIONS = ("layer", "pooling", *WEIGHTS_OPTIONS, *OPTIONS)


@dataclass(frozen=True)
class Built:
    """A network with its weights in, before layers are tapped.

    Attributes:
        module: In evaluation mode.
        preprocess: What its weights were trained with.
        layer: The default layer, as `Tap` spells it.
        algorithm: For the card, e.g. ``torchvision/resnet50``.
        weights_tag: Which weights these are, for people.
        pooling: The default pooling.
        head: Prefix of the class head's parameters, if the layers in use do not need them.
        has_class_token: Whether its token sequences begin with a class token.
        published: What the catalogue knows about it.
        figures: See `Card`.
        source: Where the weights came from.
        path: The file of the weights; None for random ones.
        notes: What every output must say about how the weights were taken.
    """

    module: torch.nn.Module
    preprocess: Preprocess
    layer: str
    algorithm: str
    weights_tag: str
    pooling: str = "auto"
    head: str = ""
    has_class_token: bool = False
    published: PublishedRow | None = None
    figures: str = ""
    source: str = ""
    path: Path | None = None
    notes: tuple[str, ...] = ()


def torch_encoder(name: EncoderName, built: Built, runtime: Runtime) -> Encoder:
    """An encoder from a built network, as the options of its name ask.

    Raises:
        UsageError: A pooling or size that does not fit.
        UnknownNameError: A layer that is not there.
    """
    from lookalike.encoders.tap import Tap

    layers = name.options.get("layer", built.layer).split(",")
    preprocess = from_options(name.options, built.preprocess)
    assert preprocess is not None
    if preprocess.layout != "nchw" or preprocess.output_size is None:
        raise UsageError(
            "a torch network takes pictures of one size in layout nchw",
            where=name.text,
            cure="add size=HEIGHTxWIDTH, and leave layout out",
        )
    card = _card(name, built, preprocess)
    network = TorchNetwork(
        Tap(built.module, layers),
        (3, *preprocess.output_size),
        cache_key=None if card.random else _cache_key(card, layers, preprocess),
    )
    engine = open_engine(network, runtime)
    outputs = [f"layer{index}" for index in range(len(layers))]
    named = [layer or "output" for layer in layers]
    files = () if built.path is None else (str(built.path),)
    encoder = network_encoder(
        card, engine, outputs, named, has_class_token=built.has_class_token, files=files
    )
    return replace(encoder, notes=(*encoder.notes, *built.notes))


def _card(name: EncoderName, built: Built, preprocess: Preprocess) -> Card:
    row = built.published
    usual = row is not None and row.input == "x".join(map(str, preprocess.output_size or ()))
    trained = not built.weights_tag.startswith("random")
    return Card(
        algorithm=built.algorithm,
        weights=state_digest(built.module, head=built.head),
        layer="",
        pooling=name.choice("pooling", POOLINGS, built.pooling),
        preprocess=preprocess,
        dim=0,
        name=name.text,
        weights_tag=built.weights_tag,
        licence=row.licence if row and trained else "",
        params=sum(parameter.numel() for parameter in built.module.parameters()),
        gflops=row.gflops if row and usual else None,
        acc1=row.acc1 if row and trained and built.weights_tag == row.weights else None,
        acc5=row.acc5 if row and trained and built.weights_tag == row.weights else None,
        source=built.source,
        figures=built.figures,
    )


def _cache_key(card: Card, layers: list[str], preprocess: Preprocess) -> str:
    torch: Any = require("torch", purpose="a torch network")
    parts = (card.algorithm, card.weights, *layers, str(preprocess.output_size), torch.__version__)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def weights_wish(name: EncoderName) -> tuple[str, Path | None, int]:
    """What the option ``weights`` asks for: (``published`` | ``file`` | ``random``, file, seed)."""
    surplus_ignored(name), _trusted(name)  # wrong values are refused whatever is asked for
    wish = name.options.get("weights")
    seed = seeded(name.options.get("seed", "0"))
    if wish is None:
        return "published", None, seed
    if wish == "random":
        return "random", None, seed
    return "file", Path(wish).expanduser(), seed


def weights_file(name: EncoderName, path: Path) -> WeightsFile:
    """The tensors of a file, as the options ``nest`` and ``pickle`` ask.

    Raises:
        MissingWeightsError: No such file.
        UsageError: There is no such nest.
        WeightsError: Not a checkpoint, or one that holds code.
    """
    return read_weights(path, trusted=_trusted(name), nest=name.options.get("nest", ""))


def _trusted(name: EncoderName) -> bool:
    return name.choice("pickle", ("refused", "trusted"), "refused") == "trusted"


def surplus_ignored(name: EncoderName) -> bool:
    """Whether a file may have entries that the network has not: the option ``surplus``."""
    return name.choice("surplus", ("refuse", "ignore"), "refuse") == "ignore"


@contextmanager
def seeded_init(seed: int) -> Iterator[None]:
    """Random initialisation from a seed, without touching the caller's random state."""
    torch: Any = require("torch", purpose="a torch network")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def evaluation_mode(build: Callable[[], torch.nn.Module], seed: int) -> torch.nn.Module:
    """A network built from a seed, in evaluation mode, its parameters without gradients."""
    with seeded_init(seed):
        return build().eval().requires_grad_(False)
