"""The verb: how well does an encoder tell the same things from different ones?"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from lookalike.embeddings import Embeddings
from lookalike.errors import UsageError
from lookalike.judge.case import Case, Judged, aligned, names_of, opened
from lookalike.judge.curves import curve_plots, curves_of
from lookalike.judge.differences import differences_of
from lookalike.judge.judgement import Evaluation, Judgement
from lookalike.judge.listed import ListedPairs
from lookalike.judge.measures import pair_measures
from lookalike.judge.partners import chance_of_either
from lookalike.judge.queries import Options, Rerank, query_measures
from lookalike.judge.query_metrics import SHOTS
from lookalike.judge.resampling import Drawing, Resampling
from lookalike.judge.tables import truth_of
from lookalike.judge.trial import Trial
from lookalike.judge.truth import Setting, Truth
from lookalike.metrics import metric_named
from lookalike.report import amount


def evaluate(
    store: Judged,
    *,
    truth: Truth | str | os.PathLike[str] | Sequence[Hashable | None] = "folders",
    label: str | None = None,
    against: Judged | Sequence[Judged] = (),
    metric: str | None = None,
    fprs: Sequence[float] = (0.1, 0.01, 0.001, 0.0001),
    ks: Sequence[int] = (1, 5, 10),
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    sample_pairs: int | None = None,
    rerank: Rerank | None = None,
    single_shot: bool = False,
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
    on_total: Callable[[int], None] | None = None,
) -> Evaluation:
    """How well vectors tell the same things from different ones: every pair, with intervals.

    All pairs are scored in blocks; nothing is sampled unless `sample_pairs` is given. Pairs come
    from the truth: of labelled pictures each unordered pair once, never a picture with itself.
    Every labelled picture is also a query among all others; a query without a match counts in no
    mean. Scores may have any sign; ties are broken by id among queries and count half in the AUC.

    Args:
        store: `Embeddings`, a path that `Embeddings.open` takes, or (N, D) vectors.
        truth: See `truth_of`: ``folders``, ``partners``, ``reid``, a table, labels, a `Truth`.
        label: For a table: which column holds the labels.
        against: A further store or several, judged on the same pictures and compared with `store`.
        metric: A metric's name; the encoder's own if None.
        fprs: False positive rates at which the true positive rate is told.
        ks: For recall@k and the like.
        resamples: Replicates of the bootstrap over identities (not over pairs).
        level: Confidence of the intervals.
        seed: Of the bootstrap, of a sample and of single shots.
        sample_pairs: So many pairs drawn at random instead of all.
        rerank: Also k-reciprocal re-ranking of queries, on ``plain`` or ``squared`` distances.
        single_shot: Recall@k against galleries that hold one random picture of each person, the
            mean of ten draws for each query, as in CUHK03's classic split. For ``reid`` alone.
        device: ``cpu``, a torch device, or ``auto``: a GPU for large work if torch finds one.
        progress: Told how many rows are done, over all passes.
        on_total: Told how many there will be.

    Returns:
        An `Evaluation`. A rate that this many pairs can't tell has no value but a note.

    Raises:
        UsageError: An argument, or a truth that nothing can be judged by.
        StoreError: A store can't be read.

    Example:
        >>> import numpy as np
        >>> vectors = np.array([[1.0, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [-1, -1]])
        >>> found = evaluate(vectors, truth=["a", "a", "b", "b", "c"])
        >>> found["roc_auc"].value, found["recall@1"].value
        (1.0, 1.0)
    """
    options = Options(
        tuple(dict.fromkeys(fprs)),
        tuple(sorted(set(ks))),
        Drawing(resamples, level, seed),
        sample_pairs,
        rerank,
        single_shot,
        device,
        progress,
    )
    if metric is not None:
        metric_named(metric)
    found = truth_of(truth, label=label)
    if isinstance(against, (str, os.PathLike, np.ndarray, Embeddings)):
        against = [against]
    stores = [store, *against]
    names = names_of(stores)
    sides, kept, notes = aligned(
        [opened(one, name) for one, name in zip(stores, names, strict=True)], names
    )
    rows = tuple(row for row in sides[0].rows if row.ok)
    setting = found.kept(kept).setting(rows)
    _check_setting(setting, options)
    if on_total:
        on_total(_passes(setting, options) * len(sides))
    resampling = options.drawing.of(setting.trial.units)
    judgements = tuple(
        _judge(Case(side, setting, metric or side.card.metric, device), name, resampling, options)
        for side, name in zip(sides, names, strict=True)
    )
    return Evaluation(
        judgements,
        differences_of(judgements, resampling.groups, level=level) if len(stores) > 1 else (),
        setting.about,
        (*notes, *setting.notes, *_notes(setting, resampling, options)),
        curve_plots(judgements),
        {
            "seed": seed,
            "resamples": resamples,
            "level": level,
            "units": setting.trial.units,
            "unit": setting.trial.unit,
            "sample_pairs": sample_pairs,
            "rerank": rerank,
            "single_shot": single_shot,
        },
    )


def _check_setting(setting: Setting, options: Options) -> None:
    """Refuse what can't be done with this truth, before any work is done."""
    trial = setting.trial
    if options.single_shot and (isinstance(trial, ListedPairs) or trial.row_cameras is None):
        raise UsageError(
            "single_shot needs persons and cameras, as --truth reid has",
            cure="name pictures as re-identification data sets do and judge them by --truth reid, "
            "or leave single_shot out",
        )
    if isinstance(trial, ListedPairs):
        for name, value in (("sample_pairs", options.sample_pairs), ("rerank", options.rerank)):
            if value is not None:
                raise UsageError(f"{name} does not go with pairs that are listed one by one")
    elif options.rerank and (trial.pessimistic or (trial.own >= 0).any()):
        both = int((trial.own >= 0).sum())
        raise UsageError(
            "re-ranking needs queries and a gallery apart"
            + f", and {amount(both, 'picture')} are both" * (both > 0),
            cure="judge a re-identification data set, in folders query and gallery or as it is "
            "published, by --truth reid",
        )


def _passes(setting: Setting, options: Options) -> int:
    """Rows that will be gone through for one store."""
    trial = setting.trial
    if isinstance(trial, ListedPairs):
        return len(trial.rows)
    queries = len(trial.rows) + (len(trial.columns) if trial.pessimistic else 0)
    pairs = 0 if options.sample_pairs else len(trial.rows)
    return pairs + queries + (len(trial.rows) if options.rerank else 0)


def _judge(case: Case, name: str, resampling: Resampling, options: Options) -> Judgement:
    scorer = case.scorer()
    counted = case.counted(
        scorer,
        resampling,
        seed=options.drawing.seed,
        sample_pairs=options.sample_pairs,
        progress=options.progress,
    )
    measures = pair_measures(
        counted,
        resampling,
        fprs=options.fprs,
        level=options.drawing.level,
        more_pictures=isinstance(case.setting.trial, Trial),
    )
    first_ranks = None
    if isinstance(case.setting.trial, Trial):
        told, first_ranks = query_measures(case, case.setting.trial, scorer, resampling, options)
        measures += told
    return Judgement(
        name,
        case.side.card,
        case.metric,
        measures,
        counted.counts,
        curves_of(counted.counts, first_ranks),
        (*case.side.card.warnings, *case.side.origin.warnings, *counted.warnings),
    )


def _notes(setting: Setting, resampling: Resampling, options: Options) -> tuple[str, ...]:
    trial = setting.trial
    notes = list(options.drawing.notes(trial, resampling))
    if isinstance(trial, ListedPairs):
        return tuple(notes)
    notes.append("measures over queries: their intervals take the gallery as it is")
    if options.single_shot:
        notes.append(
            "recall@k is by single gallery shots: of each person in a query's list one random "
            f"picture, the mean of {SHOTS} draws, seed {options.drawing.seed}; all other measures "
            "take the whole list"
        )
    if options.sample_pairs is not None:
        notes.append(
            f"measures over pairs come from a SAMPLE of {options.sample_pairs:,} random pairs; "
            "their intervals do not hold the noise of the sample's size for rare scores"
        )
    if trial.pessimistic:
        pairs = len(trial.rows)
        notes.append(
            f"by chance alone: aR@1 {chance_of_either(pairs):.4f}, either direction at k "
            f"{1 / pairs:.4f} times k, among {pairs:,} pairs"
        )
    return tuple(notes)
