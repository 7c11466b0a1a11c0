"""The verb: which model should judge these pictures, and at what cost?"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from lookalike.encoders import Encoder, Runtime
from lookalike.errors import UnknownNameError, UsageError
from lookalike.images import Limits, Pictures
from lookalike.judge import Drawing
from lookalike.measuring.journal import Journal
from lookalike.measuring.measurement import Task
from lookalike.measuring.subject import (
    Subject,
    anchor_subject,
    example_subject,
    folder_subject,
    table_subject,
)
from lookalike.measuring.timing import Effort
from lookalike.measuring.trying import Tried, question, try_models
from lookalike.metrics import metric_named
from lookalike.tables.assembled import assembled
from lookalike.tables.grouping import PUBLISHED_BOUNDS, grouped
from lookalike.tables.model_table import CLASSIFIERS, REID, ModelTable
from lookalike.tables.recommendation import Constraints
from lookalike.tables.reid_pictures import six_pictures
from lookalike.tables.selection import Filters, select


def table(
    pairs: Pictures | None = None,
    *,
    draw: int = 200,
    anchor: Pictures | None = None,
    positive: Pictures | None = None,
    negative: Pictures | None = None,
    models: Sequence[str | Encoder] | str | Encoder = (),
    max_gflops: float | None = None,
    max_params: float | None = None,
    max_dim: int | None = None,
    min_acc1: float | None = None,
    budget_ms: float | None = None,
    max_memory: float | None = None,
    licences: Sequence[str] = (),
    metric: str | None = None,
    bounds: Sequence[float] = PUBLISHED_BOUNDS,
    beside_published: bool | str = False,
    save: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
    effort: Effort | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    thumbnails: bool = True,
    limits: Limits | None = None,
    runtime: Runtime | None = None,
    progress: Callable[[int], None] | None = None,
    on_total: Callable[[int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> ModelTable:
    """Which model should judge these pictures: quality beside cost, for every model.

    Models are tried one after the other, each in a process of its own that gives its memory back;
    encoders that are given as objects are tried in this process. A model that fails becomes a row
    with the reason.

    Args:
        pairs: A CSV with the columns ``a``, ``b``, ``same``; or a folder (an archive, a list) with
            a folder for each thing, from which pairs are drawn. Models are judged by ROC AUC, with
            intervals. Instead of an anchor.
        draw: Pairs of each kind that are drawn from folders.
        anchor: A picture; of no pictures at all, photographs of the package are taken.
        positive: A picture like it, or several.
        negative: A picture unlike it, or several.
        models: What `lookalike.tables.select` takes: names, patterns, ``@published``,
            ``@all-torchvision``.
        max_gflops: Most multiply-accumulates for one picture, in 10^9: narrows patterns and lists,
            and what may be recommended, as do the next three.
        max_params: Most parameters, in millions.
        max_dim: Longest vector.
        min_acc1: Least published ImageNet top-1 accuracy, in per cent.
        budget_ms: Longest time from file to vector of what may be recommended, in milliseconds.
        max_memory: Most memory of what may be recommended, in MiB.
        licences: Permitted licences of the weights; all if empty.
        metric: A metric's name; each encoder's own if None.
        bounds: GFLOPs at which groups of the published layout end.
        beside_published: Whether published figures of the same networks stand beside; or
            ``reid`` for the published similarities of re-identification networks. `pairs` is then
            where its six pictures lie, and each model is told the published rows that its values
            are nearest to.
        save: A file that every finished row is added to, as it comes.
        resume: Whether to go on with the rows in `save`; models that failed are tried again.
        force: Whether `save` may be replaced.
        effort: How long times are measured.
        resamples: Replicates of the bootstrap over groups of pictures.
        level: Confidence of intervals.
        seed: Of the bootstrap, and of the pairs that are drawn.
        thumbnails: Whether small copies of pictures are kept for pages.
        limits: What a single picture may cost.
        runtime: Engine, precision, device, threads.
        progress: Told when models are done.
        on_total: Told how many there are.
        say: Given a sentence about each model that is done.

    Returns:
        A `ModelTable`, a row for every model.

    Raises:
        UsageError: Pictures or models that make no table, or rows of another one in `save`.
        OverwriteError: `save` exists, and neither `resume` nor `force` is given.

    Example:
        >>> found = table(models=["pixels"], effort=Effort(2, 0.0, 1.0, 1), thumbnails=False)
        >>> found["pixels"].separation.gap > 0
        True
    """
    filters = Filters(max_gflops, max_params, max_dim, min_acc1)
    constraints = _constraints(filters, budget_ms, max_memory, licences)
    drawing = Drawing(resamples, level, seed)
    if metric is not None:
        metric_named(metric)  # a misspelling is said before any work
    grouped((), bounds)
    specs = [models] if isinstance(models, (str, Encoder)) else list(models)
    selection = select(specs, filters)
    beside = _beside(beside_published)
    if beside == REID:
        subject = _reid_subject(pairs, anchor, positive, negative, metric)
    else:
        subject = _subject(pairs, anchor, positive, negative, draw=draw, seed=seed)
    task = Task("", subject, runtime or Runtime(), effort or Effort(), metric, limits or Limits())
    if resume and save is None:
        raise UsageError("there are no rows to go on with", cure="name their file: save=FILE")
    _check_save(save, pairs)
    journal = Journal(os.fspath(save), question(task)) if save is not None else None
    known = journal.begun(resume=resume, force=force) if journal else {}
    if on_total:
        on_total(len(selection.models))
    measurements = []
    for one in try_models(selection.models, task, known, journal.add if journal else None):
        measurements.append(one.measurement)
        if progress:
            progress(1)
        if say:
            say(f"{len(measurements)}/{len(selection.models)} {_sentence(one)}")
    return assembled(
        measurements,
        task,
        drawing,
        constraints,
        bounds=tuple(bounds),
        beside=beside,
        selection_notes=selection.notes,
        thumbnails=thumbnails,
    )


def _beside(wish: bool | str) -> str:
    """Which published figures stand beside: none, those of classifiers, or those of re-id."""
    if wish is False or wish == "":
        return ""
    if wish is True:
        return CLASSIFIERS
    if wish not in (CLASSIFIERS, REID):
        raise UnknownNameError("published table", wish, (CLASSIFIERS, REID))
    return wish


def _reid_subject(
    pairs: Pictures | None,
    anchor: Pictures | None,
    positive: Pictures | None,
    negative: Pictures | None,
    metric: str | None,
) -> Subject:
    if pairs is None or any(side is not None for side in (anchor, positive, negative)):
        raise UsageError(
            "the published similarities of re-identification networks are those of six pictures",
            cure="name the folder that holds them (./reid, if it is called reid)",
        )
    if metric not in (None, "cosine"):
        raise UsageError("the published similarities are cosines", where=f"metric={metric}")
    return six_pictures(pairs)


def _check_save(save: str | os.PathLike[str] | None, pairs: Pictures | None) -> None:
    """Refuse rows in the place of the table that they are about."""
    if save is None or not isinstance(pairs, (str, os.PathLike)) or not os.path.exists(save):
        return
    if os.path.samefile(save, pairs):
        raise UsageError("rows can't be saved in the table of pairs", where=os.fspath(save))


def _constraints(
    filters: Filters, budget_ms: float | None, max_memory: float | None, licences: Sequence[str]
) -> Constraints:
    millions = filters.max_params
    return Constraints(
        most_ms=budget_ms,
        most_memory_mib=max_memory,
        most_dim=filters.max_dim,
        most_params=None if millions is None else round(millions * 1e6),
        most_gflops=filters.max_gflops,
        least_acc1=filters.min_acc1,
        licences=tuple(licences),
    )


def _subject(
    pairs: Pictures | None,
    anchor: Pictures | None,
    positive: Pictures | None,
    negative: Pictures | None,
    *,
    draw: int,
    seed: int,
) -> Subject:
    """The pictures that were named, or those of the package."""
    sides = (anchor, positive, negative)
    named = [side is not None for side in sides]
    if pairs is not None and any(named):
        raise UsageError("give either a table of pairs or an anchor")
    if isinstance(pairs, (str, os.PathLike)) and os.fsdecode(pairs).lower().endswith(".csv"):
        return table_subject(pairs)
    if isinstance(pairs, (str, os.PathLike)) and not os.path.exists(pairs):
        raise UsageError("there is no such table or folder", where=os.fsdecode(pairs))
    if pairs is not None:
        return folder_subject(pairs, pairs=draw, seed=seed)
    if not any(named):
        return example_subject()
    if anchor is None or positive is None or negative is None:
        raise UsageError("an anchor, a positive and a negative belong together")
    return anchor_subject(anchor, positive, negative)


def _sentence(tried: Tried) -> str:
    """A finished model in a line."""
    one = tried.measurement
    if tried.before:
        return f"{one.model}: measured before"
    if one.reason:
        return f"{one.model}: {one.reason}"
    if one.times is None:
        return f"{one.model}: no picture could be read"
    return f"{one.model}: {one.times.file.median:.1f} ms from file to vector"
