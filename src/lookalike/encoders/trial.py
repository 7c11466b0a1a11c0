"""A network from anyone tried on probe pictures, before vectors of it are believed.

What a file declares may be wrong: a free batch axis over a graph made for one picture, rows that
are merged, vectors that depend on the company. Each picture alone and all together tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lookalike.embeddings.engine_check import TOLERANCE
from lookalike.encoders.engines import Engine
from lookalike.encoders.pipeline import Array
from lookalike.encoders.probe import probe_places
from lookalike.errors import WeightsError
from lookalike.images import Picture, Preprocess, decode

PICTURES = ("cat.jpg", "coffee.jpg", "blobs-1.jpg")
"""Probe pictures that are unlike each other."""

ROUNDING = 1e-4
"""Largest difference between vectors of one picture that may be an engine's rounding, as a share of
the largest value. In f32 rounding is far below, and what depends on the batch is above."""

FEW_BITS = 0.02
"""Likewise as a share of a vector's length, for networks of few bits: engines run other code for
other numbers of pictures, and what that rounds in another way may fall on the next of few steps."""

UNLIKE = 0.9
"""Cosine below which two engines do not run the same network; fewer bits cost far less."""


@dataclass(frozen=True)
class Trial:
    """What came of it.

    Attributes:
        shapes: Of each output that was asked for, the batch axis as -1.
        singly: Whether pictures must run without others.
        coarse: Whether their number, but not the others themselves, changes digits.
        notes: What has to be said beside every vector.
        pixels: (3, H, W, 3) uint8, the pictures.
        alone: Per output: (3, ...), each picture run without others.
    """

    shapes: tuple[tuple[int, ...], ...]
    singly: bool
    coarse: bool
    notes: tuple[str, ...]
    pixels: Array
    alone: tuple[Array, ...]


def run_trial(engine: Engine, preprocess: Preprocess, outputs: Sequence[str], name: str) -> Trial:
    """Runs unlike pictures alone, again, and together.

    Args:
        engine: In f32, taking batches of any length if the network does.
        preprocess: Of the encoder, with one size for all pictures.
        outputs: Names of the outputs.
        name: Of the encoder, for notes.

    Raises:
        WeightsError: The network can't be run on one picture, gives something else than a row
            for it, or other values each time.
    """
    pixels, chosen = _pixels(preprocess), tuple(outputs)
    engine.take(preprocess, singly=True)
    runs = [engine.run(one[None], chosen) for one in pixels]
    again = engine.run(pixels[:1], chosen)
    for output, (first, *others, second) in zip(
        chosen, zip(*runs, again, strict=True), strict=True
    ):
        _check_rows(output, first, others, second, engine)
    alone = tuple(np.concatenate(parts) for parts in zip(*runs, strict=True))
    shapes = tuple((-1, *one.shape[1:]) for one in alone)
    engine.take(preprocess)
    problem, changed = "", 0.0
    try:
        together = engine.run(pixels, chosen)
    except WeightsError as error:
        problem = f"it can't take several pictures at once ({error.what})"
    except MemoryError:
        problem = "the device's memory does not hold several"
    else:
        problem = _company(chosen, alone, together)
        if problem and [one.shape for one in alone] == [one.shape for one in together]:
            problem, changed = _by_number(engine, pixels, chosen, alone, together) or (problem, 0.0)
    notes = []
    if problem:
        notes.append(f"{name} runs on one picture at a time: {problem}")
    elif changed:
        notes.append(
            f"{name} rounds in another way for another number of pictures: vectors differ by "
            f"up to {changed:.2g} of their length with the batch size"
        )
    if all(_alike(one) for one in alone):
        notes.append(
            f"{name} gives the same vector for unlike pictures: is the preprocessing the one it "
            "was trained with?"
        )
    return Trial(shapes, bool(problem), changed > 0, tuple(notes), pixels, alone)


def check_against(
    found: Trial,
    engine: Engine,
    reference: Engine,
    preprocess: Preprocess,
    outputs: Sequence[str],
    name: str,
) -> Trial:
    """A trial with what another engine gives for the same pictures.

    Engines differ in what they make of rare types, such as float8 or integers of 64 bits.

    Args:
        found: The trial of `engine`.
        engine: That is to be used.
        reference: The other one.
        preprocess: Of the encoder.
        outputs: Names of the outputs.
        name: Of the encoder, for notes.

    Raises:
        WeightsError: The engine gives something else altogether.
    """
    names = list(engine.outputs)
    same = tuple(list(reference.outputs)[names.index(one)] for one in outputs)
    reference.take(preprocess, singly=True)
    try:
        theirs = reference.run(found.pixels, same)
    except (WeightsError, MemoryError):  # then it is no reference
        return found
    worst = min(_smallest_cosine(a, b) for a, b in zip(found.alone, theirs, strict=True))
    told = f"smallest cosine {worst:.4f} between {engine.label} and {reference.label}"
    if worst < UNLIKE:
        raise WeightsError(
            f"the network's vectors are others on another engine: {told}",
            where=_where(engine),
            cure=f"use engine={reference.label.split()[0]}, which is the reference",
        )
    if worst < TOLERANCE:
        return replace(found, notes=(*found.notes, f"{name} depends on the engine: {told}"))
    return found


def agrees(found: Trial, outputs: Sequence[Array]) -> bool:
    """Whether other vectors of the trial's pictures are the same but for rounding."""
    if not _company(range(len(outputs)), found.alone, outputs):
        return True
    same = [one.shape for one in outputs] == [one.shape for one in found.alone]
    return found.coarse and same and _apart(found.alone, outputs) <= FEW_BITS


def _pixels(preprocess: Preprocess) -> Array:
    """(3, H, W, 3) uint8, the pictures at the size of the network's input."""
    places = {place.id: place for place in probe_places()}
    found = []
    for name in PICTURES:
        picture = decode(places[name])
        assert isinstance(picture, Picture)
        found.append(preprocess.pixels(picture))
    return np.stack(found)


def _check_rows(
    output: str, first: Array, others: Sequence[Array], second: Array, engine: Engine
) -> None:
    """Raise `WeightsError` unless single pictures give rows of one shape, the same each time."""
    shapes = {one.shape for one in (first, *others)}
    if len(shapes) > 1:
        told = ", ".join(sorted("x".join(map(str, shape)) for shape in shapes))
        raise WeightsError(
            f"the output {output} has another shape for each picture: {told}",
            where=_where(engine),
            cure="take another output",
        )
    if 0 in first.shape:
        raise WeightsError(
            f"the output {output} is empty: {'x'.join(map(str, first.shape))}",
            where=_where(engine),
            cure="take another output",
        )
    if _largest_difference(first, second) > ROUNDING:
        raise WeightsError(
            f"the output {output} is another one each time for the same picture: the network "
            "draws by chance, or is in training mode",
            where=_where(engine),
            cure="export it in evaluation mode: module.eval() before the export",
        )


def _company(outputs: Sequence[object], alone: Sequence[Array], together: Sequence[Array]) -> str:
    """How vectors of pictures that ran together differ from those alone; empty if they do not."""
    for output, one, other in zip(outputs, alone, together, strict=True):
        if one.shape != other.shape:
            return (
                f"the output {output} has the shape {'x'.join(map(str, other.shape))} for "
                f"{len(one)} pictures and {'x'.join(map(str, one.shape[1:]))} for one"
            )
        share = _largest_difference(one, other)
        if share > ROUNDING:
            return (
                f"the output {output} depends on what else is in the batch (by up to "
                f"{share:.2g} of its largest value), as with batch statistics or dynamic "
                "quantisation"
            )
    return ""


def _by_number(
    engine: Engine,
    pixels: Array,
    outputs: tuple[str, ...],
    alone: Sequence[Array],
    together: Sequence[Array],
) -> tuple[str, float] | None:
    """What the number of pictures changes, where the others themselves change nothing.

    Returns:
        What is wrong, empty where it is rounding; and by how much vectors differ. None if it
        matters which pictures the others are.
    """
    runs = [engine.run(np.repeat(one[None], len(pixels), axis=0), outputs) for one in pixels]
    copies = [np.stack([run[at][n] for n, run in enumerate(runs)]) for at in range(len(outputs))]
    pairs = zip(copies, together, strict=True)
    if any(_largest_difference(one, other) > ROUNDING for one, other in pairs):
        return None
    changed = _apart(alone, together)
    if changed <= FEW_BITS:
        return "", changed
    return (
        f"{engine.label} gives something else for {len(pixels)} pictures at once than for each "
        f"alone, whatever the others are (by up to {changed:.2g} of a vector's length)",
        0.0,
    )


def _alike(output: Array) -> bool:
    return (
        bool(np.isfinite(output).any()) and _largest_difference(output[:1], output[1:]) <= ROUNDING
    )


def _largest_difference(one: Array, other: Array) -> float:
    """As a share of the largest value; inf where one side alone is not finite."""
    finite = np.isfinite(one) & np.isfinite(other)
    if not (np.isfinite(one) == np.isfinite(other)).all():
        return np.inf
    a, b = np.broadcast_arrays(one.astype(np.float64), other.astype(np.float64))
    finite = np.broadcast_to(finite, a.shape)
    scale = max(float(np.abs(a[finite]).max(initial=0)), float(np.abs(b[finite]).max(initial=0)))
    difference = float(np.abs(a[finite] - b[finite]).max(initial=0))
    return difference / scale if scale > 0 else 0.0


def _apart(one: Sequence[Array], other: Sequence[Array]) -> float:
    """Largest distance between rows of equal shape, as a share of the longer one."""
    worst = 0.0
    for sides in zip(one, other, strict=True):
        if (np.isfinite(sides[0]) != np.isfinite(sides[1])).any():
            return np.inf
        a, b = (np.nan_to_num(side.reshape(len(side), -1).astype(np.float64)) for side in sides)
        longer = np.maximum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
        apart = np.linalg.norm(a - b, axis=1)
        shares = np.divide(apart, longer, out=np.zeros(len(a)), where=longer > 0)
        worst = max(worst, float(shares.max(initial=0)))
    return worst


def _smallest_cosine(one: Array, other: Array) -> float:
    """Over the pictures; 1 for equal rows, -1 where shapes or what is finite differ."""
    if one.shape != other.shape or (np.isfinite(one) != np.isfinite(other)).any():
        return -1.0
    a, b = (np.nan_to_num(side.reshape(len(side), -1).astype(np.float64)) for side in (one, other))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = np.divide((a * b).sum(axis=1), norms, out=np.zeros(len(a)), where=norms > 0)
    return float(np.where((a == b).all(axis=1), 1.0, cosines).min())


def _where(engine: Engine) -> str:
    return str(getattr(engine.network, "path", ""))
