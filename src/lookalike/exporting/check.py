"""An exported file held against the encoder that it came from, before it is called done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings.engine_check import TOLERANCE
from lookalike.encoders.engines.file import Run, file_engines, open_file
from lookalike.encoders.pipeline import Array
from lookalike.errors import WeightsError
from lookalike.exporting.form import FORMS, Form
from lookalike.metrics import METRICS

Floats = NDArray[np.float64]

VECTORS = FORMS["embed"]
SHAPES = ((1, 1), (2, 3), (7, 1), (1, 4), (3, 5))
"""Numbers of base and target pictures that a file is tried with; a form takes those that it can."""

SMALLEST_COSINE: Mapping[str, float | None] = {"f32": 0.9999, "f16": TOLERANCE, "int8": None}
"""Between a vector of the file and the encoder's. int8 has no limit here: what it changes is for a
decision report to tell."""

LARGEST_STRETCH = 0.01
"""Of a vector's length from that of the encoder's, as a share; for int8 there is no limit."""

LARGEST_DEVIATION = 1e-4
"""Of a similarity from the metric of the file's own vectors, as a share where it is above 1. There
is no limit for int8 on OpenVINO, whose vectors change where the number of pictures is fixed."""


@dataclass(frozen=True)
class Checked:
    """One run of an exported file.

    Attributes:
        engine: What ran it.
        base: Pictures on the base side.
        target: Pictures or vectors on the target side; 0 in forms without one.
        cosine: Smallest cosine between a vector of the file, or of the same graph without the
            metric, and the encoder's in f32.
        deviation: Largest deviation of a similarity; None in forms without any.
    """

    engine: str
    base: int
    target: int
    cosine: float
    deviation: float | None


def checked(
    path: Path,
    vectors: Path,
    form: Form,
    metric: str,
    precision: str,
    pictures: Array,
    expected: Array,
) -> tuple[Checked, ...]:
    """Runs a file on every engine here, at several numbers of pictures.

    Args:
        path: The file.
        vectors: The same graph in the form ``embed``.
        form: Of the file.
        metric: Of its similarities.
        precision: Of the file, a key of `SMALLEST_COSINE`.
        pictures: (P, ...) float32, prepared.
        expected: (P, D) the encoder's vectors of them.

    Raises:
        WeightsError: An engine can't read or run it, or gives something else.
    """
    found, least = [], SMALLEST_COSINE[precision]
    for engine in file_engines():
        loose = precision == "int8" and engine == "openvino"
        most = np.inf if loose else LARGEST_DEVIATION
        try:
            embed, run = open_file(vectors, engine), open_file(path, engine)
        except WeightsError as error:  # names a draft that nobody will find
            raise WeightsError(error.what, cure="try another --opset") from error
        for base, target in _shapes(form):
            try:
                one = _checked(
                    embed, run, form, metric, (least, most), pictures, expected, base, target
                )
            except WeightsError as error:
                raise WeightsError(f"on {engine}, {error.what}") from error
            except Exception as error:  # engines raise types of their own
                reason = str(error).strip().partition("\n")[0][:300]
                raise WeightsError(
                    f"{engine} can't run the export with {base} and {target} pictures: {reason}",
                    cure="try another --opset",
                ) from error
            found.append(Checked(engine, base, target, *one))
    worst = min(found, key=lambda one: one.cosine)
    if least is not None and not worst.cosine >= least:
        raise WeightsError(
            f"the export does not give the encoder's vectors: smallest cosine {worst.cosine:.6f} "
            f"on {worst.engine}, {least} is needed",
            cure="try another --opset, or --precision f32",
        )
    return tuple(found)


def _shapes(form: Form) -> list[tuple[int, int]]:
    """The numbers of pictures that a form takes, each pair once."""

    def allowed(port: int, count: int) -> int:
        if port >= len(form.inputs):
            return 0
        return 1 if form.inputs[port].count == "1" else count

    return list(dict.fromkeys((allowed(0, n), allowed(1, m)) for n, m in SHAPES))


def _checked(
    embed: Run,
    run: Run,
    form: Form,
    metric: str,
    limits: tuple[float | None, float],
    pictures: Array,
    expected: Array,
    base: int,
    target: int,
) -> tuple[float, float | None]:
    def vectors(batch: Array) -> Array:
        return embed({VECTORS.inputs[0].name: batch})[VECTORS.outputs[0].name]

    least, most = limits
    first, last = pictures[:base], pictures[len(pictures) - target :]
    inputs, wanted = {form.inputs[0].name: first}, expected[:base]
    if target and form.inputs[1].holds == "picture":
        # one batch, as in the file: with int8 a vector depends on it
        given, other = vectors(np.concatenate([first, last])), last
        wanted = np.concatenate([wanted, expected[len(expected) - target :]])
        ours, theirs = given[:base], given[base:]
    else:
        given = ours = vectors(first)
        other = theirs = vectors(last) if target else given[:0]
    if target:
        inputs[form.inputs[1].name] = other
    outputs = run(inputs)
    cosine, deviation = _agreement(given, wanted, least), None
    for port in form.outputs:
        got = outputs[port.name]
        if port.holds == "feature":
            cosine = min(cosine, _agreement(got, expected[:base], least))
            continue
        want = _similarities(ours, theirs, metric)
        if got.shape != want.shape:
            raise WeightsError(f"{port.name} has the shape {got.shape} instead of {want.shape}")
        strayed = np.abs(got - want) / np.maximum(1.0, np.abs(want))
        deviation = float(strayed.max())
        if not (deviation <= most and np.isfinite(got).all()):
            raise WeightsError(
                f"similarities stray by {deviation:.2g} from the {metric} of the vectors"
            )
    return cosine, deviation


def _similarities(base: Array, target: Array, metric: str) -> Floats:
    return METRICS[metric].matrix(base.astype(np.float64), target.astype(np.float64))


def _agreement(got: Array, want: Array, least: float | None) -> float:
    """The smallest cosine of vectors with those of the encoder."""
    if got.shape != want.shape:
        raise WeightsError(f"vectors have the shape {got.shape} instead of {want.shape}")
    if not np.isfinite(got).all():
        raise WeightsError("vectors are not finite")
    one, two = got.astype(np.float64), want.astype(np.float64)
    cosine = float(METRICS["cosine"].rows(one, two).min())
    lengths = np.linalg.norm(two, axis=1)
    stretched = np.abs(np.linalg.norm(one, axis=1) - lengths) > LARGEST_STRETCH * lengths
    if least is not None and cosine >= least and stretched.any():
        raise WeightsError("vectors have other lengths than the encoder's")
    return cosine
