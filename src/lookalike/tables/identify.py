"""The verb: which published re-identification weights are these?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike.comparison.pairs import pair_values
from lookalike.embeddings import Card
from lookalike.encoders import (
    Encoder,
    EncoderName,
    Runtime,
    family_named,
    family_names,
    load_encoder,
)
from lookalike.encoders.families.onnx import encoder_of
from lookalike.encoders.reid.checkpoint import (
    Checkpoint,
    nearest_architecture,
    read_checkpoint,
)
from lookalike.errors import UsageError, WeightsError
from lookalike.images import PRESETS, ImageSource, Pictures
from lookalike.report import Column, Table, View, html_fragment
from lookalike.tables.reid_pictures import by_column, six_pictures
from lookalike.tables.reid_published import (
    COLUMNS,
    PUBLISHED_PREPROCESS,
    THESE,
    Nearness,
    nearest_rows,
)

ENDINGS = (".pth", ".pth.tar", ".pyth", ".pt", ".safetensors")
"""Of files that are read as checkpoints."""


@dataclass(frozen=True)
class Identification:
    """What weights turned out to be.

    Attributes:
        model: As it was asked for.
        card: Of the encoder that was tried.
        values: Column of the published table → cosine.
        nearest: Published rows, the nearest first.
        checkpoint: What is in the file, if a checkpoint was named; else None.
        notes: What has to be said beside it.
    """

    model: str
    card: Card
    values: Mapping[str, float]
    nearest: tuple[Nearness, ...]
    checkpoint: Checkpoint | None = None
    notes: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether they are published weights."""
        return self.nearest[0].verdict == THESE

    @property
    def words(self) -> str:
        """The finding as a sentence."""
        best = self.nearest[0]
        off = f"largest deviation {best.deviation:.4f}"
        if self.known:
            return f"These are the weights of row {best.row.number}, {best.row.stem} ({off})."
        return f"No published row: the nearest is {best.row.stem} ({off}): {best.verdict}."

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints; ``results`` has a row per published row."""
        return {
            "results": [one.to_dict() for one in self.nearest],
            "model": self.model,
            "values": dict(self.values),
            "known": self.known,
            "checkpoint": self.checkpoint and _told(self.checkpoint),
            "card": self.card.to_dict(),
            "notes": list(self.notes),
        }

    def view(self) -> View:
        """The values above those of the nearest rows, and what the file says of itself."""
        rows: list[dict[str, Any]] = [
            {"row": "this", "stem": self.card.name, **self.values},
            *(
                {
                    "row": str(one.row.number),
                    "stem": one.row.stem,
                    "deviation": one.deviation,
                    "verdict": one.verdict,
                    **one.row.values,
                }
                for one in self.nearest
            ),
        ]
        columns = (
            Column("row", "row"),
            Column("deviation", "largest deviation", "number"),
            Column("verdict", "verdict"),
            *(Column(name, name, "number") for name in COLUMNS),
            Column("stem", "weights"),
        )
        notes = [one.row.note for one in self.nearest[:1] if one.row.note]
        if self.checkpoint is not None:
            notes += [
                f"{key.replace('_', ' ')}: {value}"
                for key, value in _told(self.checkpoint).items()
                if value
            ]
        return View(
            title="Which published weights are these?",
            tables=(Table(columns, rows, "Cosines of the six published pairs"),),
            answer=(self.words,),
            notes=tuple(notes),
            warnings=self.notes,
        )

    def _repr_html_(self) -> str:
        return html_fragment(self.view())


def identify(
    model: str | Encoder,
    pictures: Pictures | ImageSource,
    *,
    count: int = 3,
    runtime: Runtime | None = None,
) -> Identification:
    """Which published re-identification weights a model has, told by its numbers.

    File names lie: files of one name occur with several contents. Similarities of six pictures do
    not: weights that are run as the published ones were give their row, three decimals of six
    cosines, and any two rows differ by 0.029 or more in one of them.

    Args:
        model: A checkpoint (``.pth``, ``.pth.tar``, ``.pyth``, ``.pt``, ``.safetensors``), whose
            network is told from its entries; an ONNX file; or an encoder or its name. Files are
            run with the preprocessing of the published table.
        pictures: Where its six pictures lie, among others or alone. They are known by their bytes.
        count: How many rows are told.
        runtime: Engine, precision, device, threads.

    Raises:
        UsageError: A picture is missing, or the encoder gives no vectors of floats.
        WeightsError: A checkpoint of none of the networks known here.
    """
    subject, checkpoint = six_pictures(pictures), None
    encoder = model
    if isinstance(encoder, str):
        encoder, checkpoint = _loaded(encoder, runtime or Runtime())
    if encoder.card.kind != "float":
        raise UsageError("the published values are cosines", where=encoder.card.name)
    embeddings = encoder.encode(ImageSource(subject.places))
    values = by_column(pair_values(subject.pairs, embeddings, "cosine"))
    notes = [*encoder.notes]
    if encoder.card.preprocess != PRESETS[PUBLISHED_PREPROCESS]:
        notes.append(
            f"not run with preprocess={PUBLISHED_PREPROCESS}, as the published weights were: "
            "other values are no evidence of other weights"
        )
    told = model if isinstance(model, str) else encoder.card.name
    return Identification(
        told, encoder.card, values, nearest_rows(values, count), checkpoint, tuple(notes)
    )


def _loaded(model: str, runtime: Runtime) -> tuple[Encoder, Checkpoint | None]:
    """A file as the published table ran it, and what is in a checkpoint; an encoder by its name."""
    options = {"preprocess": PUBLISHED_PREPROCESS}
    family, ending = model.partition("?")[0].partition(":")[0], model.lower()
    if not os.path.isfile(model) and (family in family_names() or not ending.endswith(ENDINGS)):
        return load_encoder(model, runtime=runtime), None
    if ending.endswith(".onnx"):
        return encoder_of(Path(model), options, runtime), None
    if not ending.endswith(ENDINGS):
        cure = f"one of .onnx, {', '.join(ENDINGS)}"
        raise UsageError("this is no file of weights", where=model, cure=cure)
    checkpoint = read_checkpoint(Path(model))
    network = checkpoint.architecture
    if network is None:
        nearest, fitting, entries = nearest_architecture(checkpoint.tensors)
        raise WeightsError(
            "the weights are of no re-identification network known here",
            where=model,
            cure=f"{nearest} fits best, with {fitting} of its {entries} entries",
        )
    text = f"reid:{network}?weights={model}&preprocess={PUBLISHED_PREPROCESS}"
    name = EncoderName(text, "reid", network, {"weights": model, **options})
    return family_named("reid").load(name, runtime), checkpoint


def _told(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a checkpoint holds, and what its name claims."""
    name = checkpoint.name
    return {
        "network": checkpoint.architecture,
        "identities": checkpoint.classes,
        "suggested_by_identities": checkpoint.training_set,
        "entries": len(checkpoint.tensors),
        "claimed_by_name": name and f"{name.architecture}, {name.tag}",
    }
