"""Truth from tables: labels, pairs, lists of what is relevant, and remembered verdicts."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lookalike.embeddings import Row
from lookalike.errors import UsageError
from lookalike.images.name import composed
from lookalike.images.table import same_or_different, table_rows
from lookalike.judge.listed import listed_pairs
from lookalike.judge.reid import Reid
from lookalike.judge.truth import (
    KINDS,
    Labels,
    ListedLabels,
    Partners,
    Relevance,
    Setting,
    Truth,
    folder_labels,
    told_absent,
)
from lookalike.judge.verdicts import COLUMNS, latest_verdicts
from lookalike.report import amount

Resolve: TypeAlias = Callable[[Sequence[Row]], Callable[[str], int | None]]

ID_COLUMNS = ("id", "path", "picture", "file", "image")
LABEL_COLUMNS = ("label", "class", "identity", "person", "category")


def truth_of(
    given: Truth | str | os.PathLike[str] | Sequence[Hashable | None], *, label: str | None = None
) -> Truth:
    """A truth from whatever names one.

    Args:
        given: ``folders`` (the folder of a picture is its label), ``partners`` (left/NAME and
            right/NAME), ``reid`` (person and camera in the name); a table; labels in the order of
            the vectors; or a truth. A table is read by its columns: ``id,label``; ``a,b,same``;
            ``query,relevant`` with or without ``gain``; or remembered verdicts (CSV or Parquet).
        label: For a table of labels: the column to take.

    Raises:
        UsageError: No such word or file, or a table that says none of these; names the row.

    Example:
        >>> type(truth_of("partners")).__name__
        'Partners'
    """
    if isinstance(given, Truth):
        return given
    if isinstance(given, (str, os.PathLike)):
        named = os.fspath(given)
        words: dict[str, Callable[[], Truth]] = {
            "folders": folder_labels,
            "partners": Partners,
            "reid": Reid,
        }
        if named in words and not os.path.isfile(named):
            return words[named]()
        return _table_truth(named, label)
    return ListedLabels(tuple(given))


def _table_truth(path: str, label: str | None) -> Truth:
    if not os.path.isfile(path):
        raise UsageError(
            "there is no such truth",
            where=path,
            cure=f"name a table, or one of {', '.join(KINDS)}",
        )
    if path.endswith(".parquet"):
        return VerdictTruth(path)  # the only truth that is kept as Parquet
    columns = _header(path)
    if label is None and set(COLUMNS) <= set(columns):
        return VerdictTruth(path)
    if label is None and {"a", "b", "same"} <= set(columns):
        return PairTable(path)
    if label is None and {"query", "relevant"} <= set(columns):
        return _relevance(path)
    id = next((one for one in ID_COLUMNS if one in columns), None)
    wanted = LABEL_COLUMNS if label is None else (label,)
    found = next((one for one in wanted if one in columns), None)
    if id is None or found is None:
        raise UsageError(
            f"the columns {', '.join(columns) or 'of nothing'} are no truth",
            where=path,
            cure="id,label; a,b,same; query,relevant,gain; or another column by --label NAME",
        )
    return _labels(path, id, found)


def _header(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            return next(csv.reader(stream), [])
    except (OSError, csv.Error) as error:
        raise UsageError(f"the table can't be read: {error}", where=path) from error


def by_id(table: str) -> Resolve:
    """Finds rows by id; an id that is a path may also be relative to the table's folder.

    Of several rows of one id it is the first. Where no row has that very id, one that differs
    from it only in its spelling (NFC or NFD) is taken, if there is one alone.
    """

    def resolve(rows: Sequence[Row]) -> Callable[[str], int | None]:
        ids: dict[str, int] = {}
        places: dict[str, int] = {}
        for n, row in enumerate(rows):
            ids.setdefault(row.id, n)
            if row.path == row.id:
                places.setdefault(os.path.abspath(row.id), n)
        folder = os.path.dirname(os.path.abspath(table))
        spelled = [_by_spelling(ids), _by_spelling(places)]

        def find(id: str) -> int | None:
            beside, here = os.path.normpath(os.path.join(folder, id)), os.path.abspath(id)
            for known, known_places in ((ids, places), spelled):
                found = (known.get(id), known_places.get(beside), known_places.get(here))
                position = next((one for one in found if one is not None), None)
                if position is not None:
                    return position
                id, beside, here = composed(id), composed(beside), composed(here)
            return None

        return find

    return resolve


def _by_spelling(names: dict[str, int]) -> dict[str, int]:
    """Names in NFC → position, without those that two different names share."""
    counts = Counter(map(composed, names))
    return {composed(name): n for name, n in names.items() if counts[composed(name)] == 1}


def _labels(path: str, id: str, label: str) -> Truth:
    said: dict[str, tuple[int, str]] = {}
    for number, row in table_rows(path, (id, label)):
        name, told = row[id].strip(), composed(row[label].strip())
        if not name:
            raise UsageError(f"column {id!r} is empty", where=f"{path}, row {number}")
        if said.setdefault(name, (number, told))[1] != told:
            raise _two_labels(path, number, name, told, said[name][1])

    def labels_of(
        rows: Sequence[Row],
    ) -> tuple[Sequence[Hashable | None], tuple[str, ...]]:
        find = by_id(path)(rows)
        labels: dict[str, str] = {}
        absent = []
        for name, (number, told) in said.items():
            position = find(name)
            if position is None:
                absent.append(name)
            elif labels.setdefault(rows[position].id, told) != told:
                raise _two_labels(path, number, name, told, labels[rows[position].id])
        return [labels.get(row.id) or None for row in rows], told_absent(absent)

    cure = "ids in the table have to be those of the store, or paths relative to the table"
    return Labels(labels_of, f"column {label!r} of {path}", cure)


def _two_labels(path: str, number: int, name: str, told: str, before: str) -> UsageError:
    return UsageError(
        f"{name!r} is {told!r} here and {before!r} above",
        where=f"{path}, row {number}",
        cure="one label for each picture",
    )


@dataclass(frozen=True)
class PairTable(Truth):
    """A table of pairs, with the columns ``a``, ``b`` and ``same``.

    Attributes:
        path: The table.
    """

    path: str

    def setting(self, rows: Sequence[Row]) -> Setting:
        """Those pairs alone; a pair without a vector on either side is left out, and counted."""
        pairs: dict[tuple[str, str], tuple[int, bool]] = {}
        for number, row in table_rows(self.path, ("a", "b", "same")):
            same = same_or_different(self.path, number, row["same"])
            if same is None:
                raise UsageError("column 'same' is empty", where=f"{self.path}, row {number}")
            key = row["a"].strip(), row["b"].strip()
            known = pairs.get(key, pairs.get((key[1], key[0])))
            if known and known[1] != same:
                raise UsageError(
                    f"{key[0]!r} and {key[1]!r} are the same here or in row {known[0]}, not both",
                    where=f"{self.path}, row {number}",
                )
            if not known:
                pairs[key] = number, same
        find = by_id(self.path)(rows)
        said = [(find(a), find(b), same) for (a, b), (_, same) in pairs.items()]
        return listed_setting(said, self.path, "ids have to be those of the store")


def listed_setting(
    said: Sequence[tuple[int | None, int | None, bool]], source: str, cure: str
) -> Setting:
    """Pairs by position; those with an unknown side are left out and counted."""
    found = [(a, b, same) for a, b, same in said if a is not None and b is not None]
    known = [one for one in found if one[0] != one[1]]
    same = np.array([one[2] for one in known], bool)
    if not same.any() or same.all():
        kind = "a pair that is the same" if not same.any() else "a pair that is different"
        raise UsageError(
            f"of {amount(len(said), 'pair')} {len(known):,} can be judged, and {kind} is not "
            "among them",
            where=source,
            cure=cure,
        )
    pairs = listed_pairs(
        np.array([one[0] for one in known], np.intp),
        np.array([one[1] for one in known], np.intp),
        same,
    )
    against = int(((pairs.row_units == pairs.column_units) & ~same).sum())
    notes = [
        f"{amount(count, 'pair')} of {len(said):,} {what}"
        for count, what in (
            (len(said) - len(found), "left out: a side has no vector"),
            (len(found) - len(known), "left out: both sides are one picture"),
            (against, "said to be different, and the same by way of other pairs"),
        )
        if count
    ]
    about = f"{same.sum():,} same and {(~same).sum():,} different pairs listed in {source}"
    return Setting(pairs, about, tuple(notes))


@dataclass(frozen=True)
class VerdictTruth(Truth):
    """Verdicts that were remembered; those that a threshold gave are no truth and are left out.

    Attributes:
        path: The file, see `verdicts`.
    """

    path: str

    def setting(self, rows: Sequence[Row]) -> Setting:
        """The pairs that somebody judged, by the contents of their files."""
        verdicts, machine = latest_verdicts(self.path)
        place: dict[str, int] = {}
        for n, row in enumerate(rows):
            if row.digest:
                place.setdefault(row.digest, n)
        said = [
            (place.get(one.digest_a), place.get(one.digest_b), one.verdict == "same")
            for one in verdicts
            if one.verdict in ("same", "different")
        ]
        found = listed_setting(
            said, self.path, "embed the pictures that the verdicts are about, and judge more pairs"
        )
        note = f"left out: {amount(machine, 'verdict')} by a threshold, no truth"
        return Setting(found.trial, found.about, found.notes + (note,) * (machine > 0))


def _relevance(path: str) -> Truth:
    lists: dict[str, dict[str, float]] = {}
    for number, row in table_rows(path, ("query", "relevant")):
        query, relevant = row["query"].strip(), row["relevant"].strip()
        where = f"{path}, row {number}"
        if not query or not relevant:
            raise UsageError("a query or what is relevant to it is empty", where=where)
        gain = _gain(row.get("gain"), where)
        some = lists.setdefault(query, {})
        if some.setdefault(relevant, gain) != gain:
            raise UsageError(f"{relevant!r} has another gain above", where=where)
    positive = {
        query: {id: gain for id, gain in some.items() if gain > 0} for query, some in lists.items()
    }
    return Relevance(positive, path, by_id(path))


def _gain(text: str | None, where: str) -> float:
    try:
        gain = float(text) if text and text.strip() else 1.0
    except ValueError:
        gain = -1.0
    if not 0 <= gain < float("inf"):
        raise UsageError(f"gain={text!r} is no number from 0 up", where=where)
    return gain
