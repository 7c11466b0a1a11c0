"""Who is on a picture, and which camera took it, from the names of re-identification data sets.

Market-1501 (Zheng et al., ICCV 2015), DukeMTMC-reID (Ristani et al., ECCV workshops 2016; Zheng et
al., ICCV 2017), CUHK03 (Li et al., CVPR 2014) and MSMT17 (Wei et al., CVPR 2018) write both into
the file name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lookalike.errors import UsageError

Role: TypeAlias = Literal["ordinary", "junk", "distractor"]
Side: TypeAlias = Literal["query", "gallery", "train"]

SIDES: dict[str, Side | None] = {
    "query": "query",
    "bounding_box_test": "gallery",
    "gallery": "gallery",
    "bounding_box_train": "train",
    "train": "train",
    "mask_train_v2": "train",
    "test": None,
    "mask_test_v2": None,
}
"""Folder → what lies in it. MSMT17's test folders hold both sides; its lists tell them apart."""

FORMS = (
    "0001_c1s1_001051_00.jpg (Market-1501, cameras 1-6), "
    "0005_c2_f0046985.jpg (DukeMTMC-reID, cameras 1-8), "
    "1_003_2_01.png (CUHK03, pairs 1-5, views 1-2), "
    "0000_003_07_0303morning_0015_0.jpg (MSMT17, cameras 1-15)"
)

_SEPARATOR = re.compile(r"::|[/\\]")
_ENDING = re.compile(
    r"\.(avif|bmp|gif|heic|heif|jfif|jp2|jpe|jpeg|jpg|pbm|pgm|png|pnm|ppm|tif|tiff|webp)\Z",
    re.I | re.A,
)
_MARKET = re.compile(r"(?P<person>-0*1|[0-9]+)_c(?P<camera>[1-6])s[0-9]")
_DUKE = re.compile(r"(?P<person>-0*1|[0-9]+)_c(?P<camera>[1-8])(?![0-9]|s[0-9])")
_CUHK = re.compile(r"(?P<person>[1-5]_[0-9]{3})_(?P<camera>[12])_[0-9]{2}\Z")
_MSMT = re.compile(
    r"(?P<person>[0-9]+)_[0-9]+_(?P<camera>0?[1-9]|1[0-5])_[0-9]{4}(?:morning|noon|afternoon)_"
)


@dataclass(frozen=True)
class ReidName:
    """What the name of a picture says.

    Attributes:
        person: The person's number in decimal without leading zeros, as text. CUHK03 counts its
            persons anew for each pair of cameras, so there it is pair and person: ``1_003``.
        camera: Counted from 0. In CUHK03 it is the view within the pair, 0 or 1.
        role: Of Market-1501's names, person -1 is ``junk``, a bad detection that counts neither as
            a match nor as an error; person 0 is a ``distractor``, a wrong answer in the gallery
            and never a query. Everyone else is ``ordinary``.
    """

    person: str
    camera: int
    role: Role


def reid_name(path: str) -> ReidName:
    r"""Reads a name of Market-1501, DukeMTMC-reID, CUHK03 or MSMT17.

    Only the base name counts, with any ending of a picture in upper or lower case. MSMT17 says the
    person twice, and a numbered folder has to agree with the name.

    Args:
        path: A path with ``/`` or ``\``, or a member of an archive, ``x.tar::query/NAME``.

    Raises:
        UsageError: A name of no data set, a camera that its data set does not have, or an MSMT17
            picture in the folder of another person.

    Example:
        >>> reid_name("market/query/0001_c1s1_001051_00.jpg")
        ReidName(person='1', camera=0, role='ordinary')
        >>> reid_name("-1_c3s2_000123_01.jpg").role
        'junk'
        >>> reid_name("labeled/1_003_2_01.png")
        ReidName(person='1_003', camera=1, role='ordinary')
    """
    *folders, name = _SEPARATOR.split(path)
    ending = _ENDING.search(name)
    stem = name[: ending.start()] if ending else ""
    if found := _MARKET.match(stem) or _DUKE.match(stem):
        person = _decimal(found["person"])
        return ReidName(person, int(found["camera"]) - 1, _market_role(person))
    if found := _CUHK.match(stem):
        return ReidName(found["person"], int(found["camera"]) - 1, "ordinary")
    if found := _MSMT.match(stem):
        person = _decimal(found["person"])
        _require_own_folder(person, folders, path)
        return ReidName(person, int(found["camera"]) - 1, "ordinary")
    raise UsageError(
        "the name says neither person nor camera in a form that is known",
        where=path,
        cure=f"name pictures like {FORMS}",
    )


def reid_side(path: str) -> Side | None:
    """The side of a data set that a picture is on, from the nearest folder that names one.

    Args:
        path: As for `reid_name`. Upper and lower case of a folder are the same.

    Returns:
        ``query``; ``gallery`` for a folder ``bounding_box_test`` or ``gallery``; ``train`` for
        ``bounding_box_train``, ``mask_train_v2`` or ``train``; or None if no folder says, or the
        nearest is ``test`` or ``mask_test_v2``, which hold queries and gallery together.

    Example:
        >>> reid_side("market.tar::query/0001_c1s1_001051_00.jpg")
        'query'
        >>> reid_side("train/duke/bounding_box_test/0005_c2_f0046985.jpg")
        'gallery'
        >>> reid_side("0005_c2_f0046985.jpg") is None
        True
    """
    for folder in reversed(_SEPARATOR.split(path)[:-1]):
        if folder.lower() in SIDES:
            return SIDES[folder.lower()]
    return None


def _decimal(number: str) -> str:
    """As text, since `int` refuses what is longer than 4300 digits."""
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    return sign + (digits.lstrip("0") or "0")


def _market_role(person: str) -> Role:
    if person == "-1":
        return "junk"
    return "distractor" if person == "0" else "ordinary"


def _require_own_folder(person: str, folders: list[str], path: str) -> None:
    folder = folders[-1] if folders else ""
    if re.fullmatch("[0-9]+", folder) and _decimal(folder) != person:
        raise UsageError(
            f"the name says person {person}, the folder says person {_decimal(folder)}",
            where=path,
            cure="move the picture into its person's folder, or out of numbered folders",
        )
