import numpy as np
import pytest
from PIL import Image
from tests.images.tiffs import one_page

from lookalike.images import Place, Reason, Unreadable, decode
from lookalike.images.refusal import NEEDED


def refused(data: bytes) -> Unreadable:
    found = decode(Place("memory", None, lambda _: data))
    assert isinstance(found, Unreadable)
    return found


def media(brand: bytes) -> bytes:
    return b"\0\0\0\x14ftyp" + brand + bytes(4) + b"mif1" + bytes(80)


JPEG2000 = b"\xff\x4f\xff\x51\0\x29\0\0" + bytes(60)


@pytest.mark.parametrize(
    ("kind", "format", "data"),
    [
        ("AVIF", "AVIF", media(b"avif")),
        ("WebP", "WEBP", b"RIFF\x40\0\0\0WEBPVP8 " + bytes(64)),
        ("JPEG 2000", "JPEG2000", JPEG2000),
        ("JPEG XL", "JXL", b"\xff\x0a" + bytes(64)),
    ],
)
def test_a_format_without_its_reader_names_what_is_needed(
    kind: str, format: str, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.init()
    monkeypatch.delitem(Image.OPEN, format, raising=False)
    found = refused(data)
    assert found.reason is Reason.NEEDS_EXTRA
    assert found.detail == NEEDED[kind]


def test_a_reader_that_pillow_was_built_without_is_needed_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Image.init()
    said = "image file could not be identified because WEBP support not installed"
    monkeypatch.setitem(Image.OPEN, "WEBP", (None, lambda prefix: said))
    assert refused(b"RIFF\x40\0\0\0WEBPVP8 " + bytes(64)).reason is Reason.NEEDS_EXTRA


@pytest.mark.parametrize(
    "data",
    [
        one_page(bytes(200), (10, 10), (10,), 1),
        one_page(bytes(200), (10, 10), (12, 12, 12), 2),
        one_page(bytes(200), (10, 10), (8,), 1, {259: 34712}),
        b"\xff\xd8\xff\xc1\0\x0b\x0c\0\x08\0\x08\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0\xff\xd9",
        b"8BPS\0\x01" + bytes(6) + b"\0\x03" + b"\0\0\0\x04\0\0\0\x04\0\x20\0\x03" + bytes(64),
        b"FUJIFILMCCD-RAW 0201" + bytes(64),
        media(b"crx "),
    ],
    ids=["10 bits", "12-bit colours", "unknown packing", "12-bit JPEG", "32-bit PSD", "RAF", "CR3"],
)
def test_a_whole_file_of_an_odd_kind_is_unsupported(data: bytes) -> None:
    assert refused(data).reason is Reason.UNSUPPORTED, str(refused(data))


def test_a_tiff_whose_size_is_nonsense_is_no_picture() -> None:
    pixels = np.zeros((2, 2), np.uint8).tobytes()
    assert refused(one_page(pixels, (0, 2), (8,), 1)).reason in {
        Reason.CORRUPT, Reason.ZERO_SIZED, Reason.UNSUPPORTED,
    }  # fmt: skip
