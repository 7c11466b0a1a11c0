import base64
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.images.tiffs import one_page, packed

from lookalike.images import ImageSource, Picture, Place, Reason, Unreadable, decode
from lookalike.images.depth import BLOCK, narrowed, stretched

RAMP = np.tile(np.arange(256, dtype=np.uint16), (4, 1))
SIZE = (256, 4)
STREAMS = {
    10: (
        "/0//UQApAAAAAABAAAAABAAAAAAAAAAAAAAAQAAAAAQAAAAAAAAAAAABCQEB/1IADAAAAAEAAAQEAAH/XAAEQFD/"
        "ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjD/kAAKAAAAAADmAAH/k9+1qhFrCJr4mpRTfgWa"
        "vVOwp4kJEs4Awj8j6Ze6bQYFmNZ/sSb8y4R9CmCPGXIYFo+xIOLpyng4yM631tLq2l1bS7G9w21aSoHoPdJ1vraX"
        "VtLq2l5nv7Xqxt83zfN83zfN83zfN+v70CywVt183zfN83zfN83zfN84g5cHYIESEvNJxOpAAADA8qZJQoAGEgkr"
        "rf8PHwAYSDynwYPNiD+lPEfcpokBlLXP8uwZS2EgAqAj7lNELSkVNUbVp+xHNh+bEFTVG1afsRzYfmxBU1RtWn7E"
        "c2H5n//Z"
    ),
    12: (
        "/0//UQApAAAAAABAAAAABAAAAAAAAAAAAAAAQAAAAAQAAAAAAAAAAAABCwEB/1IADAAAAAEAAAQEAAH/XAAEQGD/"
        "ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjD/kAAKAAAAAAEgAAH/k9/lDxFrCJr4mpRTfgWa"
        "vVOwp4kJEs4Awj8j6Ze6bQAx4lLmxBvzLhH0KYI8ZchgWj7Eg4unJ4wMnW+tpdW0uraXVtTGfjatNWHa6uE631tL"
        "q2l1bS8zf02+b5vm+b5vm+b5vm+b5v1/egWWCtuvm+b5vm+b5vm+b5vnEj8x0vkwyWFN1CAAwkIJoPNPgAMJCOYb"
        "34CGEe0qBH3KaJCOYLGEe0qBH3KaI+5rboKGBaPsRzYfmw/Nh+bEHtKgMC0fYjmw/Nh+bD82H5q6HG11cJ1vraXV"
        "tLq2l1bS6tqMK6TrfW0uraXVtLq2l1bS6tpeHDYbDYbDYbDYbDYbDYbDYbDYbDYbDYbDYbDYbDYbDYbDYbD/2Q=="
    ),
}
"""Bits → a lossless JPEG 2000 of a ramp of 64 steps and 4 rows, written by OpenJPEG."""


def picture(data: bytes) -> Picture:
    found = decode(Place("memory", None, lambda _: data))
    assert isinstance(found, Picture), found
    return found


def grey(found: Picture) -> NDArray[np.uint8]:
    pixels = np.asarray(found.rgb())
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0]


def png16(
    values: NDArray[np.uint16], *, channels: int = 1, significant: int | None = None
) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    height, width = values.shape[:2]
    colour = {1: 0, 3: 2}[channels]
    rows = values.astype(">u2").reshape(height, -1).view(np.uint8)
    data = np.pad(rows, ((0, 0), (1, 0))).tobytes()
    bits = b"" if significant is None else chunk(b"sBIT", bytes([significant]) * channels)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    rest = chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + bits + rest


def tiff16(values: NDArray[np.uint16], photometric: int = 1, order: str = "<") -> bytes:
    return one_page(values.astype(order + "u2").tobytes(), SIZE, (16,), photometric, order=order)


# grey as its file means it; OpenCV reads some of these files independently


def test_twelve_bits_fill_the_range() -> None:
    values = (RAMP.astype(np.uint32) * 4095 // 255).astype(np.uint16)
    found = picture(one_page(packed(values, 12), SIZE, (12,), 1))
    assert np.abs(grey(found).astype(int) - RAMP).max() <= 1
    assert found.remarks == ()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_sixteen_bits_are_the_right_way_round(order: str, photometric: int, tmp_path: Path) -> None:
    stored = RAMP * np.uint16(257)
    stored = stored if photometric else np.uint16(65535) - stored
    data = tiff16(stored, photometric, order)
    assert np.array_equal(grey(picture(data)), RAMP)
    if photometric:  # OpenCV gives white-is-zero as it is stored
        cv2 = pytest.importorskip("cv2")
        path = tmp_path / "a.tif"
        path.write_bytes(data)
        assert np.array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED) // 257, RAMP)


def test_twelve_bits_whose_white_is_zero() -> None:
    values = (4095 - RAMP.astype(np.int64) * 4095 // 255).astype(np.uint16)
    found = picture(one_page(packed(values, 12), SIZE, (12,), 0))
    assert np.abs(grey(found).astype(int) - RAMP).max() <= 1


def test_floats_whose_white_is_zero() -> None:
    values = (1 - RAMP / 255).astype(np.float32)
    found = picture(one_page(values.tobytes(), SIZE, (32,), 0, {339: 3}))
    assert np.array_equal(grey(found), RAMP)


@pytest.mark.parametrize("bits", STREAMS)
def test_jpeg_2000_of_fewer_bits_fills_the_range(bits: int) -> None:
    found = picture(base64.b64decode(STREAMS[bits]))
    assert np.abs(grey(found) - np.arange(64) * (255 / 63)).max() <= 1
    assert np.asarray(found.image).max() == 65535
    assert found.remarks == ()


def test_jpeg_2000_of_sixteen_bits_is_as_it_was() -> None:
    stream = BytesIO()
    Image.fromarray(RAMP * np.uint16(257)).save(stream, "JPEG2000", no_jp2=True)
    assert np.array_equal(grey(picture(stream.getvalue())), RAMP)


@pytest.mark.parametrize("maxval", [255, 1000, 1023, 4095, 65535])
def test_a_pgm_of_any_maximum_fills_the_range(maxval: int) -> None:
    values = np.rint(RAMP / 255 * maxval)
    data = b"P5 256 4 %d\n" % maxval + values.astype(">u2" if maxval > 255 else "u1").tobytes()
    found = picture(data)
    assert np.abs(grey(found).astype(int) - RAMP).max() <= 1
    assert found.remarks == ()


def test_values_with_a_sign_are_not_taken_for_others() -> None:
    half = one_page((RAMP * np.uint16(128)).astype("<i2").tobytes(), SIZE, (16,), 1, {339: 2})
    assert "sign" in picture(half).remarks[0]
    below = one_page((RAMP.astype(np.int16) - 128).astype("i1").tobytes(), SIZE, (8,), 1, {339: 2})
    found = decode(Place("memory", None, lambda _: below))
    assert isinstance(found, Unreadable)
    assert found.reason is Reason.UNSUPPORTED
    above = one_page((RAMP // 2).astype("i1").tobytes(), SIZE, (8,), 1, {339: 2})
    assert np.array_equal(grey(picture(above)), RAMP // 2)


# values that are suspiciously small


@pytest.mark.parametrize(("top", "said"), [(255, "256"), (1023, "1,024"), (4095, "4,096")])
@pytest.mark.parametrize("kind", ["png", "tiff", "colours", "array", "colour array", "memory"])
def test_values_of_fewer_bits_in_16_are_said_to_be_nearly_black(
    top: int, said: str, kind: str
) -> None:
    values = (RAMP.astype(np.uint32) * top // 255).astype(np.uint16)
    colours = np.repeat(values[..., None], 3, axis=2)
    found: object
    if kind == "png":
        found = picture(png16(values))
    elif kind == "tiff":
        found = picture(tiff16(values))
    elif kind == "colours":
        found = picture(png16(colours, channels=3))
    elif kind == "memory":
        (found,) = ImageSource(Image.fromarray(values))
    else:
        (found,) = ImageSource(values if kind == "array" else colours)
    assert isinstance(found, Picture)
    assert grey(found).max() <= top // 256 + 1
    (remark,) = found.remarks
    assert f"below {said}" in remark
    assert "nearly black" in remark


@pytest.mark.parametrize("top", [4096, 20_000, 65535])
def test_ordinary_values_are_not_remarked_on(top: int) -> None:
    values = (RAMP.astype(np.uint32) * top // 255).astype(np.uint16)
    assert picture(png16(values)).remarks == ()
    assert picture(png16(np.zeros_like(RAMP))).remarks == ()  # black, and meant so
    (found,) = ImageSource(values)
    assert isinstance(found, Picture)
    assert found.remarks == ()


def test_two_unlike_pictures_of_ten_bits_are_not_the_same_in_silence(tmp_path: Path) -> None:
    import lookalike

    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 1024, (40, 40)).astype(np.uint16) for _ in range(2))
    (tmp_path / "one.png").write_bytes(png16(one))
    (tmp_path / "other.png").write_bytes(png16(other))
    done = lookalike.compare(str(tmp_path), models="pixels", pairing="all")
    assert done.results[0].value is not None
    (note,) = (note for note in done.notes if "10-bit" in note)
    assert "(2 pictures: " in note
    assert "one.png" in note
    assert "other.png" in note


@pytest.mark.parametrize("bits", [10, 12])
def test_the_chunk_of_significant_bits_counts_where_it_is_proved(bits: int) -> None:
    top = (1 << bits) - 1
    stored = (RAMP.astype(np.uint32) * top // 255).astype(np.uint16)
    found = picture(png16(stored, significant=bits))
    assert np.abs(grey(found).astype(int) - RAMP).max() <= 1
    assert "sBIT" in found.remarks[0]
    scaled = stored << np.uint16(16 - bits)  # as the standard wants it
    found = picture(png16(scaled, significant=bits))
    assert np.abs(grey(found).astype(int) - RAMP).max() <= 1
    assert found.remarks == ()


# how it is done


def test_blocks_of_rows_come_together_as_the_whole() -> None:
    rows, width = 5, BLOCK // 2 + 1
    values = np.arange(rows * width, dtype=np.uint32).reshape(rows, width) % 65536
    image = Image.fromarray(values.astype(np.uint16))
    assert np.array_equal(np.asarray(narrowed(image)), (values + 128) // 257)
    top = np.asarray(stretched(image, 4095, inverted=True))
    assert np.array_equal(top, 65535 - np.rint(np.minimum(values, 4095) * (65535 / 4095)))
