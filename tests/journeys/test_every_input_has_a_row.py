"""A folder of files that want to break the loop: one outcome a file, and nobody else's picture."""

import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.cli import exit_code
from lookalike.images import Reason
from lookalike.testing import scene_picture

pytestmark = pytest.mark.filterwarnings("ignore:Corrupt EXIF data")

Outcomes: TypeAlias = "frozenset[Reason | None]"
"""What may become of a file; None is a vector."""

NOBODY = 65534
ORIENTATION = 0x0112
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""Orientation → how an upright picture lies in a file with that tag (the inverse of reading)."""


def jpeg(picture: Image.Image, **options: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=100, subsampling=0, **options)
    return stream.getvalue()


def png(picture: Image.Image) -> bytes:
    stream = BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds a few bytes: a decompression bomb in its smallest form."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def turned(upright: Image.Image, orientation: int) -> bytes:
    turn = STORED[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = upright if turn is None else upright.transpose(turn)
    return jpeg(stored, exif=exif)


def hostile(upright: Image.Image) -> Iterator[tuple[bytes, bytes, Outcomes]]:
    """(file name, content, admissible reasons; None for a vector) for every kind of trouble."""
    whole: Outcomes = frozenset({None})
    broken: Outcomes = frozenset({Reason.TRUNCATED, Reason.CORRUPT, Reason.NOT_AN_IMAGE})
    alien: Outcomes = frozenset({Reason.NOT_AN_IMAGE})
    large: Outcomes = frozenset({Reason.TOO_LARGE})
    yield b"empty.jpg", b"", frozenset({Reason.EMPTY})
    for format, content in (("jpg", jpeg(upright)), ("png", png(upright))):
        for tenth in range(1, 10):
            name = f"truncated-{tenth}.{format}".encode()
            yield name, content[: len(content) * tenth // 10], broken
        yield f"no-end.{format}".encode(), content[:-2], whole | broken
        yield f"tail.{format}".encode(), content + b"more", whole
        yield f"flipped.{format}".encode(), content[:60] + b"\xff" * 60 + content[120:], broken
    yield b"page.jpg", b"<!DOCTYPE html><html><body>404</body></html>", alien
    yield b"drawing.png", b"<svg xmlns='x'></svg>", alien
    yield b"document.jpg", b"%PDF-1.7 ...", alien
    yield (
        b"postscript.jpg",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        alien,
    )
    yield b"bitmap.bmp", b"BM" + b"\xff" * 40, broken
    yield b"webp.webp", b"RIFF\x10\0\0\0WEBPVP8 ", broken
    yield b"tiff.tif", b"II*\0\xff\xff\xff\xff", broken
    yield b"text", b"no extension, no picture", alien
    yield b"zeros.gif", b"\0" * 4096, alien
    yield b"zero-sized.png", png_header(0, 0), broken | {Reason.ZERO_SIZED}
    yield b"bomb.png", png_header(60_000, 60_000), large
    yield b"bomb-2.png", png_header(2**31 - 1, 1), large
    grey16 = np.asarray(upright.convert("L")).astype(np.uint16) * 257
    yield b"grey16.png", png(Image.fromarray(grey16)), whole
    yield b"cmyk.jpg", jpeg(upright.convert("CMYK")), whole
    yield b"grey.jpg", jpeg(upright.convert("L")), whole
    yield b"palette.png", png(upright.convert("P")), whole
    yield b"one-bit.png", png(upright.convert("1")), whole
    clear = upright.convert("RGBA")
    clear.putalpha(0)
    yield b"clear.png", png(clear), whole
    stream = BytesIO()
    frames = [Image.new("RGB", upright.size, "red"), Image.new("RGB", upright.size, "blue")]
    upright.convert("P").save(stream, "GIF", save_all=True, append_images=frames)
    yield b"animated.gif", stream.getvalue(), whole
    for orientation in STORED:
        yield f"exif-{orientation}.jpg".encode(), turned(upright, orientation), whole
    yield b"broken-exif.jpg", jpeg(upright, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"), whole
    yield b"new\nline.png", png(upright), whole
    yield b"caf\xe9-\xff.png", png(upright), whole
    yield b"jpeg-inside.png", jpeg(upright), whole


def fill(folder: Path, upright: Image.Image) -> dict[str, Outcomes]:
    """Write the hostile files; returns path → admissible reasons."""
    expected: dict[str, Outcomes] = {}
    for bytes_name, content, reasons in hostile(upright):
        path = os.path.join(folder, os.fsdecode(bytes_name))
        Path(path).write_bytes(content)
        expected[path] = reasons
    specials: dict[str, tuple[Callable[[Path], object], Reason]] = {
        "link.jpg": (lambda path: path.symlink_to("nowhere.jpg"), Reason.MISSING),
        "loop.jpg": (lambda path: path.symlink_to("loop.jpg"), Reason.NOT_A_FILE),
        "pipe.jpg": (lambda path: os.mkfifo(path), Reason.NOT_A_FILE),
        "secret.jpg": (lambda path: path.write_bytes(jpeg(upright)), Reason.PERMISSION),
    }
    for name, (make, reason) in specials.items():
        make(folder / name)
        expected[str(folder / name)] = frozenset({reason})
    (folder / "secret.jpg").chmod(0)
    return expected


@pytest.fixture
def without_privileges(tmp_path: Path) -> Iterator[None]:
    """Root may read everything, so the test goes on as nobody."""
    if os.geteuid() != 0:
        yield
        return
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


def test_one_outcome_a_file_and_the_right_one(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    expected = fill(tmp_path, Image.fromarray(scene_picture(1)))
    assert len(expected) >= 60
    encoder = lookalike.load_encoder("pixels")
    request.getfixturevalue("without_privileges")
    found = encoder.encode(str(tmp_path))
    assert [row.id for row in found.rows] == sorted(expected)
    wrong = {
        row.id: (row.reason, row.detail) for row in found.rows if row.reason not in expected[row.id]
    }
    assert not wrong
    assert len(found.vectors) + len(found.failures) == len(expected)


def test_good_files_among_bad_ones_have_the_vectors_they_have_alone(tmp_path: Path) -> None:
    (tmp_path / "hostile").mkdir()
    fill(tmp_path / "hostile", Image.fromarray(scene_picture(1)))
    encoder = lookalike.load_encoder("pixels")
    found = encoder.encode(str(tmp_path / "hostile"), batch_size=5)
    for id, vector in zip(found.ids, found.vectors, strict=True):
        np.testing.assert_array_equal(encoder.encode([id]).vectors[0], vector)


def test_the_command_says_that_some_failed_and_strict_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    expected = fill(folder, Image.fromarray(scene_picture(1)))
    Image.fromarray(scene_picture(1)).save(tmp_path / "query.png")
    arguments = ["compare", str(tmp_path / "query.png"), str(folder), "--json"]
    assert exit_code(arguments) == 1
    rows = json.loads(capsys.readouterr().out)["results"]
    assert [row["b"] for row in rows] == sorted(expected)
    assert all((row["value"] is None) == ("error" in row) for row in rows)
    assert exit_code([*arguments, "--strict"]) == 4
    refused = capsys.readouterr()
    assert refused.out == ""
    assert "have no vector" in refused.err


def test_all_eight_exif_orientations_agree_under_a_network(shared: Path, tmp_path: Path) -> None:
    name = f"onnx:{shared}/weights/mobilenet_v1_075_224.onnx"
    encoder = lookalike.load_encoder(f"{name}?preprocess=minus-one-to-one&output=features")
    for photograph in sorted((shared / "images" / "photos").iterdir())[:8]:
        upright = Image.open(photograph).convert("RGB")
        for orientation in STORED:
            (tmp_path / f"{orientation}.jpg").write_bytes(turned(upright, orientation))
        found = encoder.encode(str(tmp_path)).vectors
        assert np.asarray(lookalike.similarity(found, found)).min() >= 0.999
        ignored = lookalike.load_encoder(
            f"{name}?preprocess=minus-one-to-one&output=features&exif=false"
        ).encode(str(tmp_path))
        values = np.asarray(lookalike.similarity(ignored.vectors, ignored.vectors))
        assert values.min() < 0.99  # the switch is a switch
