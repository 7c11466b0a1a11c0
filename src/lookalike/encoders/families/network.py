"""From a network on an engine to an encoder: choosing outputs, pooling, and the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lookalike.embeddings import Card
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Engine, Wiring, open_engine, open_reference
from lookalike.encoders.engines.intake import check_type
from lookalike.encoders.engines.network import spoken
from lookalike.encoders.pipeline import Array
from lookalike.encoders.pooling import pool, pooled_length, resolve_pooling
from lookalike.encoders.trial import Trial, agrees, check_against, run_trial
from lookalike.errors import UsageError, WeightsError


def network_encoder(
    card: Card,
    engine: Engine,
    outputs: Sequence[str],
    layers: Sequence[str],
    *,
    has_class_token: bool = False,
    files: tuple[str, ...] | None = None,
    whole: bool = False,
    trial: bool = False,
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
        trial: Whether the network is tried on pictures first, as one that came from anyone. Its
            outputs then have the shapes that were seen, and it runs on one picture at a time if
            others change its vectors.

    Raises:
        UsageError: The preprocessing does not fit the network's input, or the pooling an output.
        WeightsError: The trial failed.
    """
    check_input(card, engine)
    size, layout = card.preprocess.output_size, card.preprocess.layout
    found = None
    if trial:
        engine, found = _tried(card, engine, outputs, whole=whole)
    else:
        engine.take(card.preprocess)
    shapes = [engine.outputs[name] for name in outputs] if found is None else list(found.shapes)
    wish = "auto" if whole else card.pooling
    poolings = [
        resolve_pooling(wish, shape, has_class_token=has_class_token, size=size, layout=layout)
        for shape in shapes
    ]
    cards = tuple(
        replace(
            card,
            layer=card.layer if whole else layer,
            pooling=card.pooling if whole else pooling,
            dim=pooled_length(shape, pooling),
        )
        for layer, shape, pooling in zip(layers, shapes, poolings, strict=True)
    )
    places = list(engine.outputs)
    singly = found is not None and found.singly
    wiring = None
    if len(outputs) == 1:
        shape = None if found is None else shapes[0]
        wiring = Wiring(engine.network, places.index(outputs[0]), poolings[0], shape, singly)

    def reference() -> Encoder | None:
        other = _reference(engine)
        if other is None:
            return None
        other.take(card.preprocess, singly=singly)
        same = [list(other.outputs)[places.index(name)] for name in outputs]
        return _encoder(cards, poolings, other, same)

    encoder = _encoder(cards, poolings, engine, outputs)
    said = (*encoder.notes, *(() if found is None else found.notes))
    return replace(encoder, reference=reference, files=files, wiring=wiring, notes=said)


def _reference(engine: Engine) -> Engine | None:
    """See `open_reference`; None, too, for a network that only the engine itself can read."""
    try:
        return open_reference(engine)
    except WeightsError:
        return None


def _tried(
    card: Card, engine: Engine, outputs: Sequence[str], *, whole: bool
) -> tuple[Engine, Trial]:
    """What a trial in f32 on batches of any length found, and the engine, ready to run so."""
    plain = replace(engine.runtime, precision="f32", batch=None)
    as_it_is = engine.asked == "f32" and engine.runtime.batch is None
    free = engine if as_it_is else open_engine(engine.network, plain)
    found = run_trial(free, card.preprocess, outputs, card.name)
    if not whole and free.label.startswith("openvino"):
        other = _reference(free)
        if other is not None:
            found = check_against(found, free, other, card.preprocess, outputs, card.name)
    engine.take(card.preprocess, singly=found.singly)
    if engine.asked == "f32" and not found.singly:
        seen = engine.run(found.pixels, tuple(outputs))
        if not agrees(found, seen):  # made ready for a length at which it gives something else
            return free, found
    return engine, found


def _encoder(
    cards: tuple[Card, ...], poolings: Sequence[str], engine: Engine, outputs: Sequence[str]
) -> Encoder:
    chosen = tuple(outputs)

    def run(batch: Array) -> list[Array]:
        raw = engine.run(batch, chosen)
        made = [pool(one, pooling) for one, pooling in zip(raw, poolings, strict=True)]
        for card, vectors in zip(cards, made, strict=True):
            if vectors.shape != (len(batch), card.dim):
                raise WeightsError(
                    f"the network gave {spoken(vectors.shape)} for {len(batch)} pictures, and "
                    f"vectors of length {card.dim} before",
                    where=card.name,
                    cure="take another output, or another size",
                )
        return made

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
    """What every output must say: random weights, trouble with the engine, another precision."""
    said = [*card.warnings, *(f"{card.name}: {note}" for note in engine.notes)]
    if engine.precision != engine.asked:
        said.append(f"{card.name} ran in {engine.precision}: this device has no {engine.asked}")
    return tuple(said)


def check_input(card: Card, engine: Engine) -> None:
    """Raise unless prepared pictures have the shape and the type that the network takes.

    Raises:
        UsageError: Another size, layout or normalisation would do; says which.
        WeightsError: No preprocessing makes what the network takes.
    """
    size, layout = card.preprocess.output_size, card.preprocess.layout
    if size is None:
        raise UsageError(
            "the preprocessing leaves pictures at sizes of their own, and a network needs one size",
            where=card.name,
            cure="add size=HEIGHTxWIDTH",
        )
    takes = engine.input_shape or (-1, -1, -1, -1)
    layouts = [
        name
        for name, axis in (("nchw", 1), ("nhwc", 3))
        if len(takes) == 4 and takes[axis] in (-1, 3)
    ]
    if not layouts:
        raise WeightsError(
            f"the network takes {spoken(takes)}, and not a batch of pictures with three channels: "
            "N x 3 x H x W or N x H x W x 3",
            where=card.name,
            cure="export it with such an input",
        )
    wanted = layout if layout in layouts else layouts[0]
    places = takes[2:] if wanted == "nchw" else takes[1:3]
    fitting = tuple(have if want == -1 else want for want, have in zip(places, size, strict=True))
    changes = [f"layout={wanted}"] * (wanted != layout)
    if fitting != size:
        changes.append(_sized(card, fitting))
    if changes:
        given = (-1, 3, *size) if layout == "nchw" else (-1, *size, 3)
        raise UsageError(
            f"the network takes {spoken(takes)}, the preprocessing makes {spoken(given)}",
            where=card.name,
            cure=f"give {'&'.join(changes)} in its name",
        )
    check_type(card.preprocess, engine.input_type, card.name)


def _sized(card: Card, size: tuple[int, ...]) -> str:
    """The options that bring an encoder to another input size."""
    told = "x".join(map(str, size))
    keys = {part.partition("=")[0] for part in card.name.partition("?")[2].split("&")}
    fixed: list[str] = [key for key in ("resize", "crop") if key in keys and "size" not in keys]
    return "&".join(f"{key}={told}" for key in fixed or ["size"])
