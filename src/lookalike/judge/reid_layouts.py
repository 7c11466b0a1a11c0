"""Which pictures of a re-identification data set are queries, and which the gallery.

The folders of a data set say so, or lists beside them. What is neither, such as the drawn boxes of
Market-1501, is left out.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lookalike.embeddings import Row
from lookalike.errors import UsageError
from lookalike.judge.reid_names import path_parts, reid_form, reid_name
from lookalike.report import amount

Side: TypeAlias = Literal["query", "gallery", "train", "rest"]

SIDES: dict[str, Side | None] = {
    "query": "query",
    "image_query": "query",
    "gallery": "gallery",
    "bounding_box_test": "gallery",
    "image_test": "gallery",
    "train": "train",
    "bounding_box_train": "train",
    "image_train": "train",
    "mask_train_v2": "train",
    "gt_bbox": "rest",
    "gt_query": "rest",
    "test": None,
    "mask_test_v2": None,
    "images_labeled": None,
    "images_detected": None,
}
"""Folder → what lies in it; None where queries and gallery lie together, told apart by lists."""

LISTED = ("test", "mask_test_v2")
"""MSMT17's folders of queries and gallery; its lists lie beside them."""

LISTS: tuple[tuple[str, Side], ...] = (
    ("list_query.txt", "query"),
    ("list_gallery.txt", "gallery"),
)

SPLITS = {
    "images_labeled": "splits_new_labeled.json",
    "images_detected": "splits_new_detected.json",
}
"""CUHK03's folders, and the files that hold its new protocol."""

SETS = {"market": "Market-1501", "duke": "DukeMTMC-reID", "veri": "VeRi-776", "cuhk": "CUHK03"}


@dataclass(frozen=True)
class Layout:
    """What each picture is for.

    Attributes:
        sides: For each picture its side; None for one that is both, a query and in the gallery.
        notes: What the layout is, and what it leaves out.
    """

    sides: tuple[Side | None, ...]
    notes: tuple[str, ...]


def reid_side(path: str) -> Side | None:
    """The side of a data set that a picture is on, from the nearest folder that names one.

    Args:
        path: As for `reid_name`. Upper and lower case of a folder are the same.

    Returns:
        ``query``, ``gallery``, ``train``, or ``rest`` for what no protocol judges; see `SIDES`.
        None if no folder says, or the nearest holds queries and gallery together.

    Example:
        >>> reid_side("market.tar::query/0001_c1s1_001051_00.jpg")
        'query'
        >>> reid_side("train/duke/bounding_box_test/0005_c2_f0046985.jpg")
        'gallery'
        >>> reid_side("0005_c2_f0046985.jpg") is None
        True
    """
    return _side(path_parts(path)[:-1])[0]


def reid_layout(rows: Sequence[Row]) -> Layout:
    """Sides of pictures, from the folders they lie in and the lists beside these.

    The folders that all have in common say nothing, unless the others do not either. Where some
    pictures are queries and others the gallery, a picture that is neither is left out. If all are
    for training, or all are in no protocol, all are judged.

    Args:
        rows: One for each picture; lists are read from the disk, beside the folder of `Row.path`.

    Raises:
        UsageError: Two data sets, whose persons are numbered apart; or a list that can't be read.
    """
    found = [_side(folders) for folders in _own_folders(rows)]
    _require_one_set(found)
    sides = [side for side, _, _ in found]
    told: list[str] = []
    listed, lacking = _listed(rows, found)
    if listed:
        sides = [listed.get(n, side) for n, side in enumerate(sides)]
        told += lacking
    else:
        told += _unlisted(rows, found)
    if len(set(sides)) == 1 and sides[0] in ("train", "rest"):
        return Layout((None,) * len(rows), ())
    if {"query", "gallery"} <= set(sides):
        sides = [side or "rest" for side in sides]
    return Layout(tuple(sides), (*_left_out(rows, sides), *told, *_known(rows, sides, found)))


def looks_like_reid(ids: Sequence[str]) -> bool:
    """Whether pictures are called as re-identification data sets call them.

    Example:
        >>> looks_like_reid(["query/0001_c1s1_001051_00.jpg", "test/0001_c2s1_000301_00.jpg"])
        True
        >>> looks_like_reid(["cats/1.jpg"]), looks_like_reid([])
        (False, False)
    """
    some = ids[:: -(-len(ids) // 1000) or 1]
    return len(some) > 0 and all(reid_form(one) for one in some)


_Found: TypeAlias = "tuple[Side | None, tuple[str, ...], str]"


def _side(folders: Sequence[str]) -> _Found:
    """The side, the folders above the one that names it, and that one in lower case."""
    for n in range(len(folders) - 1, -1, -1):
        name = folders[n].lower()
        if name in SIDES:
            return SIDES[name], tuple(folders[:n]), name
    return None, tuple(folders), ""


def _own_folders(rows: Sequence[Row]) -> list[list[str]]:
    """The folders of each picture, without those that all share if the rest names a side."""
    folders = [path_parts(row.id)[:-1] for row in rows]
    if not folders:
        return []
    ends = zip(min(folders), max(folders), strict=False)
    shared = next((n for n, (a, b) in enumerate(ends) if a != b), min(map(len, folders)))
    own = [one[shared:] for one in folders]
    return own if any(_side(one)[2] for one in own) else folders


def _require_one_set(found: Sequence[_Found]) -> None:
    """Persons are numbered anew in each data set, and versions of one hold the same pictures."""
    versions = {folder for _, _, folder in found if folder in SPLITS}
    roots: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for side, root, folder in found:
        if side in ("query", "gallery") or folder in LISTED:
            roots[root].add(side or "both")
    whole = sorted(
        "/".join(root) or "."
        for root, sides in roots.items()
        if "both" in sides or {"query", "gallery"} <= sides
    )
    whole = sorted(versions) if len(versions) > 1 else whole
    if len(whole) > 1:
        raise UsageError(
            f"{len(whole)} data sets or versions of one: {', '.join(whole[:5])}; their persons "
            "can't be held against each other",
            cure="embed and judge each of them alone",
        )


def _listed(rows: Sequence[Row], found: Sequence[_Found]) -> tuple[dict[int, Side], list[str]]:
    """Sides by the lists of MSMT17 and CUHK03, and what they lack; nothing without them."""
    at = [n for n, (_, _, folder) in enumerate(found) if folder in LISTED or folder in SPLITS]
    if not at:
        return {}, []
    folder = found[at[0]][2]
    said = _lists_beside(rows[at[0]], folder)
    if not said:
        return {}, []
    keys = [_key(path_parts(rows[n].id), folder) for n in at]
    judged = {key for key, side in said.items() if side in ("query", "gallery")}
    lacking = len(judged - set(keys))
    note = (
        f"not the whole data set: {lacking:,} of {amount(len(judged), 'picture')} of "
        f"{_lists_of(folder)} have no vector here"
    )
    sides = {n: said.get(key, "rest") for n, key in zip(at, keys, strict=True)}
    return sides, [note] * (lacking > 0)


def _key(parts: Sequence[str], folder: str) -> str:
    """What lists call a picture: in MSMT17 its path below the folder, in CUHK03 its name."""
    if folder in SPLITS:
        return parts[-1].lower()
    lower = [part.lower() for part in parts]
    below = len(lower) - lower[::-1].index(folder)
    return "/".join(lower[below:])


def _lists_beside(row: Row, folder: str) -> dict[str, Side]:
    path = row.path or row.id
    if "::" in row.id:
        return {}
    parts = path.replace("\\", "/").split("/")
    lower = [part.lower() for part in parts]
    if folder not in lower:
        return {}
    root = "/".join(parts[: len(lower) - 1 - lower[::-1].index(folder)]) or (
        "/" if path.startswith("/") else "."
    )
    if folder in SPLITS:
        return _split(os.path.join(root, SPLITS[folder]))
    return _lists(root)


def _lists(root: str) -> dict[str, Side]:
    """Path below MSMT17's folder → side; nothing unless both lists are there."""
    said: dict[str, Side] = {}
    for name, side in LISTS:
        path = os.path.join(root, name)
        if not os.path.isfile(path):
            return {}
        for number, line in enumerate(_lines(path), 1):
            listed, _, person = line.strip().rpartition(" ")
            if not listed:
                continue
            if not reid_form(listed) or reid_name(listed).person != (person.lstrip("0") or "0"):
                raise UsageError(
                    f"{line.strip()!r} is not a picture and its person",
                    where=f"{path}, line {number}",
                    cure="a line holds a path below the folder of the pictures, a space, and the "
                    "person",
                )
            if said.setdefault(listed.lower(), side) != side:
                raise UsageError(
                    f"{listed} is a query and in the gallery", where=f"{path}, line {number}"
                )
    return said


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as stream:
            return stream.readlines()
    except OSError as error:
        raise UsageError(f"the list can't be read: {error.strerror}", where=path) from error


def _split(path: str) -> dict[str, Side]:
    """Name of a picture → side, by CUHK03's new protocol; nothing without the file."""
    if not os.path.isfile(path):
        return {}
    sides: tuple[Side, ...] = ("train", "gallery", "query")
    try:
        (split,) = json.loads("".join(_lines(path)))
        return {
            path_parts(picture)[-1].lower(): side for side in sides for picture, *_ in split[side]
        }
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "the file is not one split into train, query and gallery",
            where=path,
            cure="each is a list of [picture, person, camera]",
        ) from error


def _unlisted(rows: Sequence[Row], found: Sequence[_Found]) -> list[str]:
    """Says so where only lists could tell queries and gallery apart."""
    for row, (_, _, folder) in zip(rows, found, strict=True):
        if folder in SPLITS or (folder in LISTED and reid_form(row.id) == "msmt"):
            return [
                f"not the protocol of the data set: without {_lists_of(folder)} beside {folder} "
                "every picture of it is a query and in the gallery"
            ]
    return []


def _lists_of(folder: str) -> str:
    return SPLITS.get(folder, " and ".join(name for name, _ in LISTS))


def _left_out(rows: Sequence[Row], sides: Sequence[Side | None]) -> list[str]:
    """Counts of what is not judged: for training, and the rest by folder."""
    training = sum(side == "train" for side in sides)
    told = [f"left out: {amount(training, 'picture')} for training"] * (training > 0)
    folders = Counter(
        "/".join(path_parts(row.id)[-2:-1]) or "no folder"
        for row, side in zip(rows, sides, strict=True)
        if side == "rest"
    )
    if folders:
        named = ", ".join(f"{count:,} in {folder}" for folder, count in folders.most_common(5))
        more = f", and in {len(folders) - 5:,} folders more" * (len(folders) > 5)
        told.append(
            f"left out: {amount(folders.total(), 'picture')} that are neither queries nor gallery: "
            f"{named}{more}"
        )
    return told


def _known(
    rows: Sequence[Row], sides: Sequence[Side | None], found: Sequence[_Found]
) -> tuple[str, ...]:
    """Which data set it is, where its folders say which side is which."""
    if not {"query", "gallery"} <= set(sides):
        return ()
    first = sides.index("query")
    name = "MSMT17" if found[first][2] in LISTED else SETS.get(reid_form(rows[first].id), "")
    folders = {side: found[sides.index(side)][2] for side in ("query", "gallery")}
    if not name or "gallery" in folders.values():
        return ()
    if folders["query"] == folders["gallery"]:
        lists = _lists_of(folders["query"])
        return (f"layout of {name}: queries and gallery by {lists}",)
    return (f"layout of {name}: {folders['query']} against {folders['gallery']}",)
