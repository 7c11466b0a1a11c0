"""Whatever lies in a folder: every verb gives each input its row, in order, and nobody else's."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.cli import exit_code

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow on damaged files

Maker: TypeAlias = Callable[[random.Random], bytes]

HISTORIES = 6
FILES = 11

LITTER = ("Thumbs.db", "THUMBS.DB", "desktop.ini", ".DS_Store", "._photo.jpg", ".hidden.png")
"""What systems leave in folders; no input."""

LITTER_FOLDERS = ("@eaDir", "__MACOSX")

NAMES = (
    b"plain", b"with space", b"caf\xc3\xa9", b"cafe\xcc\x81", b"caf\xe9", b"esc\x1b[31m",
    b"new\nline", b"img[1]", b"what?", b"star*", b"a::b", b"--json", b"100%", b"quote'\"",
    b"comma,semi;colon", b"tab\t", b"\xe2\x80\xaertl", b"UPPER", b"~", b"$HOME", b"label=1", b"-",
    b"\xf0\x9f\x90\x88",
)  # fmt: skip


def _picture(chance: random.Random, side: int = 24) -> Image.Image:
    """A picture that no other call gives again."""
    grid = np.frombuffer(chance.randbytes(6 * 6 * 3), np.uint8).reshape(6, 6, 3)
    return Image.fromarray(grid).resize((side, side), Image.Resampling.NEAREST)


def _saved(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def _cut(format: str) -> Maker:
    def make(chance: random.Random) -> bytes:
        whole = _saved(_picture(chance), format)
        return whole[: chance.randrange(1, len(whole))]

    return make


def _flipped(format: str) -> Maker:
    def make(chance: random.Random) -> bytes:
        whole = bytearray(_saved(_picture(chance), format))
        for _ in range(8):
            whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        return bytes(whole)

    return make


def _deep_grey(chance: random.Random) -> bytes:
    grey = np.asarray(_picture(chance).convert("L")).astype(np.uint16)
    return _saved(
        Image.fromarray(grey * chance.choice((4, 16, 257))), chance.choice(("PNG", "TIFF"))
    )


def _with_text(chance: random.Random) -> bytes:
    whole = _saved(_picture(chance), "PNG")
    text = b"c\0\0" + zlib.compress(b"x" * 3_000_000)
    chunk = b"zTXt" + text
    damage = chance.choice((0, 255))
    packed = struct.pack(">I", len(text)) + chunk + struct.pack(">I", zlib.crc32(chunk) ^ damage)
    return whole[:33] + packed + whole[33:]


def _alpha(chance: random.Random) -> bytes:
    shape = _picture(chance).convert("L")
    black = Image.new("L", shape.size, 0)
    return _saved(Image.merge("RGBA", [black, black, black, shape]), "PNG")


KINDS: dict[str, Maker] = {
    "png": lambda chance: _saved(_picture(chance), "PNG"),
    "jpg": lambda chance: _saved(_picture(chance), "JPEG", quality=95),
    "JPG": lambda chance: _saved(_picture(chance), "JPEG", quality=90),
    "webp": lambda chance: _saved(_picture(chance), "WEBP"),
    "gif": lambda chance: _saved(_picture(chance), "GIF"),
    "tif": lambda chance: _saved(_picture(chance), "TIFF"),
    "bmp": lambda chance: _saved(_picture(chance), "BMP"),
    "avif": _cut("PNG"),
    "deep.png": _deep_grey,
    "deep.tif": _deep_grey,
    "text.png": _with_text,
    "alpha.png": _alpha,
    "cut.jpg": _cut("JPEG"),
    "cut.png": _cut("PNG"),
    "cut.gif": _cut("GIF"),
    "cut.tif": _cut("TIFF"),
    "cut.webp": _cut("WEBP"),
    "flipped.jpg": _flipped("JPEG"),
    "flipped.png": _flipped("PNG"),
    "flipped.tif": _flipped("TIFF"),
    "empty.jpg": lambda chance: b"",
    "page.jpg": lambda chance: b"<!DOCTYPE html><html>" + chance.randbytes(4).hex().encode(),
    "noise.png": lambda chance: chance.randbytes(chance.randrange(1, 400)),
    "heic": lambda chance: b"\0\0\0\x18ftypheic" + chance.randbytes(20),
    "txt": lambda chance: b"no picture",
}


def _fill(folder: Path, chance: random.Random, depth: int = 0) -> None:
    """Random files, folders, links and litter in one folder."""
    for stem in chance.sample(NAMES, chance.randrange(4, FILES)):
        kind = chance.choice(list(KINDS))
        path = os.path.join(os.fsencode(folder), stem + b"." + kind.encode())
        Path(os.fsdecode(path)).write_bytes(KINDS[kind](chance))
    for name in chance.sample(LITTER, 2):
        (folder / name).write_bytes(chance.randbytes(30))
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(folder / "pipe.png")
    if depth < 1:
        for name in ("folder.jpg", "sub", *chance.sample(LITTER_FOLDERS, 1)):
            (folder / name).mkdir()
            _fill(folder / name, chance, depth + 1)


def _inputs(folder: str) -> list[str]:
    """What is an input, in order, by a walk of this test's own."""
    paths: list[str] = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.startswith(".") or name in LITTER or name in LITTER_FOLDERS:
            continue
        paths += _inputs(path) if os.path.isdir(path) else [path]
    return paths


def _alone(path: str) -> bytes | None:
    """The vector of one file that is encoded by itself; None if it has none."""
    vectors = lookalike.load_encoder("pixels").encode(Path(path)).vectors
    return vectors[0].tobytes() if len(vectors) else None


def _require_own_rows(found: lookalike.Embeddings, ids: list[str], paths: list[str]) -> None:
    """Inputs are rows plus reasons, in order, and each vector is that of its own file."""
    assert [row.id for row in found.rows] == ids
    assert len(found.vectors) + len(found.failures) == len(ids)
    vectors = iter(found.vectors)
    for row, path in zip(found.rows, paths, strict=True):
        assert (next(vectors).tobytes() if row.ok else None) == _alone(path), row.id
        assert row.ok or (row.reason is not None and row.detail)


@pytest.fixture(params=range(HISTORIES))
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


def test_a_folder_a_list_a_shuffled_list_and_what_is_missing(
    tmp_path: Path, chance: random.Random
) -> None:
    _fill(tmp_path, chance)
    encoder = lookalike.load_encoder("pixels")
    inputs = _inputs(str(tmp_path))
    _require_own_rows(encoder.encode(str(tmp_path), batch_size=3, workers=3), inputs, inputs)
    shuffled = [*inputs, str(tmp_path / "not there.png"), str(tmp_path / "no[t]here?.png")]
    chance.shuffle(shuffled)
    for given in (shuffled, [Path(path) for path in shuffled]):
        _require_own_rows(encoder.encode(given, batch_size=3), shuffled, shuffled)


def test_an_archive_and_a_table(tmp_path: Path, chance: random.Random) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    _fill(folder, chance, depth=1)
    encoder = lookalike.load_encoder("pixels")
    inputs = _inputs(str(folder))
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(folder, arcname="pictures")
    found = encoder.encode(str(tmp_path / "all.tar"))
    with tarfile.open(tmp_path / "all.tar") as archive:
        members = archive.getnames()
    wanted = {os.path.join("pictures", os.path.relpath(path, folder)) for path in inputs}
    ids = [f"{tmp_path}/all.tar::{name}" for name in members if name in wanted]
    assert [row.id for row in found.rows] == ids
    assert len(ids) == len(inputs)
    assert len(found.vectors) + len(found.failures) == len(ids)
    texts = [path for path in inputs if path.isprintable() and path == path.strip()]
    with (tmp_path / "list.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["path"], *([path] for path in texts)])
    _require_own_rows(encoder.encode(str(tmp_path / "list.csv")), texts, texts)


def test_a_store_now_and_after_files_changed_came_and_went(
    tmp_path: Path, chance: random.Random
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    _fill(folder, chance)
    store = tmp_path / "store"
    for _ in range(2):
        done = lookalike.embed(str(folder), store=store, model="pixels", shard_inputs=5)
        found = lookalike.Embeddings.open(store)
        inputs = _inputs(str(folder))
        assert sorted(row.id for row in found.rows) == sorted(inputs)
        assert done.inputs == len(inputs)
        by_id = {row.id: row for row in found.rows}
        for id, vector in zip(found.ids, found.vectors, strict=True):
            assert vector.tobytes() == _alone(id), by_id[id]
        _shake(folder, inputs, chance)


def _shake(folder: Path, inputs: list[str], chance: random.Random) -> None:
    """Some files go, some become others or folders, some come."""
    for path in chance.sample(inputs, 6):
        os.unlink(path)
        change = chance.choice(("gone", "another", "folder"))
        if change == "another":
            Path(path).write_bytes(KINDS[chance.choice(list(KINDS))](chance))
        elif change == "folder":
            os.mkdir(path)
            Path(path, "within.png").write_bytes(KINDS["png"](chance))
    (folder / "new.png").write_bytes(KINDS["png"](chance))


def test_pairs_and_matches(
    tmp_path: Path, chance: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    _fill(folder, chance, depth=1)
    query = tmp_path / "query.png"
    query.write_bytes(KINDS["png"](chance))
    inputs = _inputs(str(folder))
    assert exit_code(["compare", str(query), str(folder), "-m", "pixels", "--json"]) in {0, 1}
    printed = json.loads(capsys.readouterr().out)["results"]
    assert len(printed) == len(inputs)
    assert all((row["value"] is None) == ("error" in row) for row in printed)
    rows = lookalike.compare(str(query), str(folder), models="pixels").results
    assert [row.b for row in rows] == inputs
    for row in rows:
        assert (row.value is None) == (_alone(row.b) is None)
    pairs = [
        (a, b) for a, b in (chance.sample([*inputs, str(query), "not there"], 2) for _ in range(9))
    ]
    matches = lookalike.ImageMatcher("pixels").match_pairs(pairs)
    assert [(match.a, match.b) for match in matches] == pairs
    for match in matches:
        readable = _alone(match.a) is not None and _alone(match.b) is not None
        assert (match.value is not None) == readable == (match.error is None)
