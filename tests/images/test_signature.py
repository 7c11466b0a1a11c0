from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.images import Picture, Place, Reason, Unreadable, decode
from lookalike.images.signature import breaks_off, kind_of

BLOCKS = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)
IMAGE = Image.fromarray(BLOCKS.repeat(5, axis=0).repeat(5, axis=1))
ANIMATED: dict[str, Any] = {"save_all": True, "append_images": [IMAGE.rotate(180)]}


Image.init()


def encoded(format: str, **options: Any) -> bytes:
    stream = BytesIO()
    IMAGE.save(stream, format, **options)
    return stream.getvalue()


FILES: dict[str, bytes] = {
    "JPEG": encoded("JPEG", quality=95),
    "progressive JPEG": encoded("JPEG", progressive=True),
    "PNG": encoded("PNG"),
    "animated PNG": encoded("PNG", **ANIMATED),
    "GIF": encoded("GIF"),
    "animated GIF": encoded("GIF", **ANIMATED),
    "BMP": encoded("BMP"),
    "TIFF": encoded("TIFF"),
    "packed TIFF": encoded("TIFF", compression="tiff_lzw"),
    "TIFF of a JPEG": encoded("TIFF", compression="jpeg"),
    "WebP": encoded("WEBP"),
    "lossless WebP": encoded("WEBP", lossless=True),
    "animated WebP": encoded("WEBP", **ANIMATED),
    "JPEG 2000": encoded("JPEG2000"),
    "JPEG 2000 stream": encoded("JPEG2000", no_jp2=True),
    "DDS": encoded("DDS"),
    "ICO": encoded("ICO", sizes=[(16, 16), (32, 32)]),
    "PPM": encoded("PPM"),
}
if "AVIF" in Image.SAVE:
    FILES["AVIF"] = encoded("AVIF", speed=10)
if "QOI" in Image.SAVE:
    FILES["QOI"] = encoded("QOI")


def decoded(data: bytes) -> Picture | Unreadable:
    return decode(Place("memory", None, lambda _: data))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_anywhere_is_truncated_or_the_whole_picture(name: str) -> None:
    data = FILES[name]
    whole = decoded(data)
    assert isinstance(whole, Picture), whole
    pixels = np.asarray(whole.rgb())
    recognised = 12 if name in ("WebP", "lossless WebP", "animated WebP", "AVIF") else 8
    for end in (*range(recognised, 60, 5), *(len(data) * n // 16 for n in range(1, 16)), -3, -1):
        found = decoded(data[:end])
        if isinstance(found, Picture):  # what is missing is no part of the pixels
            assert np.array_equal(np.asarray(found.rgb()), pixels), end
        else:
            assert found.reason is Reason.TRUNCATED, (end, str(found))


@pytest.mark.parametrize("name", FILES)
def test_whole_files_do_not_break_off_and_halves_do(name: str) -> None:
    data = FILES[name]
    assert not breaks_off(data)
    assert not breaks_off(data + b"more") or "JPEG 2000" in name or name == "QOI"
    if name not in ("DDS", "PPM"):  # their headers do not tell where they end
        assert breaks_off(data[: len(data) // 2])


def test_a_damaged_file_that_is_all_there_is_corrupt() -> None:
    for name in ("JPEG", "PNG", "packed TIFF", "WebP", "JPEG 2000 stream"):
        data = bytearray(FILES[name])
        for at in range(len(data) // 3, len(data) // 3 + 200):
            data[at] = 0x55
        found = decoded(bytes(data[: len(FILES[name])]))
        if isinstance(found, Unreadable):
            assert found.reason in {Reason.CORRUPT, Reason.TRUNCATED}, (name, str(found))


def media(brand: bytes, *more: bytes) -> bytes:
    size = 16 + 4 * len(more)
    return size.to_bytes(4, "big") + b"ftyp" + brand + bytes(4) + b"".join(more) + bytes(40)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (media(b"heic"), "HEIC"), (media(b"heix"), "HEIC"), (media(b"mif1", b"heic"), "HEIC"),
        (media(b"mif1", b"avif"), "AVIF"), (media(b"avis"), "AVIF"), (media(b"crx "), "CR3"),
        (media(b"isom", b"mp42"), ""), (b"RIFF\0\0\0\0WEBP", "WebP"), (b"RIFF\0\0\0\0WAVE", ""),
        (b"\xff\x0a\0\0", "JPEG XL"), (b"", ""), (b"text", ""),
    ],
)  # fmt: skip
def test_files_are_told_by_how_they_begin(data: bytes, kind: str) -> None:
    assert kind_of(data) == kind
