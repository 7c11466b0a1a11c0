"""The pictures that a table shows: all of a few, or the pairs that are hardest to judge."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from lookalike.images import Limits, Picture, Place, decode
from lookalike.images.place import ReadError
from lookalike.measuring.subject import Subject
from lookalike.tables.model_row import ModelRow

HARDEST = 5
"""Pairs of each kind that are shown."""

MOST_SHOWN = 40


def hardest_pairs(row: ModelRow) -> tuple[int, ...]:
    """Positions of the least close same pairs and the closest different ones under a model.

    Same pairs first, the hardest first; ties in the order of the pairs.
    """
    found = row.measurement
    sign = 1 if found.higher_is_closer else -1
    closeness = {n: sign * value for n, value in row.common_values.items()}
    same = [n for n in closeness if row.subject.pairs[n].same is True]
    different = [n for n in closeness if row.subject.pairs[n].same is False]
    same.sort(key=lambda n: closeness[n])
    different.sort(key=lambda n: -closeness[n])
    return (*same[:HARDEST], *different[:HARDEST])


def pictures_shown(subject: Subject, hardest: Iterable[int]) -> tuple[Place, ...]:
    """The pictures of these pairs; of an anchor's table all, up to `MOST_SHOWN`."""
    if subject.anchored:
        return subject.places[:MOST_SHOWN]
    ends = [end for n in hardest for end in (subject.pairs[n].a, subject.pairs[n].b)]
    return tuple(subject.places[end] for end in dict.fromkeys(ends))


def thumbnails_of(places: Iterable[Place], limits: Limits) -> dict[str, bytes]:
    """Id → a small JPEG, for those that can be read."""
    found = {}
    for place in places:
        picture = decode(place, limits)
        if isinstance(picture, Picture):
            with contextlib.suppress(ReadError):  # readable, but of a kind that can't be shown
                found[place.id] = picture.thumbnail()
    return found
