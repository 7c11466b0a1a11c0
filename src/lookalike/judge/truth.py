"""Truth: which pictures show the same thing, whoever says so."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from lookalike.embeddings import Row
from lookalike.errors import UsageError
from lookalike.images.archive import member_of
from lookalike.images.name import composed
from lookalike.judge.listed import ListedPairs
from lookalike.judge.reid_layouts import looks_like_reid
from lookalike.judge.trial import Trial, trial_of_groups, trial_of_lists
from lookalike.report import amount

KINDS = ("folders", "partners", "reid")
"""Words for truths that file names hold; anything else names a table."""


REID_HINT = (
    "pictures are called as in data sets of re-identification, whose folders are not the truth: "
    "--truth reid takes person and camera from the names"
)


@dataclass(frozen=True)
class Setting:
    """A truth laid against rows that have a vector.

    Attributes:
        trial: What is judged: every pair of a trial, or listed pairs.
        about: What it is, in words with numbers.
        notes: What was left out, and other things to say beside every number.
    """

    trial: Trial | ListedPairs
    about: str
    notes: tuple[str, ...] = ()


class Truth(ABC):
    """Which pictures show the same thing.

    Made by `truth_of`, or by one of the classes of this room. `setting` lays it against rows.
    """

    @abstractmethod
    def setting(self, rows: Sequence[Row]) -> Setting:
        """What is judged among rows with vectors.

        Args:
            rows: One per vector, in their order.

        Raises:
            UsageError: Nothing can be judged, or the truth contradicts itself; names the row.
        """

    def kept(self, positions: Sequence[int]) -> Truth:
        """This truth where only these of the vectors are left, in this order."""
        return self


@dataclass(frozen=True)
class Labels(Truth):
    """Each picture has a label (a class, an identity); equal labels are the same thing.

    Attributes:
        labels_of: The label of each row, None for a picture that has none and is left out; and
            what to say beside the numbers.
        source: Where labels come from, in words.
        cure: What to do if they make no pairs.
    """

    labels_of: Callable[[Sequence[Row]], tuple[Sequence[Hashable | None], tuple[str, ...]]]
    source: str
    cure: str = ""

    def setting(self, rows: Sequence[Row]) -> Setting:
        """All pairs of labelled pictures; each one as a query among all others."""
        labels, told = self.labels_of(rows)
        known = np.array([n for n, label in enumerate(labels) if label is not None], np.intp)
        counts = Counter(label for label in labels if label is not None)
        if len(counts) < 2 or max(counts.values()) < 2:
            some = f"only the label {next(iter(counts))!r}" if len(counts) == 1 else "no two labels"
            found = some if len(counts) < 2 else "no label twice"
            raise UsageError(
                f"{self.source}: {found} among {len(rows):,} pictures, so nothing can be judged",
                cure=self.cure or "pictures of the same thing and of different things are needed",
            )
        trial = trial_of_groups(
            group_codes(labels), [row.id for row in rows], queries=known, gallery=known
        )
        left_out = len(rows) - len(known)
        notes = (f"left out: {amount(left_out, 'picture')} without a label",) * (left_out > 0)
        about = f"{len(known):,} pictures of {len(counts):,} identities, by {self.source}"
        return Setting(trial, about, notes + told)


def group_codes(labels: Sequence[Hashable | None]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """(N,) labels numbered from 0 in the order in which they come up.

    Example:
        >>> group_codes(["b", "a", "b"]).tolist()
        [0, 1, 0]
    """
    numbers: dict[Hashable | None, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], np.intp)


def folder_labels() -> Labels:
    """The folder that a picture lies in is its label.

    Example:
        >>> rows = [Row("cats/1.jpg"), Row("cats/2.jpg"), Row("animals.tar::dogs/1.jpg")]
        >>> folder_labels().setting(rows).about
        '3 pictures of 2 identities, by the folder of each picture'
    """

    def labels_of(rows: Sequence[Row]) -> tuple[list[Hashable | None], tuple[str, ...]]:
        hint = (REID_HINT,) * looks_like_reid([row.id for row in rows])
        return [folder_of(row.id, row.path) for row in rows], hint

    return Labels(
        labels_of,
        "the folder of each picture",
        "name the truth: --truth partners for left/ and right/, reid for names with person and "
        "camera, or a table",
    )


def folder_of(id: str, path: str | None = None) -> str | None:
    """The name of the folder that a picture lies in, in NFC; None if it lies in none.

    Args:
        id: Of the picture.
        path: Its file or archive, if it is known.

    Example:
        >>> folder_of("photos/cats/1.jpg"), folder_of("animals.tar::dogs/1.jpg"), folder_of("1.jpg")
        ('cats', 'dogs', None)
    """
    return os.path.basename(os.path.dirname(_member(id, path))) or None


def _member(id: str, path: str | None) -> str:
    """A picture's path within its archive, or its path, in the one spelling that names have."""
    return composed(member_of(id, path).replace("\\", "/"))


@dataclass(frozen=True)
class ListedLabels(Truth):
    """Labels in the order of the vectors: one for each, None for unknown.

    Attributes:
        labels: Equal ones are the same thing.

    Example:
        >>> ListedLabels(("a", "b", "a")).setting([Row("1"), Row("2"), Row("3")]).about
        '3 pictures of 2 identities, by the labels given'
    """

    labels: tuple[Hashable | None, ...]

    def setting(self, rows: Sequence[Row]) -> Setting:
        """As `Labels`."""
        if len(self.labels) != len(rows):
            raise UsageError(f"{len(self.labels)} labels for {len(rows)} vectors")
        labels = [None if _missing(label) else label for label in self.labels]
        return Labels(lambda _: (labels, ()), "the labels given").setting(rows)

    def kept(self, positions: Sequence[int]) -> Truth:
        """The labels of these vectors."""
        if positions and positions[-1] >= len(self.labels):
            return self  # too few, which `setting` says
        return ListedLabels(tuple(self.labels[n] for n in positions))


def _missing(label: Hashable | None) -> bool:
    """Whether a label is one of the ways in which data frames say that there is none."""
    return label is None or type(label).__name__ in ("NAType", "NaTType") or label != label


@dataclass(frozen=True)
class Partners(Truth):
    """Two folders ``left`` and ``right``: pictures of one name belong together.

    Names are compared without their endings. Every left picture is held against every right one.
    Ties count against the query, so that vectors that are all equal find nothing.
    """

    def setting(self, rows: Sequence[Row]) -> Setting:
        """Left against right; what has no partner is named and left out."""
        sides: dict[str, dict[str, int]] = {"left": {}, "right": {}}
        for n, row in enumerate(rows):
            side, name = _side_and_name(_member(row.id, row.path))
            if side and sides[side].setdefault(name, n) != n:
                raise UsageError(f"{side} has two pictures called {name!r}", where=row.id)
        left, right = sides["left"], sides["right"]
        names = sorted(set(left) & set(right))
        if not names:
            raise UsageError(
                f"{len(left):,} pictures in folders called left and {len(right):,} in right have "
                "no name in common",
                cure="partners lie in left/NAME and right/NAME",
            )
        codes = np.full(len(rows), -1)
        for code, name in enumerate(names):
            codes[[left[name], right[name]]] = code
        trial = trial_of_groups(
            codes,
            [row.id for row in rows],
            unit="pairs",
            queries=np.array([left[name] for name in names], np.intp),
            gallery=np.array([right[name] for name in names], np.intp),
            pessimistic=True,
        )
        alone = sorted(set(left) ^ set(right))
        return Setting(
            trial,
            f"{len(names):,} pairs of partners by name",
            _left_out(
                alone,
                "name without a partner",
                "names without a partner",
                len(rows) - len(left) - len(right),
            ),
        )


def _side_and_name(path: str) -> tuple[str | None, str]:
    """The nearest folder called left or right, and the path behind it without its ending."""
    parts = path.split("/")
    for place in range(len(parts) - 2, -1, -1):
        if parts[place].lower() in ("left", "right"):
            return parts[place].lower(), os.path.splitext("/".join(parts[place + 1 :]))[0]
    return None, path


def _left_out(
    names: Sequence[str], singular: str, plural: str, elsewhere: int = 0
) -> tuple[str, ...]:
    told = []
    if names:
        more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
        told.append(
            f"left out: {amount(len(names), singular, plural)}: {', '.join(names[:5])}{more}"
        )
    if elsewhere:
        told.append(f"left out: {amount(elsewhere, 'picture')} in neither left nor right")
    return tuple(told)


def told_absent(ids: Sequence[str]) -> tuple[str, ...]:
    """A note about ids of a table that have no vector; nothing if there are none."""
    return _left_out(
        sorted(set(ids)), "id of the table without a vector", "ids of the table without a vector"
    )


@dataclass(frozen=True)
class Relevance(Truth):
    """For each query a list of what is relevant to it, perhaps in degrees.

    Attributes:
        lists: Query id → id → gain above 0.
        source: Where the lists come from.
        resolve: Rows → a function from an id to the position of its row, or None.
    """

    lists: dict[str, dict[str, float]]
    source: str
    resolve: Callable[[Sequence[Row]], Callable[[str], int | None]]

    def setting(self, rows: Sequence[Row]) -> Setting:
        """Each query with a list against all other pictures."""
        place = self.resolve(rows)
        queries: list[int] = []
        lists: list[dict[int, float]] = []
        absent: list[str] = []
        for query, relevant in self.lists.items():
            at = place(query)
            found = {id: place(id) for id in relevant}
            absent += [id for id, position in {query: at, **found}.items() if position is None]
            if at is not None:
                queries.append(at)
                lists.append({p: relevant[id] for id, p in found.items() if p is not None})
        if not queries:
            raise UsageError(
                f"none of the queries of {self.source} has a vector",
                cure="ids in the table have to be those of the store",
            )
        trial = trial_of_lists(
            np.array(queries, np.intp), np.arange(len(rows)), lists, [row.id for row in rows]
        )
        about = f"{len(queries):,} queries against {len(rows):,} pictures, by {self.source}"
        return Setting(trial, about, told_absent(absent))
