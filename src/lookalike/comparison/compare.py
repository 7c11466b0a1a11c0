"""The main verb: how alike are these pictures, under these encoders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from lookalike.comparison.comparison import Comparison, ModelUse, PairResult
from lookalike.comparison.pairs import (
    Pair,
    Pairing,
    Plan,
    pair_values,
    plan_pictures,
    plan_table,
)
from lookalike.comparison.spread import originals, value_ranges, with_copies
from lookalike.embeddings import Embeddings, Remarks, Row
from lookalike.encoders import DEFAULT_ENCODER, Encoder, Runtime, load_encoder
from lookalike.encoders.encoder import Progress
from lookalike.errors import MissingWeightsError, StrictError, UsageError
from lookalike.images import ImageSource, Limits, Picture, Pictures
from lookalike.metrics import metric_named

MOST_THUMBNAILS = 2000


def compare(
    *pictures: Pictures,
    models: Sequence[str | Encoder] | str | Encoder = DEFAULT_ENCODER,
    pairs: str | os.PathLike[str] | None = None,
    pairing: Pairing = "auto",
    include: str | Sequence[str] = "*",
    metric: str | None = None,
    spread: bool = False,
    strict: bool = False,
    thumbnails: bool = True,
    limits: Limits | None = None,
    runtime: Runtime | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """How alike pictures are, under one or more encoders.

    Args:
        pictures: Two pictures: one value. Three or more: all pairs. Two folders: pairs by name.
            A picture and a folder: the picture with each one in it. Anything an `ImageSource`
            takes.
        models: Names of encoders, or encoders already loaded.
        pairs: A CSV file with columns ``a``, ``b`` and optionally ``same``, instead of pictures.
        pairing: ``auto`` as above, ``all``, ``first`` (the first with each other), or ``name``.
        include: Only files in folders and archives whose name matches this pattern.
        metric: A metric's name; each encoder's own (cosine, hamming for hashes) if None.
        spread: Whether each value comes with the smallest and largest one among copies of both
            pictures that are the same to a person (see `lookalike.comparison.spread`); costs as
            much as encoding six times as many pictures.
        strict: Whether a picture that can't be read is an error instead of a row.
        thumbnails: Whether small copies of the pictures are kept for reports; of more than
            `MOST_THUMBNAILS` pictures none are.
        limits: What a single picture may cost.
        runtime: Engine, precision and device for encoders given by name.
        progress: Told how many inputs are done, over all models.

    Returns:
        A `Comparison` with a result for every pair under every model, in order. A pair of which a
        side can't be read has a reason and no value.

    Raises:
        UsageError: No pairs can be made of what was given.
        StrictError: Under ``strict``, lists the inputs that failed.
        LookalikeError: An encoder can't be loaded, or there is no such metric.

    Example:
        >>> import numpy as np
        >>> black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
        >>> compare(black, black, white, models="pixels").results[0].value
        1.0
    """
    if (pairs is None) == (not pictures):
        raise UsageError("give either pictures or a table of pairs")
    if metric is not None:
        metric_named(metric)  # a misspelling is said before any work is done
    if pairs is not None:
        plan = plan_table(os.fsdecode(pairs))
    else:
        plan = plan_pictures(pictures, pairing=pairing, include=include)
    kept = _Thumbnails(thumbnails and len(plan.places) <= MOST_THUMBNAILS)
    results: list[PairResult] = []
    uses: list[ModelUse] = []
    failures: dict[str, Row] = {}
    remarked: dict[tuple[str, str], Row] = {}
    for encoder in _encoders(models, runtime or Runtime()):
        places = with_copies(plan.places, encoder.cards[0]) if spread else plan.places
        source = ImageSource(places, limits=limits)
        found = encoder.encode_layers(source, progress=progress, on_picture=kept.on_picture)
        for embeddings in found.values():
            label = encoder.label(embeddings.card)
            chosen = metric or embeddings.card.metric
            use = ModelUse(embeddings.card, encoder.engine, chosen, label, encoder.notes)
            uses.append(use)
            pictures_only = originals(embeddings) if spread else embeddings
            failures |= {row.id: row for row in pictures_only.failures}
            remarked |= {(row.id, row.detail): row for row in pictures_only.rows if row.detail}
            if strict and failures:
                raise _strict_error(list(failures.values()), len(plan.places))
            found_pairs = _pair_results(plan, pictures_only, use)
            results += _with_spread(found_pairs, plan, embeddings) if spread else found_pairs
    failed = tuple(failures.values())
    return Comparison(
        tuple(results), tuple(uses), failed, kept.found, Remarks(remarked.values()).notes
    )


class _Thumbnails:
    """Keeps a small copy of each picture that passes by."""

    def __init__(self, wanted: bool) -> None:
        self.found: dict[str, bytes] = {}
        self.on_picture = self._keep if wanted else None

    def _keep(self, picture: Picture) -> None:
        if picture.id not in self.found:
            self.found[picture.id] = picture.thumbnail()


def _encoders(models: Sequence[str | Encoder] | str | Encoder, runtime: Runtime) -> list[Encoder]:
    asked = [models] if isinstance(models, (str, Encoder)) else list(models)
    if not asked:
        raise UsageError("no model was named")
    loaded, missing = [], []
    for one in asked:
        try:
            loaded.append(one if isinstance(one, Encoder) else load_encoder(one, runtime=runtime))
        except MissingWeightsError as error:
            missing.append(error)  # all that is missing is said at once
    if missing:
        raise MissingWeightsError(
            "; ".join(error.what for error in missing),
            where=", ".join(filter(None, (error.where for error in missing))),
            cure="; ".join(error.cure for error in missing if error.cure),
        )
    return loaded


def _strict_error(failures: list[Row], inputs: int) -> StrictError:
    told = "; ".join(f"{row.id}: {row.reason}, {row.detail}" for row in failures[:5])
    more = f"; and {len(failures) - 5} more" if len(failures) > 5 else ""
    return StrictError(
        f"{len(failures)} of {inputs} inputs have no vector: {told}{more}",
        cure="leave strict out to go on with the others",
    )


def _pair_results(plan: Plan, embeddings: Embeddings, use: ModelUse) -> list[PairResult]:
    values = pair_values(plan.pairs, embeddings, use.metric)
    return [
        _pair_result(pair, embeddings.rows, use, value)
        for pair, value in zip(plan.pairs, values, strict=True)
    ]


def _with_spread(results: list[PairResult], plan: Plan, copies: Embeddings) -> list[PairResult]:
    valued = [n for n, result in enumerate(results) if result.value is not None]
    pairs = [(plan.pairs[n].a, plan.pairs[n].b) for n in valued]
    told = list(results)
    for n, (low, high) in zip(valued, value_ranges(copies, pairs, results[0].metric), strict=True):
        told[n] = replace(results[n], low=low, high=high)
    return told


def _pair_result(
    pair: Pair, rows: tuple[Row, ...], use: ModelUse, value: float | None
) -> PairResult:
    a, b = rows[pair.a], rows[pair.b]
    reasons = [
        f"{side}: {row.reason}, {row.detail}" for side, row in (("a", a), ("b", b)) if not row.ok
    ]
    return PairResult(
        a=a.id,
        b=b.id,
        model=use.label,
        fingerprint=use.card.fingerprint,
        metric=use.metric,
        value=value,
        error="; ".join(reasons) or None,
        same=pair.same,
        verdict=None if value is None or use.verdict is None else use.verdict.of(value),
    )
