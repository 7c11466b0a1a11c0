"""What models are tried on: pictures, which of them belong together, and roles of the pairs."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from typing import Any

from lookalike.comparison.pairs import Pair, Plan, plan_table
from lookalike.errors import UsageError
from lookalike.images import ImageSource, Limits, Pictures, Place
from lookalike.images.place import ReadError, Reason, failed_place
from lookalike.judge.truth import folder_of
from lookalike.report import amount

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
        groups: For each picture what it shows, if that is known beyond the pairs; else empty.
        notes: What was left out.
    """

    places: tuple[Place, ...]
    pairs: tuple[Pair, ...]
    roles: tuple[str, ...]
    source: str
    groups: tuple[str | None, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def anchored(self) -> bool:
        """Whether all pairs share an anchor, and so have roles of their own."""
        return bool(self.roles) and self.roles[0].startswith(POSITIVE)

    @property
    def about(self) -> str:
        """The pictures and pairs in words."""
        kinds = [sum(pair.same is kind for pair in self.pairs) for kind in (True, False)]
        pictures = amount(len(self.places), "picture")
        pairs = f"{kinds[0]:,} same and {amount(kinds[1], 'different pair')}"
        return f"{pairs} of {pictures}: {self.source}"

    @property
    def digest(self) -> str:
        """Names the question: ids, sizes and times of files, and pairs; for going on with it."""
        told = [f"{place.id} {place.stamp() or _content(place)}" for place in self.places]
        told += [f"{pair.a} {pair.b} {pair.same}" for pair in self.pairs]
        return hashlib.sha256("\n".join(told).encode("utf-8", "surrogateescape")).hexdigest()


def table_subject(pairs: str | os.PathLike[str]) -> Subject:
    """From a CSV with the columns ``a``, ``b`` and, to judge models by, ``same``.

    Raises:
        UsageError: As `plan_table`; and if a kind of pair is not among them, since nothing could
            be judged by them.
    """
    path = os.fsdecode(pairs)
    plan = plan_table(path)
    once, notes = _once(plan, path)
    for kind, word in ((True, "same"), (False, "different")):
        if not any(pair.same is kind for pair in once):
            raise UsageError(
                f"the table has no pair that is {word}, and models are judged by both kinds",
                where=path,
                cure="say 1 or 0 in column same; lookalike compare --pairs tells values alone",
            )
    words = {True: SAME, False: DIFFERENT, None: ""}
    roles = tuple(words[pair.same] for pair in once)
    places = tuple(map(portable, plan.places))
    return Subject(places, once, roles, f"pairs of {path}", notes=notes)


def _once(plan: Plan, path: str) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    """Each pair once, and none of a picture with itself; what was left out."""
    known: dict[tuple[int, int], Pair] = {}
    alone = 0
    for pair in plan.pairs:
        key = min(pair.a, pair.b), max(pair.a, pair.b)
        alone += pair.a == pair.b
        before = known.setdefault(key, pair)
        if before.same is None:
            known[key] = pair
        elif pair.same not in (None, before.same):
            names = " and ".join(plan.places[end].id for end in key)
            raise UsageError(
                f"{names} are the same in one row and different in another", where=path
            )
    pairs = tuple(pair for (a, b), pair in known.items() if a != b)
    repeated = len(plan.pairs) - alone - len(pairs)
    counts = ((repeated, "was there before"), (alone, "is of a picture with itself"))
    notes = [f"left out: {amount(count, 'pair')} that {why}" for count, why in counts if count]
    return pairs, tuple(notes)


def folder_subject(pictures: Pictures, *, pairs: int = 200, seed: int = 0) -> Subject:
    """Pairs drawn from pictures that lie in a folder for each thing.

    A same pair is of a folder that is drawn first, so that large folders count no more than small
    ones; a different pair is of two folders. No pair comes twice.

    Args:
        pictures: A folder, an archive, or anything an `ImageSource` takes.
        pairs: How many of each kind; fewer where there are not as many.
        seed: Of the draws.

    Raises:
        UsageError: Fewer than two folders, or none with two pictures.
    """
    if pairs < 1:
        raise UsageError(f"{pairs} pairs can't be drawn", cure="one or more")
    places = list(ImageSource(pictures).places())
    folders: dict[str, list[int]] = {}
    for n, place in enumerate(places):
        folder = folder_of(place.id, place.path)
        if folder is not None:
            folders.setdefault(folder, []).append(n)
    out = len(places) - sum(map(len, folders.values()))
    several = [some for some in folders.values() if len(some) > 1]
    if len(folders) < 2 or not several:
        raise UsageError(
            f"{amount(len(places), 'picture')} in {amount(len(folders), 'folder')} make no pairs "
            "of both kinds",
            where=_named(pictures),
            cure="a folder for each thing, with two pictures or more; or a table of pairs",
        )
    rng = random.Random(seed)
    every = list(folders.values())
    same = _drawn(pairs, lambda: rng.sample(rng.choice(several), 2))
    different = _drawn(pairs, lambda: [rng.choice(one) for one in rng.sample(every, 2)])
    used = sorted({end for pair in (*same, *different) for end in pair})
    position = {old: new for new, old in enumerate(used)}
    found = [
        Pair(position[a], position[b], kind)
        for some, kind in ((same, True), (different, False))
        for a, b in some
    ]
    return Subject(
        tuple(portable(places[n]) for n in used),
        tuple(found),
        (SAME,) * len(same) + (DIFFERENT,) * len(different),
        f"drawn from {amount(len(folders), 'folder')} of {_named(pictures)}, seed {seed}",
        groups=tuple(folder_of(places[n].id, places[n].path) for n in used),
        notes=(f"left out: {amount(out, 'picture')} in no folder",) if out else (),
    )


def _named(pictures: Pictures) -> str:
    """What pictures come from, if it has a name."""
    return os.fsdecode(pictures) if isinstance(pictures, (str, os.PathLike)) else "a list"


def _drawn(count: int, draw: Callable[[], list[int]]) -> list[tuple[int, int]]:
    """Up to so many pairs, none of them twice; draws stop when they bring nothing new."""
    found: dict[tuple[int, int], None] = {}
    for _ in range(20 * count):
        a, b = sorted(draw())
        found[a, b] = None
        if len(found) == count:
            break
    return list(found)


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
    sides[1], alike = _apart(sides[1], sides[0], "positives: {}, the anchor itself")
    sides[2], unlike = _apart(
        sides[2], [*sides[0], *sides[1]], "negatives: {}, the anchor or a positive"
    )
    notes = (*alike, *unlike)
    if not sides[1] or not sides[2]:
        raise UsageError(
            "every positive is the anchor, or every negative one of the two", cure="name others"
        )
    places = [portable(place) for side in sides for place in side]
    roles = [*_numbered(POSITIVE, len(sides[1])), *_numbered(NEGATIVE, len(sides[2]))]
    pairs = [Pair(0, n, role.startswith(POSITIVE)) for n, role in enumerate(roles, 1)]
    return Subject(_told_apart(places), tuple(pairs), tuple(roles), "an anchor", notes=notes)


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


def _apart(
    places: Sequence[Place], others: Sequence[Place], told: str
) -> tuple[list[Place], tuple[str, ...]]:
    """Places that are not among others too, as those of a folder may be; and which were."""
    files = {os.path.realpath(place.path) for place in others if place.path and not place.listed}
    kept, notes = [], []
    for place in places:
        if place.path and not place.listed and os.path.realpath(place.path) in files:
            notes.append("left out of the " + told.format(place.id))
        else:
            kept.append(place)
    return kept, tuple(notes)


def _numbered(role: str, count: int) -> list[str]:
    return [role] if count == 1 else [f"{role} {n}" for n in range(1, count + 1)]


def _told_apart(places: Sequence[Place]) -> tuple[Place, ...]:
    """Ids that occur twice, such as those of arrays, with their position behind."""
    ids = Counter(place.id for place in places)
    return tuple(
        place if ids[place.id] == 1 else replace(place, id=f"{place.id} ({n})")
        for n, place in enumerate(places)
    )


def portable(place: Place) -> Place:
    """The place itself if another process can read it, else one that holds what is in it."""
    ours = isinstance(place.read, partial) and place.read.func.__module__.startswith("lookalike.")
    if ours and place.path is not None:
        return place
    try:
        held = place.read(Limits())
        pickle.dumps(held)  # a picture in memory may be a file that breaks off
    except ReadError as error:
        return failed_place(place.id, error.reason, error.detail, path=place.path)
    except Exception as error:  # what is wrong with it is said in many ways
        return failed_place(place.id, Reason.READ_ERROR, str(error), path=place.path)
    return replace(place, read=partial(_held, held))


def _content(place: Place) -> str:
    """Names what a place from memory holds."""
    try:
        held = place.read(Limits())
    except ReadError as error:
        return f"{error.reason} {error.detail}"
    data = held if isinstance(held, bytes) else f"{held.mode} {held.size}".encode() + held.tobytes()
    return hashlib.sha256(data).hexdigest()


def _held(data: Any, limits: Limits) -> Any:
    return data
