"""A decoded picture, and the defined way from every pixel mode to 8-bit RGB."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

from PIL import Image

from lookalike.images.depth import is_deep, narrowed
from lookalike.images.place import ReadError, Reason

Alpha = Literal["drop"] | tuple[int, int, int]
"""What becomes of transparency: dropped, or laid over a background colour (R, G, B) 0 to 255."""

UNIFORM = 8
"""Levels of 255 that the colours of one surface may differ by."""

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation tag → the transposition that sets the picture upright."""

UNDONE = UPRIGHT | {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""EXIF orientation tag → the transposition from upright back to what is stored."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded picture, before any preprocessing.

    Attributes:
        id: The input's id, as in its row.
        image: First frame in the mode and orientation in which it is stored.
        orientation: EXIF orientation, 1 to 8; 1 where there is none.
        path: The file it came from; None for arrays.
        digest: SHA-256 of the encoded bytes, in hexadecimal; empty for pictures from memory.
        stored_size: (width, height) in the file where it was decoded at a reduced size; None
            where `image` has all of its pixels.
        remarks: What has to be said beside its numbers, such as values that are suspiciously
            small, or a preview that stands for a RAW file.
    """

    id: str
    image: Image.Image
    orientation: int = 1
    path: str | None = None
    digest: str = ""
    stored_size: tuple[int, int] | None = None
    remarks: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Width of the file's picture in pixels, once upright."""
        return (self.stored_size or self.image.size)[self.orientation >= 5]

    @property
    def height(self) -> int:
        """Height of the file's picture in pixels, once upright."""
        return (self.stored_size or self.image.size)[self.orientation < 5]

    def rgb(self, *, alpha: Alpha = "drop", exif: bool = True) -> Image.Image:
        """The picture as 8-bit RGB.

        Args:
            alpha: ``"drop"`` forgets transparency; a colour (R, G, B) is laid behind it.
            exif: Whether the EXIF orientation is applied.

        Returns:
            A Pillow image of mode RGB. Greyscale is repeated in three channels; 16-bit values
            become 8-bit by rounding ``v / 257``; floats are taken as 0 to 1; CMYK, YCbCr, HSV
            and LAB go through Pillow's conversions, without colour profiles.

        Raises:
            ReadError: A value range or mode that has no defined way to 8-bit RGB.

        Example:
            >>> half = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
            >>> Picture("p", half).rgb(alpha=(255, 255, 255)).getpixel((0, 0))
            (255, 255, 255)
            >>> Picture("p", half).rgb(alpha="drop").getpixel((0, 0))
            (255, 0, 0)
        """
        rgb = to_rgb(self.image, alpha)
        turn = UPRIGHT.get(self.orientation) if exif else None
        return rgb if turn is None else rgb.transpose(turn)

    def upright(self) -> Image.Image:
        """The picture in its own mode, with the EXIF orientation applied."""
        turn = UPRIGHT.get(self.orientation)
        return self.image if turn is None else self.image.transpose(turn)

    def thumbnail(self, side: int = 96) -> bytes:
        """A small upright JPEG over white, longer side at most ``side`` pixels, for reports."""
        small = self.rgb(alpha=(255, 255, 255)).copy()
        small.thumbnail((side, side), Image.Resampling.BILINEAR)
        stream = BytesIO()
        small.save(stream, "JPEG", quality=80)
        return stream.getvalue()


def to_rgb(image: Image.Image, alpha: Alpha) -> Image.Image:
    """Any Pillow mode as RGB; see `Picture.rgb`. The result may share the input's pixels."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if is_deep(image):
        return narrowed(image).convert("RGB")
    if image.mode == "La":  # Pillow has no direct way from premultiplied grey
        image = image.convert("LA")
    try:
        if not image.has_transparency_data:
            return image.convert("RGB")
        front = image.convert("RGBA")  # straight to RGB, Pillow warns about some palettes
        if alpha == "drop":
            return front.convert("RGB")
        behind = Image.new("RGBA", front.size, (*alpha, 255))
        return Image.alpha_composite(behind, front).convert("RGB")
    except ValueError as error:
        raise ReadError(Reason.UNSUPPORTED, f"mode {image.mode}: {error}") from error


def lost_shape(image: Image.Image, alpha: Alpha) -> str:
    """What has to be said of a picture whose transparency shows a shape and whose colours do not.

    Args:
        image: Any mode.
        alpha: What becomes of its transparency.

    Returns:
        A sentence; empty for pictures that keep their shape, or have none.

    Example:
        >>> icon = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
        >>> icon.putpixel((1, 1), (0, 0, 0, 255))
        >>> lost_shape(icon, "drop")[:44], lost_shape(icon, (255, 255, 255))
        ('its shape is in its transparency alone, whic', '')
    """
    if not image.has_transparency_data or image.mode in ("I", "F", "RGBa", "La"):
        return ""
    front = image if image.mode == "RGBA" else image.convert("RGBA")
    if _spread(front)[3] <= UNIFORM:
        return ""
    seen = front if alpha == "drop" else to_rgb(front, alpha)
    if max(_spread(seen)[:3]) > UNIFORM:
        return ""
    if alpha == "drop":
        return (
            "its shape is in its transparency alone, which the model drops, so that all such "
            "pictures of one colour are the same to it; MODEL?alpha=255,255,255 lays it on white, "
            "alpha=0,0,0 on black"
        )
    colour = ",".join(str(part) for part in alpha)
    return (
        f"its shape is in its transparency alone, and is lost on the background {colour} that the "
        "model lays it on; lay it on another colour first"
    )


def _spread(image: Image.Image) -> list[int]:
    """Largest less smallest value of each band."""
    ends: Any = image.getextrema()
    return [int(high - low) for low, high in ends]
