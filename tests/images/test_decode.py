import os
import socket
import struct
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lookalike.images import Limits, Picture, Place, Reason, Unreadable, decode
from lookalike.images.place import ReadError, file_place

AsNobody = Callable[[], AbstractContextManager[None]]
SMALL = Limits(max_pixels=1_000_000)
BROKEN = {Reason.TRUNCATED, Reason.CORRUPT, Reason.NOT_AN_IMAGE}
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def decoded(data: bytes, limits: Limits | None = None) -> Picture | Unreadable:
    return decode(Place("memory", None, lambda _: data), limits)


def picture(outcome: Picture | Unreadable) -> Picture:
    assert isinstance(outcome, Picture), outcome
    return outcome


def reason(outcome: Picture | Unreadable) -> Reason:
    assert isinstance(outcome, Unreadable), outcome
    return outcome.reason


def rgb(outcome: Picture | Unreadable, *, exif: bool = True) -> NDArray[np.uint8]:
    return np.asarray(picture(outcome).rgb(exif=exif))


def png_of_size(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(64)))
    return b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b"")


JPEG = encoded(Image.fromarray(PIXELS), "JPEG", quality=90)
PROGRESSIVE = encoded(Image.fromarray(PIXELS), "JPEG", quality=90, progressive=True)
PNG = encoded(Image.fromarray(PIXELS), "PNG")
BMP = encoded(Image.fromarray(PIXELS), "BMP")


# one outcome for every hostile input


@pytest.mark.parametrize(
    ("data", "expected", "words"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>", Reason.NOT_AN_IMAGE, "HTML"),
        (b"\n <HTML><body>404</body></HTML>", Reason.NOT_AN_IMAGE, "HTML"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Reason.NOT_AN_IMAGE, "SVG"),
        (b"<?xml version='1.0'?>\n<svg width='9'/>", Reason.NOT_AN_IMAGE, "SVG"),
        (b"%PDF-1.7\n1 0 obj", Reason.NOT_AN_IMAGE, "PDF"),
        (b"just some words", Reason.NOT_AN_IMAGE, "no picture format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", Reason.NOT_AN_IMAGE, "no picture"),
        (PNG[:8], Reason.TRUNCATED, "truncated PNG"),
        (png_of_size(0, 5), Reason.ZERO_SIZED, "zero"),
        (png_of_size(5, 0), Reason.ZERO_SIZED, "zero"),
        (BMP[:18] + bytes(4) + BMP[22:], Reason.ZERO_SIZED, "zero"),
        (b"GIF89a" + bytes(64), Reason.ZERO_SIZED, "zero"),
        (png_of_size(60_000, 60_000), Reason.TOO_LARGE, "60000 x 60000"),
        (png_of_size(9, 9), Reason.TRUNCATED, "truncated"),
        (PNG.replace(b"IHDR", b"IHDX"), Reason.CORRUPT, "checksum of chunk 'IHDX'"),
    ],
)  # fmt: skip
def test_bytes_without_a_picture_get_their_reason(
    data: bytes, expected: Reason, words: str
) -> None:
    outcome = decoded(data)
    assert reason(outcome) is expected
    assert words in str(outcome)


def test_a_web_page_named_jpg_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_text("<html>not found</html>")
    outcome = decode(file_place(str(path)))
    assert reason(outcome) is Reason.NOT_AN_IMAGE
    assert (outcome.id, outcome.path) == (str(path), str(path))


@pytest.mark.parametrize("data", [JPEG, PROGRESSIVE, PNG], ids=["jpeg", "progressive", "png"])
@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_picture_cut_off_is_never_taken_for_whole(data: bytes, tenth: int) -> None:
    assert reason(decoded(data[: len(data) * tenth // 10])) is Reason.TRUNCATED


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "BMP", "PPM", "TGA", "JPEG2000", "ICO"])
def test_rarer_formats_cut_off_are_never_taken_for_whole(format: str) -> None:
    data = encoded(Image.fromarray(PIXELS), format)
    assert picture(decoded(data))
    for tenth in range(1, 10):
        assert reason(decoded(data[: len(data) * tenth // 10])) in BROKEN, tenth


@pytest.mark.parametrize("data", [JPEG, PROGRESSIVE, PNG], ids=["jpeg", "progressive", "png"])
def test_a_cut_at_any_byte_has_an_outcome(data: bytes) -> None:
    whole = rgb(decoded(data))
    for end in (*range(0, len(data), 97), *range(len(data) - 40, len(data))):
        outcome = decoded(data[:end])
        if isinstance(outcome, Picture):
            assert np.array_equal(rgb(outcome), whole)
        else:
            assert outcome.reason in BROKEN


def test_a_bomb_in_memory_is_refused_as_in_a_file() -> None:
    place = Place("memory", None, lambda _: Image.new("L", (11, 10)))
    assert reason(decode(place, Limits(max_pixels=109))) is Reason.TOO_LARGE
    assert picture(decode(place, Limits(max_pixels=110))).width == 11


def test_max_pixels_is_the_largest_picture_allowed() -> None:
    assert reason(decoded(PNG, Limits(max_pixels=40 * 50 - 1))) is Reason.TOO_LARGE
    assert picture(decoded(PNG, Limits(max_pixels=40 * 50))).height == 40


def test_max_bytes_is_the_largest_file_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    place = file_place(str(path))
    assert reason(decode(place, Limits(max_bytes=len(PNG) - 1))) is Reason.TOO_LARGE
    assert picture(decode(place, Limits(max_bytes=len(PNG))))


@pytest.mark.parametrize("data", [PNG, JPEG[:300], b"nothing", png_of_size(60_000, 60_000)])
@pytest.mark.parametrize("limit", [None, 10, 89_478_485])
def test_pillows_global_limit_neither_decides_nor_changes(
    data: bytes, limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    outcome = decoded(data)
    assert limit == Image.MAX_IMAGE_PIXELS
    assert isinstance(outcome, Picture) == (data == PNG)


def test_heic_without_its_reader_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = decoded(b"\0\0\0\x18ftypheic" + bytes(64))
    assert reason(outcome) is Reason.NEEDS_EXTRA
    assert "lookalike[heif]" in str(outcome)


def test_running_out_of_memory_is_a_reason() -> None:
    def read(limits: Limits) -> bytes:
        raise MemoryError

    assert reason(decode(Place("huge", None, read))) is Reason.OUT_OF_MEMORY


# places on disk that are no files of pictures


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_file_that_may_not_be_read(open_folder: Path, as_nobody: AsNobody) -> None:
    path = open_folder / "secret.png"
    path.write_bytes(PNG)
    path.chmod(0)
    with as_nobody():
        assert reason(decode(file_place(str(path)))) is Reason.PERMISSION


def test_a_folder_that_may_not_be_entered(open_folder: Path, as_nobody: AsNobody) -> None:
    folder = open_folder / "secret"
    folder.mkdir()
    (folder / "a.png").write_bytes(PNG)
    folder.chmod(0o600)
    with as_nobody():
        outcome = decode(file_place(str(folder / "a.png")))
    folder.chmod(0o700)
    assert reason(outcome) is Reason.PERMISSION


def test_nothing_there(tmp_path: Path) -> None:
    assert reason(decode(file_place(str(tmp_path / "no.png")))) is Reason.MISSING


def test_a_broken_link_names_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("gone.png")
    outcome = decode(file_place(str(tmp_path / "link.png")))
    assert reason(outcome) is Reason.MISSING
    assert "gone.png" in str(outcome)


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert reason(decode(file_place(str(tmp_path / "loop.png")))) is Reason.NOT_A_FILE


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    assert reason(decode(file_place(str(tmp_path / "empty.png")))) is Reason.EMPTY


def test_a_folder_a_device_and_a_socket_are_no_files(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, tempfile.TemporaryDirectory() as short:
        listener.bind(f"{short}/s")
        for path in (str(tmp_path), os.devnull, "/dev/zero", f"{short}/s"):
            assert reason(decode(file_place(path))) is Reason.NOT_A_FILE, path


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    path = str(tmp_path / "pipe.png")
    os.mkfifo(path)
    outcomes: list[Picture | Unreadable] = []
    reader = threading.Thread(target=lambda: outcomes.append(decode(file_place(path))), daemon=True)
    reader.start()
    reader.join(10)
    assert [reason(one) for one in outcomes] == [Reason.NOT_A_FILE]


@pytest.mark.parametrize(
    "name", [b"new\nline.png", b"caf\xe9.png", "é 絵 🖼.png".encode(), b"-a;b'\".png"]
)
def test_any_file_name_is_read_and_kept(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(str(tmp_path), os.fsdecode(name))
    with open(path, "wb") as stream:
        stream.write(PNG)
    outcome = decode(file_place(path))
    assert np.array_equal(rgb(outcome), PIXELS)
    assert os.fsencode(outcome.id).endswith(name)


def test_a_name_that_no_file_can_have() -> None:
    assert reason(decode(file_place("a\0b.png"))) is Reason.READ_ERROR


# what kinds of picture become


def test_lossless_pixels_come_in_unchanged() -> None:
    for format in ("PNG", "TIFF", "BMP", "PPM", "TGA"):
        assert np.array_equal(rgb(decoded(encoded(Image.fromarray(PIXELS), format))), PIXELS)


def test_every_16_bit_grey_is_rounded_to_the_nearest_byte() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = (levels.astype(np.int64) + 128) // 257
    for format in ("PNG", "TIFF"):
        grey = rgb(decoded(encoded(Image.fromarray(levels), format)))
        assert np.array_equal(grey, np.repeat(expected[..., None], 3, axis=2))


def test_cmyk_comes_out_in_its_colours() -> None:
    inks = Image.new("CMYK", (32, 16), (0, 255, 255, 51))
    for format, tolerance in (("TIFF", 0), ("JPEG", 3)):
        found = picture(decoded(encoded(inks, format)))
        assert found.image.mode == "CMYK"
        assert np.abs(rgb(found).astype(int) - (204, 0, 0)).max() <= tolerance


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_a_picture_of_many_frames_is_its_first(format: str) -> None:
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
    assert np.array_equal(rgb(decoded(data)), np.asarray(frames[0]))


def test_a_palette_with_levels_of_transparency() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    found = picture(decoded(encoded(image, "PNG", transparency=bytes([0, 51, 255]))))
    assert found.image.mode == "P"
    assert np.asarray(found.rgb()).tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]
    over_white = np.asarray(found.rgb(alpha=(255, 255, 255))).tolist()
    assert over_white == [[[255, 255, 255], [204, 255, 204], [0, 0, 255]]]


def test_grey_with_alpha() -> None:
    found = picture(decoded(encoded(Image.new("LA", (2, 2), (40, 0)), "PNG")))
    assert found.image.mode == "LA"
    assert found.rgb().getpixel((0, 0)) == (40, 40, 40)
    assert found.rgb(alpha=(9, 8, 7)).getpixel((0, 0)) == (9, 8, 7)


def test_black_and_white_is_0_and_255() -> None:
    bits = PIXELS[..., 0] > 127
    for format in ("PNG", "TIFF"):
        found = decoded(encoded(Image.fromarray(bits), format))
        assert picture(found).image.mode == "1"
        assert np.array_equal(rgb(found), np.repeat(bits[..., None], 3, axis=2) * np.uint8(255))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 65535, 25700]], np.int32), [0, 255, 100]),
        (np.array([[0, 1, 0.4]], np.float32), [0, 255, 102]),
        (np.array([[0, 70_000, 1]], np.int32), None),
        (np.array([[-1, 0, 1]], np.int32), None),
        (np.array([[0, 1.5, 1]], np.float32), None),
        (np.array([[0, -0.5, 1]], np.float32), None),
        (np.array([[0, np.nan, 1]], np.float32), None),
    ],
)
def test_wide_values_are_scaled_only_where_their_range_is_known(
    values: NDArray[np.generic], expected: list[int] | None
) -> None:
    found = picture(decoded(encoded(Image.fromarray(values), "TIFF")))
    if expected is not None:
        assert np.asarray(found.rgb())[0].tolist() == [[level] * 3 for level in expected]
    else:
        with pytest.raises(ReadError) as error:
            found.rgb()
        assert error.value.reason is Reason.UNSUPPORTED


# EXIF orientation

BLOCKS = np.random.default_rng(1).integers(0, 256, (3, 5, 3), dtype=np.uint8)
UPRIGHT: NDArray[np.uint8] = BLOCKS.repeat(16, axis=0).repeat(16, axis=1)
STORED: dict[
    int, NDArray[np.uint8]
] = {  # where row 0 and column 0 of the file lie, by the standard
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.transpose(1, 0, 2),
    6: UPRIGHT.transpose(1, 0, 2)[::-1],
    7: UPRIGHT.transpose(1, 0, 2)[::-1, ::-1],
    8: UPRIGHT.transpose(1, 0, 2)[:, ::-1],
}


def oriented(format: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    stored = Image.fromarray(np.ascontiguousarray(STORED.get(orientation, UPRIGHT)))
    return encoded(stored, format, exif=exif, **options)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright_once(format: str, orientation: int) -> None:
    found = picture(decoded(oriented(format, orientation)))
    assert np.array_equal(rgb(found), UPRIGHT)
    assert np.array_equal(rgb(found, exif=False), STORED[orientation])
    assert (found.height, found.width) == UPRIGHT.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_a_jpeg_is_turned_upright_once(orientation: int) -> None:
    data = oriented("JPEG", orientation)
    with Image.open(BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
        stored = np.asarray(image)
    assert np.array_equal(rgb(decoded(data)), expected)
    assert np.array_equal(rgb(decoded(data), exif=False), stored)
    assert np.abs(expected.astype(int) - UPRIGHT).mean() < 10  # the reference is upright itself


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(orientation: int) -> None:
    found = picture(decoded(oriented("PNG", orientation)))
    assert np.array_equal(rgb(found), UPRIGHT)
    assert (found.height, found.width) == UPRIGHT.shape[:2]


def test_a_broken_exif_block_does_not_cost_the_picture() -> None:
    data = encoded(Image.fromarray(PIXELS), "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert np.array_equal(rgb(decoded(data)), PIXELS)


# no bytes raise

BEGINNINGS = [
    b"",
    JPEG[:20],
    PNG[:33],
    BMP[:54],
    b"GIF89a",
    b"P6 9 9 255\n",
    b"RIFF\0\0\0\0WEBPVP8 ",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"\0\0\0\x1cftypavif",
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"\0\0\x01\0\x01\0",
    b"8BPS\0\x01",
    b"DDS ",
    b"icns",
    b"qoif",
    b"\x01\xda",
    b"SIMPLE  =",
    b"/* XPM */",
]
ORIGINALS = [
    JPEG,
    PROGRESSIVE,
    PNG,
    *(
        encoded(Image.fromarray(PIXELS), name)
        for name in ("GIF", "TIFF", "WEBP", "BMP", "JPEG2000")
    ),
    oriented("JPEG", 6),
    oriented("TIFF", 6),
]


def has_one_outcome(data: bytes) -> None:
    outcome = decoded(data, SMALL)
    if isinstance(outcome, Picture):
        with suppress(ReadError):
            assert outcome.rgb().mode == "RGB"
    else:
        odd = {Reason.TOO_LARGE, Reason.ZERO_SIZED, Reason.UNSUPPORTED, Reason.NEEDS_EXTRA}
        assert outcome.reason in BROKEN | odd
        assert outcome.detail


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=300))
def test_random_bytes_never_raise(beginning: bytes, rest: bytes) -> None:
    has_one_outcome(beginning + rest)


@given(st.sampled_from(ORIGINALS), st.data())
def test_damaged_pictures_never_raise(original: bytes, data: st.DataObject) -> None:
    damaged = bytearray(original)
    reach = data.draw(st.sampled_from([64, len(original)]))  # headers deserve the most
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, reach - 1))] = data.draw(st.integers(0, 255))
    has_one_outcome(bytes(damaged))
