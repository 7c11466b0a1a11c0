"""Who is on a picture, and which camera took it, from the names of re-identification data sets.

Market-1501 (Zheng et al., ICCV 2015), DukeMTMC-reID (Ristani et al., ECCV workshops 2016; Zheng et
al., ICCV 2017), CUHK03 (Li et al., CVPR 2014), MSMT17 (Wei et al., CVPR 2018) and VeRi-776 (Liu et
al., ECCV 2016), whose persons are vehicles, write both into the file name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lookalike.errors import UsageError

Role: TypeAlias = Literal["ordinary", "junk", "distractor"]
FORMS = (
    "0001_c1s1_001051_00.jpg (Market-1501, cameras 1-6), "
    "0005_c2_f0046985.jpg (DukeMTMC-reID, cameras 1-8), "
    "1_003_2_01.png (CUHK03, pairs 1-5, views 1-2), "
    "0000_003_07_0303morning_0015_0.jpg (MSMT17, cameras 1-15), "
    "0002_c002_00030600_0.jpg (VeRi-776, cameras 1-20)"
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
_RELAID = re.compile(r"[0-9]+_c[12]_[0-9]+\.")
_VERI = re.compile(r"(?P<person>[0-9]+)_c(?P<camera>0(?:0[1-9]|1[0-9]|20))_[0-9]{8}_[0-9]+\Z")
_FORMS = {"market": _MARKET, "duke": _DUKE, "cuhk": _CUHK, "msmt": _MSMT, "veri": _VERI}


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
    r"""Reads a name of Market-1501, DukeMTMC-reID, CUHK03, MSMT17 or VeRi-776.

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
    *folders, name = path_parts(path)
    form, found = _read(name)
    if found:
        person, camera = found["person"], int(found["camera"]) - 1
        if form == "cuhk":
            return ReidName(person, camera, "ordinary")
        person = _decimal(person)
        if form == "msmt":
            _require_own_folder(person, folders, path)
        roles = form in ("market", "duke")
        return ReidName(person, camera, _market_role(person) if roles else "ordinary")
    raise UsageError(
        "the name says neither person nor camera in a form that is known",
        where=path,
        cure=f"name pictures like {FORMS}",
    )


def reid_form(path: str) -> str:
    """The data set that names pictures so: ``market``, ``duke``, ``cuhk``, ``msmt``, ``veri``.

    Empty if none does. CUHK03 as others lay it out anew has names like those of DukeMTMC-reID, but
    for the frame.

    Example:
        >>> reid_form("0005_c2_f0046985.jpg"), reid_form("0005_c2_12.png"), reid_form("1.jpg")
        ('duke', 'cuhk', '')
    """
    name = path_parts(path)[-1]
    form = _read(name)[0]
    return "cuhk" if form == "duke" and _RELAID.match(name) else form


def path_parts(path: str) -> list[str]:
    r"""Folders and the name of a picture, on any system and in archives.

    Example:
        >>> path_parts(r"x.tar::query\1.jpg")
        ['x.tar', 'query', '1.jpg']
    """
    return _SEPARATOR.split(path)


def _read(name: str) -> tuple[str, re.Match[str] | None]:
    """The form of a base name and what it says."""
    ending = _ENDING.search(name)
    stem = name[: ending.start()] if ending else ""
    for form, pattern in _FORMS.items():
        if found := pattern.match(stem):
            return form, found
    return "", None


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
