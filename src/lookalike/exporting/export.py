"""The verb: an encoder into one ONNX file, checked, with its card inside."""

from __future__ import annotations

import copy
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.embeddings import Card, Embeddings, Row
from lookalike.encoders import Encoder, load_encoder
from lookalike.encoders.cores import instruction_set
from lookalike.encoders.engines.file import file_engines
from lookalike.encoders.families.onnx import encoder_of
from lookalike.encoders.onnx_metadata import content_digest, properties
from lookalike.encoders.probe import probe_places
from lookalike.encoders.reid.weights_name import exported_stem
from lookalike.errors import OverwriteError, UnknownNameError, UsageError, WeightsError
from lookalike.exporting.check import checked
from lookalike.exporting.composition import GRAPH_METRICS, composed
from lookalike.exporting.exported import Exported
from lookalike.exporting.form import FORMS, Form, form_named
from lookalike.exporting.graph import check_opset, opset_of, simplified, vector_graph
from lookalike.exporting.loss import loud
from lookalike.exporting.precision import EXPORT_PRECISIONS, halved, holds_integers, quantised
from lookalike.exporting.prepared import Prepared, parted, prepared
from lookalike.exporting.sums import may_saturate
from lookalike.images import ImageSource, Pictures, Place
from lookalike.judge import Truth, decision_changes
from lookalike.judge.decisions import operating_point
from lookalike.report import amount
from lookalike.version import __version__

if TYPE_CHECKING:
    import onnx

FEW_SAMPLES = 32
"""Calibration pictures below which a warning says that they are few."""

LARGEST_FILE = 2**31 - 1
"""Bytes that one ONNX file may have."""


def _silent(sentence: str) -> None:
    """Nobody is listening."""


def export(
    encoder: str | Encoder,
    path: str | os.PathLike[str],
    *,
    form: str = "embed",
    metric: str = "cosine",
    opset: int | None = None,
    precision: str = "f32",
    calibrate: Pictures | ImageSource | None = None,
    samples: int = 200,
    judge: Pictures | ImageSource | None = None,
    truth: Truth | str | os.PathLike[str] | None = "folders",
    fpr: float | None = None,
    threshold: float | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    offline: bool = False,
    force: bool = False,
    say: Callable[[str], None] = _silent,
) -> Exported:
    """An encoder in one ONNX file: its vectors, or similarities with the metric in the graph.

    The graph takes float32 pictures that are resized and normalised already, as the card's
    preprocessing says, and batches of any size. It is simplified, its weights stand in it once,
    and the card goes into its metadata: ``onnx:FILE`` is the same encoder again. Before the file
    gets its name it is run on every engine here at several numbers of pictures, and held against
    the encoder in f32.

    Args:
        encoder: A name, or an encoder with one layer. Hashes and ``pixels`` are no networks.
        path: The file; or a folder, for a file named like the published exports.
        form: One of `FORMS`.
        metric: In forms that compare: ``cosine``, or ``reciprocal-euclidean``.
        opset: Version of ONNX's operators, from 11; 20 if None, for an ONNX file its own.
        precision: ``f32``, ``f16`` (input and output stay float32), or ``int8``.
        calibrate: Pictures from which int8 takes the range of each value; for int8 alone, and
            needed there. Some hundred of the kind that the network will see.
        samples: How many of them are taken, spread by chance.
        judge: Pictures for the decision report; those of `calibrate` that were not taken if None.
        truth: Which of them show the same; see `decision_changes`. None for no truth.
        fpr: See `decision_changes`; and likewise `threshold`, `resamples` and `level`.
        threshold: See `fpr`.
        resamples: See `fpr`.
        level: See `fpr`.
        seed: Of the choice of samples and of the bootstrap.
        offline: Never touch a network for weights.
        force: Whether a file that exists is replaced.
        say: Told what is being done.

    Returns:
        What was written and how it was checked; for int8, or with `judge`, with the decision
        report.

    Raises:
        UsageError: An encoder without a network; a form, metric, operator set or precision that
            does not exist or does not fit it.
        OverwriteError: The file exists.
        WeightsError: The network can't be exported so, or the export failed its check; nothing
            is written then.

    Example:
        >>> import tempfile, lookalike
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = lookalike.export("builtin", f"{folder}/pairs.onnx", form="N:M")
        >>> result.inputs["target_images"], result.outputs["similarities"]
        (('M', 3, 112, 112), ('N', 'M'))
        >>> result.agreement > 0.9999
        True
    """
    wanted = form_named(form)
    _check_options(metric, precision, calibrate, samples, judge, fpr, threshold, opset)
    if isinstance(encoder, str):
        say(f"loading {encoder}")
        encoder = _loaded(encoder, offline)
    card, wiring = encoder.card, encoder.wiring
    if wiring is None:
        raise UsageError(
            "the encoder is no network, and there is nothing to export",
            where=card.name,
            cure="export one of the families builtin, onnx, torchvision, timm, open_clip, reid",
        )
    if wiring.singly and not wanted.one_picture:
        raise UsageError(
            "the network gives the right vectors for one picture at a time only, and this form "
            "takes several",
            where=card.name,
            cure="--form embed-1 takes one picture",
        )
    target = _target(path, card, wanted, force=force)
    say(f"exporting {card.name}")
    model, notes = vector_graph(wiring, opset), list(encoder.notes)
    before = holds_integers(model)
    if before and precision != "f32":
        raise UsageError(
            f"the network is quantised already, and can't be brought to {precision}",
            where=card.name,
            cure="export the network that it was made from",
        )
    notes += _integer_notes(model)
    calibrated = 0
    if precision == "f16":
        model = halved(model)
    elif precision == "int8":
        assert calibrate is not None
        chosen, others = parted(calibrate, samples, seed)
        pictures = _calibration(encoder, chosen, str(calibrate))
        calibrated = len(pictures.pixels)
        notes += _calibration_notes(pictures, calibrated)
        if judge is None and len(others) >= 2:
            judge = others
        elif judge is None:
            notes.append("no decision report: too few pictures are left to judge by")
        say(f"quantising by {amount(calibrated, 'picture')}")
        model = quantised(model, card.preprocess.normalise(pictures.pixels))
    told = _card(card, precision, model)
    reference = (encoder.reference and encoder.reference()) or encoder
    with _draft(target) as (draft, vectors):
        finished = _finished(model, wanted, metric, told, precision)
        _write(_finished(model, FORMS["embed"], metric, told, precision), vectors)
        _write(finished, draft)
        say(f"checking the file on {' and '.join(file_engines())}")
        pixels = prepared(encoder, probe_places()).pixels
        checks = checked(
            draft,
            vectors,
            wanted,
            metric,
            "int8" if before else precision,
            card.preprocess.normalise(pixels),
            reference.run(pixels)[0],
        )
        decisions = None
        if judge is not None:
            say("embedding pictures with both, for the decision report")
            both = _both(reference, vectors, precision, judge)
            notes += _judge_notes(both[0])
            decisions = decision_changes(
                *both,
                truth,
                fpr=fpr,
                threshold=threshold,
                resamples=resamples,
                level=level,
                seed=seed,
            )
        try:
            os.replace(draft, target)
        except OSError as error:
            raise UsageError(f"the file can't be written: {error}", where=str(target)) from error
    graph = finished.graph
    return Exported(
        path=str(target),
        form=wanted.name,
        metric=metric if wanted.compares else "",
        precision=precision,
        opset=opset_of(finished),
        card=told,
        inputs=_shapes(graph.input),
        outputs=_shapes(graph.output),
        bytes=target.stat().st_size,
        nodes=len(graph.node),
        checks=checks,
        calibrated=calibrated,
        decisions=decisions,
        notes=(*loud(precision, checks, decisions), *notes),
        instructions=instruction_set(),
    )


def _check_options(
    metric: str,
    precision: str,
    calibrate: Pictures | ImageSource | None,
    samples: int,
    judge: Pictures | ImageSource | None,
    fpr: float | None,
    threshold: float | None,
    opset: int | None,
) -> None:
    if metric not in GRAPH_METRICS:
        raise UnknownNameError("metric of a graph", metric, GRAPH_METRICS)
    if precision not in EXPORT_PRECISIONS:
        raise UnknownNameError("precision of an export", precision, EXPORT_PRECISIONS)
    if (precision == "int8") != (calibrate is not None):
        raise UsageError(
            "int8 needs pictures to calibrate with, and only int8 does",
            cure="give precision int8 and calibrate together",
        )
    operating_point(fpr, threshold)
    if judge is not None and isinstance(judge, (str, os.PathLike)) and not os.path.exists(judge):
        raise UsageError("there are no such pictures to judge by", where=os.fsdecode(judge))
    check_opset(opset)
    if samples < 1:
        raise UsageError(f"int8 takes its ranges from at least one picture, not {samples}")


def _calibration(encoder: Encoder, places: Sequence[Place], where: str) -> Prepared:
    """Pictures to take the ranges of int8 from, at least one."""
    found = prepared(encoder, places)
    if not len(found.pixels):
        raise UsageError(
            "there is no picture to calibrate with that can be read",
            where=where,
            cure="name a folder with some hundred pictures of the usual kind",
        )
    return found


def _calibration_notes(pictures: Prepared, calibrated: int) -> list[str]:
    notes = []
    if pictures.failed:
        notes.append(f"to calibrate with can't be read: {_named(pictures.failed)}")
    if calibrated < FEW_SAMPLES:
        few = amount(calibrated, "picture")
        notes.append(f"ranges of int8 by {few} alone, which is too few to show them: give more")
    return notes


def _integer_notes(model: onnx.ModelProto) -> list[str]:
    """What must be said of integers that somebody else made; nothing is said of floats."""
    unsafe = may_saturate(model)
    if not unsafe:
        return []
    return [
        "its integers may run over on a CPU without VNNI, such as one with AVX2 alone, and give "
        f"other vectors there: {amount(len(unsafe), 'node')}, the first {unsafe[0]}"
    ]


def _judge_notes(side: Embeddings) -> list[str]:
    if not side.failures:
        return []
    return [f"to judge by can't be read: {_named(side.failures)}"]


def _named(failures: Sequence[Row]) -> str:
    told = "; ".join(f"{row.id}, {row.reason}" for row in failures[:3])
    return f"{told}; and {len(failures) - 3} more" if len(failures) > 3 else told


def _loaded(name: str, offline: bool) -> Encoder:
    """On torch, which holds torch networks as they are; on another engine if it can't run there."""
    try:
        return load_encoder(name, engine="torch", precision="f32", device="cpu", offline=offline)
    except UsageError:  # a network in a file; or an error that comes again
        return load_encoder(name, offline=offline)


def _target(given: str | os.PathLike[str], card: Card, form: Form, *, force: bool) -> Path:
    """The file to write; in a folder, one named after the encoder, the form and the input."""
    path = Path(given)
    if os.fspath(given).endswith(("/", os.sep)) and not path.is_dir():
        raise UsageError("there is no such folder", where=os.fspath(given), cure="make it first")
    if path.is_dir():
        height, width = card.preprocess.output_size or (0, 0)
        path = path / f"{stem_of(card)}_{form.published}x3x{height}x{width}.onnx"
    if not path.parent.is_dir():
        raise UsageError("there is no such folder", where=str(path.parent), cure="make it first")
    if path.exists() and not path.is_file():
        raise UsageError("there is something that is no file", where=str(path))
    if path.exists() and not force:
        raise OverwriteError("the file exists", where=str(path), cure="--force replaces it")
    return path


def stem_of(card: Card) -> str:
    """How the file of an encoder begins: with the name of its weights file, or with its own.

    Example:
        >>> import lookalike
        >>> stem_of(lookalike.load_encoder("builtin").card)
        'builtin'
    """
    if card.algorithm.startswith("reid/") and card.source and not card.random:
        return exported_stem(card.source)
    family, _, rest = card.name.partition("?")[0].partition(":")
    name = Path(rest).stem if family == "onnx" else rest or family
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name)


@contextmanager
def _draft(target: Path) -> Iterator[tuple[Path, Path]]:
    """Where the file is written before it is checked, and where a form of it that gives vectors."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=".lookalike-", dir=target.parent)
    except OSError as error:
        raise UsageError(f"the file can't be written: {error}", where=str(target)) from error
    with folder:
        yield Path(folder.name) / "draft.onnx", Path(folder.name) / "vectors.onnx"


def _card(card: Card, precision: str, model: onnx.ModelProto) -> Card:
    """The card in the file: the encoder's own, but for int8, which decides otherwise."""
    if precision != "int8":
        return card
    digest = content_digest(model.SerializeToString(deterministic=True))
    settings = (*card.settings, ("int8", digest.removeprefix("sha256:")[:16]))
    return replace(card, settings=settings, verdict=None)


def _finished(
    model: onnx.ModelProto, form: Form, metric: str, card: Card, precision: str
) -> onnx.ModelProto:
    """The model in a form, with its card in the metadata."""
    size = card.preprocess.output_size
    assert size is not None
    shape = (3, *size) if card.preprocess.layout == "nchw" else (*size, 3)
    made = composed(copy.deepcopy(model), form, metric, shape, card.dim)
    if precision == "f32":
        made = simplified(made)
    made.producer_name, made.producer_version = "lookalike", __version__
    del made.metadata_props[:]
    digest = content_digest(made.SerializeToString(deterministic=True))
    inside = metric if form.compares else ""
    # floats are held to the encoder's on every CPU alike, and their files have the same bytes
    judged_on = instruction_set() if precision == "int8" else None
    for key, value in properties(card.to_dict(), form.name, inside, digest, judged_on).items():
        made.metadata_props.add(key=key, value=value)
    return made


def _write(model: onnx.ModelProto, path: Path) -> None:
    if model.ByteSize() > LARGEST_FILE:
        raise WeightsError(
            f"the network has {model.ByteSize():,} bytes, and one ONNX file holds {LARGEST_FILE:,}",
            cure="--precision f16 halves it",
        )
    try:
        path.write_bytes(model.SerializeToString(deterministic=True))
    except OSError as error:
        raise UsageError(f"the file can't be written: {error}", where=str(path)) from error


def _shapes(values: Any) -> dict[str, tuple[int | str, ...]]:
    return {
        one.name: tuple(size.dim_param or size.dim_value for size in one.type.tensor_type.shape.dim)
        for one in values
    }


def _both(
    reference: Encoder, vectors: Path, precision: str, judged: Pictures | ImageSource
) -> tuple[Embeddings, Embeddings]:
    """Vectors of the same pictures by the encoder and by the exported graph."""
    places = list((judged if isinstance(judged, ImageSource) else ImageSource(judged)).places())
    mine, theirs = reference.encode(places), encoder_of(vectors).encode(places)
    return (
        replace(mine, card=replace(mine.card, name="the encoder")),
        replace(theirs, card=replace(theirs.card, name=precision)),
    )
