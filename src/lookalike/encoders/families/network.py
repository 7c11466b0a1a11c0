"""From a network on an engine to an encoder: choosing outputs, pooling, and the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lookalike.embeddings import Card
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Engine, Wiring, open_reference
from lookalike.encoders.pipeline import Array
from lookalike.encoders.pooling import pool, pooled_length, resolve_pooling
from lookalike.errors import UsageError


def network_encoder(
    card: Card,
    engine: Engine,
    outputs: Sequence[str],
    layers: Sequence[str],
    *,
    has_class_token: bool = False,
    files: tuple[str, ...] | None = None,
    whole: bool = False,
) -> Encoder:
    """An encoder over a network.

    Args:
        card: With everything but ``layer``, ``pooling`` (the wish, may be ``auto``) and ``dim``.
        engine: The network, ready to run.
        outputs: Names of the engine's outputs to take.
        layers: What the card calls each of them.
        has_class_token: Whether token sequences begin with a class token.
        files: The files whose content decides the card; None if not all are known.
        whole: Whether the network gives vectors that `card` describes as it is: the pooling is
            in the network already.

    Raises:
        UsageError: The preprocessing does not fit the network's input, or the pooling an output.
    """
    check_input(card, engine)
    shapes = [engine.outputs[name] for name in outputs]
    wish = "auto" if whole else card.pooling
    poolings = [resolve_pooling(wish, shape, has_class_token=has_class_token) for shape in shapes]
    cards = tuple(
        replace(
            card,
            layer=card.layer if whole else layer,
            pooling=card.pooling if whole else pooling,
            dim=pooled_length(shape, pooling),
        )
        for layer, shape, pooling in zip(layers, shapes, poolings, strict=True)
    )
    engine.take(card.preprocess)
    places = list(engine.outputs)
    wiring = None
    if len(outputs) == 1:
        wiring = Wiring(engine.network, places.index(outputs[0]), poolings[0])

    def reference() -> Encoder | None:
        other = open_reference(engine)
        if other is None:
            return None
        other.take(card.preprocess)
        same = [list(other.outputs)[places.index(name)] for name in outputs]
        return _encoder(cards, poolings, other, same)

    encoder = _encoder(cards, poolings, engine, outputs)
    return replace(encoder, reference=reference, files=files, wiring=wiring)


def _encoder(
    cards: tuple[Card, ...], poolings: Sequence[str], engine: Engine, outputs: Sequence[str]
) -> Encoder:
    chosen = tuple(outputs)

    def run(batch: Array) -> list[Array]:
        raw = engine.run(batch, chosen)
        return [pool(one, pooling) for one, pooling in zip(raw, poolings, strict=True)]

    return Encoder(
        cards,
        cards[0].preprocess.pixels,
        run,
        engine.label,
        notes(cards[0], engine),
        streams=engine.streams,
        batch=engine.batch,
    )


def notes(card: Card, engine: Engine) -> tuple[str, ...]:
    """What every output must say: random weights, and a precision that is not the one asked."""
    said = list(card.warnings)
    if engine.precision != engine.asked:
        said.append(f"{card.name} ran in {engine.precision}: this device has no {engine.asked}")
    return tuple(said)


def check_input(card: Card, engine: Engine) -> None:
    """Raise `UsageError` unless prepared pictures have the shape that the network takes."""
    size = card.preprocess.output_size
    nchw = card.preprocess.layout == "nchw"
    if size is None:
        raise UsageError(
            "the preprocessing leaves pictures at sizes of their own, and a network needs one size",
            where=card.name,
            cure="add size=HEIGHTxWIDTH",
        )
    given = (-1, 3, *size) if nchw else (-1, *size, 3)
    takes = engine.input_shape
    if len(takes) != 4 or any(
        want not in (-1, have) for want, have in zip(takes[1:], given[1:], strict=True)
    ):
        spatial = takes[2:] if nchw else takes[1:3]
        raise UsageError(
            f"the network takes {_spoken(takes)}, the preprocessing makes {_spoken(given)}",
            where=card.name,
            cure="add size=" + "x".join(map(str, spatial)) + ", or another layout",
        )


def _spoken(shape: tuple[int, ...]) -> str:
    return " x ".join("N" if size == -1 else str(size) for size in shape)
