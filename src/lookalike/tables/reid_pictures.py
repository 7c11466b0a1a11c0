"""The six pictures of the published re-identification table, recognised by what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from lookalike.comparison.pairs import Pair
from lookalike.errors import UsageError
from lookalike.images import ImageSource, Limits, Pictures, Place
from lookalike.images.place import ReadError
from lookalike.measuring.subject import DIFFERENT, SAME, Subject, portable
from lookalike.tables.reid_published import COLUMNS, PICTURES

SOURCE = "the six pictures of the published re-identification table"


def six_pictures(pictures: Pictures | ImageSource) -> Subject:
    """The six published pairs, in the order of `COLUMNS`.

    Pictures are known by their bytes; names and further pictures do not matter.

    Raises:
        UsageError: One of the six is missing, or there in another form only.
    """
    source = pictures if isinstance(pictures, ImageSource) else ImageSource(pictures)
    found: dict[str, Place] = {}
    names = {picture.file: name for name, picture in PICTURES.items()}
    for place in source.places():
        name = names.get(_digest(place))
        if name is not None:
            found.setdefault(name, portable(place))
    missing = [name for name in PICTURES if name not in found]
    if missing:
        raise UsageError(
            f"of the six pictures of the published table {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not there, byte for byte",
            cure="name the folder that holds them (./reid, if it is called reid); they lie in the "
            "demo of PINTO_model_zoo's 429_OSNet",
        )
    order = list(PICTURES)
    pairs = [Pair(order.index(a), order.index(b), same) for a, b, same in COLUMNS.values()]
    roles = tuple(SAME if pair.same else DIFFERENT for pair in pairs)
    places = tuple(found[name] for name in order)
    groups = tuple("one person" if name.endswith(".png") else name for name in order)
    return Subject(places, tuple(pairs), roles, SOURCE, groups=groups)


def by_column(values: Sequence[float | None]) -> dict[str, float]:
    """The values of the six pairs by the name of their column, as far as there are any."""
    return {
        column: value for column, value in zip(COLUMNS, values, strict=True) if value is not None
    }


def _digest(place: Place) -> str:
    """The first digits of the SHA-256 of a file; empty for what is no file or can't be read."""
    try:
        content = place.read(Limits())
    except ReadError:
        return ""
    return hashlib.sha256(content).hexdigest()[:16] if isinstance(content, bytes) else ""
