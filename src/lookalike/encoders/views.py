"""Views of a picture: the whole, its mirror image, and crops, each encoded like a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from lookalike.errors import UnknownNameError
from lookalike.images import Picture

CROP_SHARE = 0.75
"""Share of each side that a crop keeps."""


@dataclass(frozen=True)
class View:
    """One way to look at a picture.

    Attributes:
        name: What its rows say in the column ``view``; empty for the whole picture.
        edit: From the upright picture to what is looked at; None for the whole picture.
    """

    name: str
    edit: Callable[[Image.Image], Image.Image] | None = None

    def of(self, picture: Picture, *, exif: bool = True) -> Picture:
        """The picture as this view shows it; cut upright if `exif`, else as it is stored.

        Example:
            >>> VIEWS["crops"][0].of(Picture("p", Image.new("RGB", (8, 4)))).image.size
            (6, 3)
        """
        if self.edit is None:
            return picture
        image = picture.upright() if exif else picture.image
        return replace(picture, image=self.edit(image), orientation=1)


def _mirrored(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _crop(across: float, down: float) -> Callable[[Image.Image], Image.Image]:
    """A crop whose free space is shared out to the left and above in these proportions."""

    def edit(image: Image.Image) -> Image.Image:
        width = max(1, round(image.width * CROP_SHARE))
        height = max(1, round(image.height * CROP_SHARE))
        left, top = round((image.width - width) * across), round((image.height - height) * down)
        return image.crop((left, top, left + width, top + height))

    return edit


WHOLE = View("")
VIEWS: dict[str, tuple[View, ...]] = {
    "flip": (View("flip", _mirrored),),
    "crops": (
        View("crop-top-left", _crop(0, 0)),
        View("crop-top-right", _crop(1, 0)),
        View("crop-centre", _crop(0.5, 0.5)),
        View("crop-bottom-left", _crop(0, 1)),
        View("crop-bottom-right", _crop(1, 1)),
    ),
}
"""What can be asked for beside the whole picture."""


def views_named(names: Sequence[str]) -> tuple[View, ...]:
    """The whole picture, and the views asked for.

    Raises:
        UnknownNameError: Lists the names.

    Example:
        >>> [view.name for view in views_named(["flip"])]
        ['', 'flip']
    """
    found = [WHOLE]
    for name in names:
        if name not in VIEWS:
            raise UnknownNameError("view", name, VIEWS)
        found += [view for view in VIEWS[name] if view not in found]
    return tuple(found)
