"""What stands out in columns of a table, by rules over the numbers: nothing is written by hand.

Figures count as they are printed, with four decimals, so that what a finding says can be seen in
the table. Every exact tie is named, in the order of the columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lookalike.errors import UsageError
from lookalike.measuring.subject import POSITIVE
from lookalike.tables.figures import Figures, difference, roles_of

QUICK_MS = 2.0
"""Below it a similarity time is called quick; a largest time below it is not worth a word."""

ALMOST_ALL = 4, 5
"""The share of columns, as a fraction, from which on they are almost all."""

HIGH, ALMOST_HIGH = 80.0, 79.0
"""In per cent: above the first a positive is high, from the second up to the first almost."""

MOST_NAMED = 5
"""Of the columns that are not distinguishable from one, how many are named in words."""

_DECIMALS = 4

Name = Literal["embed_ms", "similarity_ms", "similarity"]
_TIMES: tuple[tuple[str, Name, str], ...] = (
    ("A1", "embed_ms", "embedding"),
    ("A2", "similarity_ms", "similarity"),
)


@dataclass(frozen=True)
class Finding:
    """One thing that stands out.

    Attributes:
        rule: ``A1`` to ``A9``; ``A8-smallest`` and ``A8-largest``.
        role: The row it is about; two joined by a comma if about two; empty for A8.
        labels: The columns it names, in their order.
        values: One for each of `labels`; for A3 how many columns and of how many; for A4 the time
            on each of the two rows.
        words: A sentence.
        alike: Columns whose time is not distinguishable from the one named.
    """

    rule: str
    role: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    words: str
    alike: tuple[str, ...] = ()


_Column = tuple[str, float]


def findings(
    figures: Sequence[Figures], *, negative: str | None = None, noise: float = 0.0
) -> tuple[Finding, ...]:
    """All that the rules find in these columns, rule by rule.

    Args:
        figures: The columns.
        negative: The role that A4 and A9 hold against the positive; the last one if None.
        noise: Times that differ from the smallest by less than this share of it are named as not
            distinguishable from it.

    Returns:
        A rule that finds nothing gives nothing.

    Raises:
        UsageError: `noise` is negative or not finite.

    Example:
        >>> from lookalike.tables.published import published_columns
        >>> first = [one.figures for one in published_columns() if one.table == "1"]
        >>> for finding in findings(first)[:2]:
        ...     print(finding.words)
        Smallest embedding time (positive): alexnet, 22.9452 ms.
        Smallest embedding time (n): alexnet, 66.6418 ms.
    """
    if not (math.isfinite(noise) and noise >= 0):
        raise UsageError(f"noise={noise} is no share", cure="give 0.05 for 5 %")
    roles = roles_of(figures)
    negatives = [role for role in roles if role != POSITIVE]
    last = negative if negative is not None else (negatives[-1] if negatives else "")
    found: list[Finding] = []
    for rule, timed, what in _TIMES:
        for role in roles:
            found += smallest_time(_row(figures, role, timed), rule, role, what, noise)
    for role in roles:
        found += quick(_row(figures, role, "similarity_ms"), role)
    found += slowest(figures, last)
    found += high(_row(figures, POSITIVE, "similarity"))
    for role in negatives:
        found += below_zero(_row(figures, role, "similarity"), role)
    found += vector_lengths([(one.label, one.dim) for one in figures if one.dim is not None])
    found += largest_margin(figures, last)
    return tuple(found)


def smallest_time(
    times: Sequence[_Column], rule: str, role: str, what: str, noise: float = 0.0
) -> list[Finding]:
    """A1 and A2: the smallest time on a row, and those not distinguishable from it."""
    if not times:
        return []
    least = min(value for _, value in times)
    labels = tuple(label for label, value in times if value == least)
    near = tuple(label for label, value in times if least < value < least * (1 + noise))
    words = f"Smallest {what} time ({role}): {_joined(labels)}, {_number(least)} ms"
    if near:
        words += f"; not distinguishable from it within {noise * 100:g} %: {_some(near)}"
    return [Finding(rule, role, labels, (least,) * len(labels), f"{words}.", near)]


def quick(times: Sequence[_Column], role: str) -> list[Finding]:
    """A3: how many columns have a similarity time below 2 ms on a row."""
    if not times:
        return []
    labels = tuple(label for label, value in times if value < QUICK_MS)
    count, total = len(labels), len(times)
    over, under = ALMOST_ALL
    share = ", all" if count == total else ", almost all" if count * under >= total * over else ""
    words = f"Similarity time below {QUICK_MS:g} ms ({role}): {count} of {total}{share}."
    return [Finding("A3", role, labels, (count, total), words)]


def slowest(figures: Sequence[Figures], negative: str) -> list[Finding]:
    """A4: a column that has the largest similarity time on both rows, if 2 ms or more on both."""
    rows = [_row(figures, role, "similarity_ms") for role in (POSITIVE, negative)]
    if not all(rows):
        return []
    most = tuple(max(value for _, value in row) for row in rows)
    labels = tuple(
        one.label
        for one in figures
        if tuple(_printed(one.pair(role).similarity_ms) for role in (POSITIVE, negative)) == most
    )
    if not labels or min(most) < QUICK_MS:
        return []
    both = " and ".join(_number(value) for value in most)
    words = f"Largest similarity time ({POSITIVE} and {negative}): {_joined(labels)}, {both} ms."
    return [Finding("A4", f"{POSITIVE}, {negative}", labels, most, words)]


def high(similarities: Sequence[_Column]) -> list[Finding]:
    """A5 and A6: positives above 80 %, and those from 79 % to 80 %."""
    above = [(label, value) for label, value in similarities if value > HIGH]
    almost = [(label, value) for label, value in similarities if ALMOST_HIGH <= value <= HIGH]
    span = f"from {ALMOST_HIGH:g} % to {HIGH:g} %"
    return [
        *_listing("A5", POSITIVE, f"Similarity above {HIGH:g} % ({POSITIVE})", above),
        *_listing("A6", POSITIVE, f"Similarity {span} ({POSITIVE})", almost),
    ]


def below_zero(similarities: Sequence[_Column], role: str) -> list[Finding]:
    """A7: similarities below 0 on a row."""
    under = [(label, value) for label, value in similarities if value < 0]
    return _listing("A7", role, f"Similarity below 0 % ({role})", under)


def vector_lengths(lengths: Sequence[tuple[str, int]]) -> list[Finding]:
    """A8: the shortest and the longest vectors."""
    found = []
    for name, word, choose in (("smallest", "Shortest", min), ("largest", "Longest", max)):
        if lengths:
            extreme = choose(length for _, length in lengths)
            labels = tuple(label for label, length in lengths if length == extreme)
            words = f"{word} vector: {_joined(labels)}, {extreme} numbers."
            found.append(Finding(f"A8-{name}", "", labels, (extreme,) * len(labels), words))
    return found


def largest_margin(figures: Sequence[Figures], negative: str) -> list[Finding]:
    """A9: the largest positive similarity less that of the negative."""
    margins = [
        (one.label, margin)
        for one in figures
        if (margin := difference(*_both(one, negative))) is not None
    ]
    if not margins:
        return []
    most = max(margin for _, margin in margins)
    labels = tuple(label for label, margin in margins if margin == most)
    words = (
        f"Largest margin ({POSITIVE} less {negative}): {_joined(labels)}, {_number(most)} points."
    )
    return [Finding("A9", f"{POSITIVE}, {negative}", labels, (most,) * len(labels), words)]


def _both(one: Figures, negative: str) -> tuple[float | None, float | None]:
    return _printed(one.pair(POSITIVE).similarity), _printed(one.pair(negative).similarity)


def _printed(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)


def _row(figures: Sequence[Figures], role: str, name: Name) -> list[_Column]:
    """One row of a table: each column that has a figure in it."""
    printed = [(one.label, _printed(getattr(one.pair(role), name))) for one in figures]
    return [(label, value) for label, value in printed if value is not None]


def _listing(rule: str, role: str, words: str, columns: Sequence[_Column]) -> list[Finding]:
    if not columns:
        return []
    labels, values = zip(*columns, strict=True)
    named = ", ".join(f"{label} {_number(value)}" for label, value in columns)
    return [Finding(rule, role, labels, values, f"{words}: {named}.")]


def _joined(labels: Sequence[str]) -> str:
    return ", ".join(labels)


def _some(labels: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(labels) - MOST_NAMED
    return ", ".join(labels[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _number(value: float) -> str:
    return f"{value:z.{_DECIMALS}f}"
