import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lookalike.images import Picture, Place, Reason, Unreadable, decode
from lookalike.images.png import MOST_TEXT, chunks_of, readable_png

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 4), dtype=np.uint8)


def encoded(image: Image.Image, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


PNG = encoded(Image.fromarray(PIXELS))
PALETTE = encoded(Image.fromarray(PIXELS[..., 0] % 2, "P"), transparency=b"\x10\x20")


def chunk(kind: bytes, content: bytes, *, damaged: bool = False) -> bytes:
    check = zlib.crc32(kind + content) ^ damaged
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def inside(data: bytes, *chunks: bytes) -> bytes:
    return data[:33] + b"".join(chunks) + data[33:]


def before_end(data: bytes, *chunks: bytes) -> bytes:
    return data[:-12] + b"".join(chunks) + data[-12:]


def decoded(data: bytes) -> Picture | Unreadable:
    return decode(Place("memory", None, lambda _: data))


def pixels_of(data: bytes) -> np.ndarray:
    found = decoded(data)
    assert isinstance(found, Picture), found
    return np.asarray(found.image)


LARGE = zlib.compress(b"x" * (MOST_TEXT + 1))
BESIDE = {
    "a large text": chunk(b"zTXt", b"c\0\0" + LARGE),
    "a large international text": chunk(b"iTXt", b"p\0\1\0\0\0" + LARGE),
    "a large profile": chunk(b"iCCP", b"p\0\0" + LARGE),
    "a damaged text": chunk(b"tEXt", b"a\0b", damaged=True),
    "a damaged date": chunk(b"tIME", bytes(7), damaged=True),
    "a damaged EXIF block": chunk(b"eXIf", b"II*\0" + bytes(9), damaged=True),
    "a text that is not packed": chunk(b"zTXt", b"c\0\0nothing packed"),
    "a text packed in an unknown way": chunk(b"zTXt", b"c\0\7" + zlib.compress(b"x")),
    "a text without a key": chunk(b"zTXt", b""),
    "a profile packed in an unknown way": chunk(b"iCCP", b"p\0\7" + zlib.compress(b"x")),
    "an empty profile": chunk(b"iCCP", b""),
    "70 MB of texts": b"".join(chunk(b"tEXt", b"k\0" + b"x" * 7_000_000) for _ in range(10)),
}


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("place", [inside, before_end])
def test_what_stands_beside_the_pixels_never_decides(name: str, place: object) -> None:
    assert callable(place)
    assert np.array_equal(pixels_of(place(PNG, BESIDE[name])), PIXELS)


def test_a_png_without_such_chunks_is_given_as_it_is() -> None:
    data = inside(PNG, chunk(b"tEXt", b"a\0b"), chunk(b"iTXt", b"p\0\0\0\0\0words"))
    assert readable_png(data) is data


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS", b"IDAT"])
def test_a_damaged_chunk_of_the_pixels_is_corrupt_and_named(kind: bytes) -> None:
    data = bytearray(PALETTE)
    one = next(one for one in chunks_of(PALETTE)[0] if one.kind == kind)
    data[one.end - 1] ^= 1
    found = decoded(bytes(data))
    assert isinstance(found, Unreadable)
    assert found.reason is Reason.CORRUPT
    assert kind.decode() in found.detail


def test_a_chunk_that_has_to_be_known_and_is_not_is_unsupported() -> None:
    found = decoded(PNG[:8] + chunk(b"CgBI", bytes(4)) + PNG[8:])  # of Apple's tools
    assert isinstance(found, Unreadable)
    assert found.reason is Reason.UNSUPPORTED
    assert "CgBI" in found.detail


def test_a_palette_that_is_missing_is_corrupt() -> None:
    found = decoded(b"".join((PALETTE[:33], PALETTE[PALETTE.index(b"IDAT") - 4 :])))
    assert isinstance(found, Unreadable)
    assert found.reason is Reason.CORRUPT


def test_a_flipped_bit_in_stored_pixels_is_corrupt() -> None:
    data = bytearray(encoded(Image.fromarray(PIXELS), compress_level=0))
    one = next(one for one in chunks_of(bytes(data))[0] if one.kind == b"IDAT")
    data[one.start + 60] ^= 4
    found = decoded(bytes(data))
    assert isinstance(found, Unreadable)
    assert found.reason is Reason.CORRUPT


def test_which_way_up_is_still_known_beside_a_large_text() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    turned = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    assert readable_png(inside(PNG, turned)) == inside(PNG, turned)
    many = [chunk(b"tEXt", b"k\0" + b"x" * MOST_TEXT), BESIDE["a large text"]]
    for data in (inside(PNG, turned), inside(PNG, turned, *many)):
        found = decoded(data)
        assert isinstance(found, Picture)
        assert found.orientation == 6


def test_an_animation_whose_control_is_damaged_is_its_first_picture() -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime")]
    data = bytearray(encoded(frames[0], save_all=True, append_images=frames[1:]))
    one = next(one for one in chunks_of(bytes(data))[0] if one.kind == b"acTL")
    data[one.end - 1] ^= 1
    assert np.array_equal(pixels_of(bytes(data)), np.asarray(frames[0]))
