"""What the encoder can do, beside others: pictures never trained on, and copies found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import lookalike
from lookalike.embeddings import Embeddings
from lookalike.encoders import Encoder
from lookalike.metrics import metric_named
from training.builtin.copies import EDITS
from training.builtin.pictures import Labelled

MEASURES = ("recall@1", "roc_auc")


@dataclass(frozen=True)
class Figure:
    """One number with its interval.

    Attributes:
        encoder: Its name.
        what: What was measured, on what.
        value: From 0 to 1.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    encoder: str
    what: str
    value: float
    low: float
    high: float


def kinds_told_apart(
    encoders: Sequence[Encoder], pictures: Labelled, held_out: Sequence[int]
) -> list[Figure]:
    """recall@1 and ROC AUC over all pairs, on all classes and on those not trained on.

    Args:
        encoders: What is judged.
        pictures: None of which the builtin encoder was trained on.
        held_out: Classes that the builtin encoder was not trained on.
    """
    subsets = {"all classes": np.arange(len(pictures))}
    subsets["classes not trained on"] = np.flatnonzero(np.isin(pictures.labels, held_out))
    figures = []
    for encoder in encoders:
        found = encoder.encode(list(pictures.pixels))
        for name, chosen in subsets.items():
            part = Embeddings(
                found.card, tuple(found.rows[n] for n in chosen), found.vectors[chosen]
            )
            judged = lookalike.evaluate(part, truth=pictures.labels[chosen].tolist()).judgements[0]
            for measure in (judged[one] for one in MEASURES):
                assert measure.value is not None
                low, high = (
                    (measure.interval.low, measure.interval.high)
                    if measure.interval
                    else (float("nan"),) * 2
                )
                what = f"{measure.name}, {name}"
                figures.append(Figure(encoder.card.name, what, measure.value, low, high))
    return figures


def copies_found(
    encoders: Sequence[Encoder], originals: Sequence[Image.Image], others: Labelled, *, seed: int
) -> list[Figure]:
    """recall@1 of edited photographs among their originals and other pictures.

    A copy is found if its original is closer than every other picture; if k pictures are equally
    close, for 1/k. Intervals resample photographs.

    Args:
        encoders: What is judged.
        originals: Photographs; each is edited in every way of `EDITS`.
        others: Pictures that copies are searched among besides; smaller than photographs, which
            helps to tell them apart.
        seed: Of the resampling.
    """
    figures = []
    for encoder in encoders:
        gallery = encoder.encode([*originals, *others.pixels])
        hits = {
            name: _hits(encoder.encode([edit(one) for one in originals]), gallery)
            for name, edit in EDITS.items()
        }
        hits["all edits"] = np.mean(list(hits.values()), axis=0)
        random = np.random.default_rng(seed)
        draws = random.integers(len(originals), size=(2000, len(originals)))
        for name, found in hits.items():
            low, high = np.quantile(found[draws].mean(1), (0.025, 0.975)).tolist()
            figures.append(Figure(encoder.card.name, name, float(found.mean()), low, high))
    return figures


def _hits(copies: Embeddings, gallery: Embeddings) -> Any:
    """(N,) how surely the n-th copy finds the n-th picture of the gallery."""
    values = np.asarray(lookalike.similarity(copies, gallery), np.float64)
    if not metric_named(copies.card.metric).higher_is_closer:
        values = -values
    own = values[np.arange(len(values)), np.arange(len(values))][:, None]
    return np.where((values > own).any(1), 0.0, 1 / (values == own).sum(1))


def photographs(folder: Path) -> list[Image.Image]:
    """All pictures of a folder, by name."""
    return [Image.open(path).convert("RGB") for path in sorted(folder.iterdir())]


def in_words(figures: Sequence[Figure]) -> str:
    """A Markdown table: a row for each thing measured, a column for each encoder."""
    names = list(dict.fromkeys(one.encoder for one in figures))
    cells: Mapping[tuple[str, str], Figure] = {(one.what, one.encoder): one for one in figures}
    lines = ["| | " + " | ".join(f"`{name}`" for name in names) + " |"]
    lines.append("|---|" + "---|" * len(names))
    for what in dict.fromkeys(one.what for one in figures):
        row = [cells[what, name] for name in names]
        told = [f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for one in row]
        lines.append(f"| {what} | " + " | ".join(told) + " |")
    return "\n".join(lines)
