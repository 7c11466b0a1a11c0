"""What models are tried on: pictures, which of them belong together, and roles of the pairs."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from typing import Any

from lookalike.comparison.pairs import Pair, plan_table
from lookalike.errors import UsageError
from lookalike.images import ImageSource, Limits, Pictures, Place
from lookalike.images.place import ReadError, failed_place

POSITIVE, NEGATIVE = "positive", "negative"
SAME, DIFFERENT = "same", "different"

EXAMPLE = ("cat.jpg", "cat-part.jpg", "rocket.jpg")
"""Anchor, positive and negative where nobody names pictures: photographs of the package."""


@dataclass(frozen=True)
class Subject:
    """Pictures and pairs that every model of a table is tried on.

    Attributes:
        places: The pictures, each once. They can be sent to another process.
        pairs: By position, with what is known about them.
        roles: For each pair ``positive``, ``negative`` (numbered where there are several) with an
            anchor; of a table of pairs ``same``, ``different`` or nothing.
        source: What it comes from, in words.
    """

    places: tuple[Place, ...]
    pairs: tuple[Pair, ...]
    roles: tuple[str, ...]
    source: str

    @property
    def anchored(self) -> bool:
        """Whether all pairs share an anchor, and so have roles of their own."""
        return bool(self.roles) and self.roles[0].startswith(POSITIVE)

    @property
    def truth_known(self) -> bool:
        """Whether there are pairs known to be the same and pairs known to be different."""
        return {True, False} <= {pair.same for pair in self.pairs}

    @property
    def digest(self) -> str:
        """Names the question: ids, sizes and times of files, and pairs; for going on with it."""
        told = [f"{place.id} {place.stamp()}" for place in self.places]
        told += [f"{pair.a} {pair.b} {pair.same}" for pair in self.pairs]
        return hashlib.sha256("\n".join(told).encode("utf-8", "surrogateescape")).hexdigest()


def table_subject(pairs: str | os.PathLike[str]) -> Subject:
    """From a CSV with the columns ``a``, ``b`` and, to judge models by, ``same``.

    Raises:
        UsageError: As `plan_table`.
    """
    path = os.fsdecode(pairs)
    plan = plan_table(path)
    words = {True: SAME, False: DIFFERENT, None: ""}
    roles = tuple(words[pair.same] for pair in plan.pairs)
    return Subject(tuple(map(_portable, plan.places)), plan.pairs, roles, f"pairs of {path}")


def anchor_subject(anchor: Pictures, positive: Pictures, negative: Pictures) -> Subject:
    """From an anchor, pictures like it, and pictures unlike it.

    Args:
        anchor: One picture.
        positive: One or more, as `ImageSource` takes them.
        negative: Likewise.

    Raises:
        UsageError: No picture or, as an anchor, several.

    Example:
        >>> anchor_subject("a.jpg", "p.jpg", ["n.jpg", "m.jpg"]).roles
        ('positive', 'negative 1', 'negative 2')
    """
    sides = [list(ImageSource(one).places()) for one in (anchor, positive, negative)]
    for name, side in zip(("anchor", POSITIVE, NEGATIVE), sides, strict=True):
        if not side or (name == "anchor" and len(side) > 1):
            raise UsageError(f"{len(side)} pictures can't be the {name}", cure="name one picture")
    places = [_portable(place) for side in sides for place in side]
    roles = [*_numbered(POSITIVE, len(sides[1])), *_numbered(NEGATIVE, len(sides[2]))]
    pairs = [Pair(0, n, role.startswith(POSITIVE)) for n, role in enumerate(roles, 1)]
    return Subject(_told_apart(places), tuple(pairs), tuple(roles), "an anchor")


def example_subject() -> Subject:
    """Three photographs that come with the package, for costs where pictures do not matter.

    Example:
        >>> example_subject().roles
        ('positive', 'negative')
    """
    folder = files("lookalike.encoders") / "probes"
    places = [Place(name, None, partial(_held, (folder / name).read_bytes())) for name in EXAMPLE]
    pairs = (Pair(0, 1, True), Pair(0, 2, False))
    return Subject(tuple(places), pairs, (POSITIVE, NEGATIVE), "photographs of the package")


def _numbered(role: str, count: int) -> list[str]:
    return [role] if count == 1 else [f"{role} {n}" for n in range(1, count + 1)]


def _told_apart(places: Sequence[Place]) -> tuple[Place, ...]:
    """Ids that occur twice, such as those of arrays, with their position behind."""
    ids = [place.id for place in places]
    return tuple(
        place if ids.count(place.id) == 1 else replace(place, id=f"{place.id} ({n})")
        for n, place in enumerate(places)
    )


def _portable(place: Place) -> Place:
    """The place itself if another process can read it, else one that holds what is in it."""
    try:
        pickle.dumps(place)
    except Exception:  # what can't travel says so in many ways
        try:
            held = place.read(Limits())
        except ReadError as error:
            return failed_place(place.id, error.reason, error.detail, path=place.path)
        return replace(place, read=partial(_held, held))
    return place


def _held(data: Any, limits: Limits) -> Any:
    return data
