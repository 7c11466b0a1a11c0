"""From a network on an engine to an encoder: choosing outputs, pooling, and the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lookalike.embeddings import Card
from lookalike.encoders.encoder import Array, Encoder
from lookalike.encoders.engines import Engine
from lookalike.encoders.pooling import pool, pooled_length, resolve_pooling
from lookalike.errors import UsageError


def network_encoder(
    card: Card,
    engine: Engine,
    outputs: Sequence[str],
    layers: Sequence[str],
    *,
    has_class_token: bool = False,
) -> Encoder:
    """An encoder over a network.

    Args:
        card: With everything but ``layer``, ``pooling`` (the wish, may be ``auto``) and ``dim``.
        engine: The network, ready to run.
        outputs: Names of the engine's outputs to take.
        layers: What the card calls each of them.
        has_class_token: Whether token sequences begin with a class token.

    Raises:
        UsageError: The preprocessing does not fit the network's input, or the pooling an output.
    """
    check_input(card, engine)
    shapes = [engine.outputs[name] for name in outputs]
    poolings = [
        resolve_pooling(card.pooling, shape, has_class_token=has_class_token) for shape in shapes
    ]
    cards = tuple(
        replace(card, layer=layer, pooling=pooling, dim=pooled_length(shape, pooling))
        for layer, shape, pooling in zip(layers, shapes, poolings, strict=True)
    )
    chosen = tuple(outputs)

    def run(batch: Array) -> list[Array]:
        raw = engine.run(batch, chosen)
        return [pool(one, pooling) for one, pooling in zip(raw, poolings, strict=True)]

    return Encoder(cards, card.preprocess.apply, run, engine.label, notes(card, engine))


def notes(card: Card, engine: Engine) -> tuple[str, ...]:
    """What every output must say: random weights, and a precision that is not the one asked."""
    said = []
    if card.random:
        said.append(f"{card.name} has RANDOM WEIGHTS: its numbers mean nothing")
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
