"""A case: vectors laid beside a truth, ready to be counted."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings import Embeddings, Row
from lookalike.errors import EngineWarning, UsageError
from lookalike.judge.count import Counted, count_listed, count_trial
from lookalike.judge.listed import ListedPairs, sampled_pairs
from lookalike.judge.resampling import Resampling
from lookalike.judge.trial import Trial
from lookalike.judge.truth import Setting
from lookalike.metrics import Scorer, scorer_of
from lookalike.report import amount

Judged: TypeAlias = "Embeddings | str | os.PathLike[str] | NDArray[Any]"


@dataclass(frozen=True, eq=False)
class Case:
    """One set of vectors under one truth and one metric.

    Attributes:
        side: The vectors, all of them with rows.
        setting: The truth laid against their rows.
        metric: Name of the metric.
        device: Where products are computed.
    """

    side: Embeddings
    setting: Setting
    metric: str
    device: str = "auto"

    def scorer(self, trial: Trial | None = None) -> Scorer:
        """Scores in the order of the trial (or of another one over the same vectors)."""
        chosen = trial or self.setting.trial
        if isinstance(chosen, ListedPairs):
            return scorer_of(self.metric, self.side.vectors, device="cpu")
        rows = self.side.vectors[chosen.rows]
        columns = None if chosen.symmetric else self.side.vectors[chosen.columns]
        return scorer_of(self.metric, rows, columns, device=self.device)

    def counted(
        self,
        scorer: Scorer,
        resampling: Resampling | None,
        *,
        seed: int = 0,
        sample_pairs: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Counted:
        """All pairs, or a sample of them, counted."""
        trial = self.setting.trial
        if isinstance(trial, ListedPairs):
            counted = count_listed(trial, scorer, resampling)
            if progress:
                progress(len(trial.rows))
            return counted
        if sample_pairs is not None:
            return count_listed(sampled_pairs(trial, sample_pairs, seed), scorer, resampling)
        return count_trial(trial, scorer, resampling, seed=seed, progress=progress)

    def data_digest(self) -> str:
        """SHA-256 over which pictures were judged, and which of them belong together.

        Contents are named by their digests where the rows have them, else by their ids. It does
        not depend on the order of the rows or on what things are called.
        """
        rows = [row for row in self.side.rows if row.ok]
        keys = [row.digest or row.id for row in rows]
        lines = sorted(_lines(self.setting.trial, keys))
        text = "\n".join(lines).encode("utf-8", "surrogateescape")
        return hashlib.sha256(text).hexdigest()


def _lines(trial: Trial | ListedPairs, keys: list[str]) -> list[str]:
    if isinstance(trial, ListedPairs):
        return [
            " ".join([*sorted((keys[a], keys[b])), "same" if same else "different"])
            for a, b, same in zip(trial.rows, trial.columns, trial.same, strict=True)
        ]
    if trial.column_units is None:
        return _list_lines(trial, keys)
    leaders: dict[int, str] = {}
    entries = [*_entries(trial.rows, trial.row_units, keys)]
    entries += () if trial.symmetric else _entries(trial.columns, trial.column_units, keys)
    for key, unit in entries:
        leaders[unit] = min(key, leaders.get(unit, key))
    queries = len(trial.rows)
    return [
        f"{'query' if n < queries else 'gallery'} {key} {leaders[unit]}"
        for n, (key, unit) in enumerate(entries)
    ]


def _entries(
    positions: NDArray[np.intp], units: NDArray[np.intp], keys: list[str]
) -> Iterator[tuple[str, int]]:
    for position, unit in zip(positions.tolist(), units.tolist(), strict=True):
        yield keys[position], unit


def _list_lines(trial: Trial, keys: list[str]) -> list[str]:
    """What is relevant to whom, and how much; and the whole gallery."""
    relations = trial.relations(slice(0, len(trial.rows)))
    related = zip(relations.rows, relations.columns, relations.gains, strict=True)
    return [
        *(f"{keys[trial.rows[r]]} {keys[trial.columns[c]]} {gain:g}" for r, c, gain in related),
        *(keys[position] for position in trial.columns),
    ]


def opened(store: Judged, name: str) -> Embeddings:
    """Embeddings from what a verb takes; vectors without a card get one of that name."""
    if isinstance(store, Embeddings):
        return store
    if isinstance(store, np.ndarray):
        return Embeddings.from_numpy(store, encoder=name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EngineWarning)  # it goes into the notes
        return Embeddings.open(store)


def names_of(stores: Sequence[Judged]) -> list[str]:
    """What each store is called: its path as given, or its encoder's name, told apart."""
    names = []
    for n, store in enumerate(stores, 1):
        if isinstance(store, Embeddings):
            names.append(store.card.name)
        else:
            names.append(f"vectors {n}" if isinstance(store, np.ndarray) else os.fspath(store))
    return [name if names.count(name) == 1 else f"{name} ({n})" for n, name in enumerate(names, 1)]


def aligned(
    sides: list[Embeddings], names: list[str]
) -> tuple[list[Embeddings], list[int], tuple[str, ...]]:
    """The vectors that all stores have, in the order of the first.

    Pictures are paired by id; where there is none in common, by the contents of their files.

    Returns:
        The sides with those vectors only, the positions of these in the first side, and what was
        left out.
    """
    notes = [note for side, name in zip(sides, names, strict=True) for note in _failed(side, name)]
    if len(sides) == 1:
        return sides, list(range(len(sides[0].vectors))), tuple(notes)
    keys = [_keys(side.ids) for side in sides]
    common = _common(keys)
    if not common:
        keys = [_keys([row.digest for row in side.rows if row.ok]) for side in sides]
        common = _common(keys)
        notes += ["pictures are paired by their contents, since the stores share no id"]
    if not common:
        raise UsageError(
            "the stores have no input in common",
            where=", ".join(names),
            cure="embed the same pictures with each encoder",
        )
    for side, key, name in zip(sides, keys, names, strict=True):
        if len(key) > len(common):
            alone = len(key) - len(common)
            notes.append(
                f"left out: {alone:,} of {amount(len(side.vectors), 'vector')} of {name}, of "
                "pictures that another store lacks"
            )
    taken = [[key[one] for one in common] for key in keys]
    return (
        [_taken(side, some) for side, some in zip(sides, taken, strict=True)],
        taken[0],
        tuple(notes),
    )


def _failed(side: Embeddings, name: str) -> list[str]:
    if not side.failures:
        return []
    return [
        f"not judged: {amount(len(side.failures), 'input')} of {name} without a vector; "
        "lookalike ledger says why"
    ]


def _keys(names: Sequence[str]) -> dict[tuple[str, int], int]:
    """(name, how often it came before) → position; nothing for an empty name."""
    seen: dict[str, int] = {}
    keys = {}
    for position, name in enumerate(names):
        if name:
            keys[name, seen.get(name, 0)] = position
            seen[name] = seen.get(name, 0) + 1
    return keys


def _common(keys: list[dict[tuple[str, int], int]]) -> list[tuple[str, int]]:
    """What all have, in the order of the first."""
    return [key for key in keys[0] if all(key in other for other in keys[1:])]


def _taken(side: Embeddings, positions: list[int]) -> Embeddings:
    rows: list[Row] = [row for row in side.rows if row.ok]
    return Embeddings(
        side.card, tuple(rows[n] for n in positions), side.vectors[positions], side.origin
    )
