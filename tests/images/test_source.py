import inspect
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lookalike.errors import UsageError
from lookalike.images import ImageSource, Limits, Picture, Place, Reason, Unreadable
from lookalike.images.memory import array_image
from lookalike.images.place import ReadError, failed_place, file_place

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def png_bytes(pixels: NDArray[np.uint8] = PIXELS) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


PNG = png_bytes()


def fill(folder: Path, *names: str) -> Path:
    """A folder with a picture at each of these names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PNG)
    return folder


def ids(source: ImageSource, folder: Path | None = None) -> list[str]:
    """Ids in order, relative to a folder if one is given."""
    found = [outcome.id for outcome in source]
    return found if folder is None else [os.path.relpath(one, folder) for one in found]


def reasons(source: ImageSource) -> list[Reason | None]:
    return [one.reason if isinstance(one, Unreadable) else None for one in source]


def rgb(outcome: Picture | Unreadable) -> NDArray[np.uint8]:
    assert isinstance(outcome, Picture), outcome
    return np.asarray(outcome.rgb())


# folders


def test_a_folder_is_walked_in_sorted_order(tmp_path: Path) -> None:
    fill(tmp_path, "b.png", "a/z.png", "a/B.png", "c/d/e.png", "10.png", "9.png")
    expected = ["10.png", "9.png", "a/B.png", "a/z.png", "b.png", "c/d/e.png"]
    assert ids(ImageSource(tmp_path), tmp_path) == expected
    assert ids(ImageSource(str(tmp_path)), tmp_path) == expected


def test_a_walk_without_subfolders_stays_in_the_folder(tmp_path: Path) -> None:
    fill(tmp_path, "b.png", "a/z.png")
    assert ids(ImageSource(tmp_path, recursive=False), tmp_path) == ["b.png"]


def test_hidden_files_and_litter_are_passed_over_unless_asked_for(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", ".hidden.png", ".folder/b.png", "Thumbs.db", "c/desktop.ini")
    assert ids(ImageSource(tmp_path), tmp_path) == ["a.png"]
    everything = [".folder/b.png", ".hidden.png", "Thumbs.db", "a.png", "c/desktop.ini"]
    assert ids(ImageSource(tmp_path, hidden=True), tmp_path) == everything


def test_an_archive_of_a_folder_has_the_inputs_of_the_folder(tmp_path: Path) -> None:
    folder = fill(
        tmp_path / "f", "a.jpg", "s/B.JPG", "._a.jpg", ".DS_Store", "THUMBS.DB", "s/Desktop.ini",
        "@eaDir/a.jpg/THUMB.jpg", "__MACOSX/._a.jpg", ".hidden/c.jpg", "shard-000000.parquet",
    )  # fmt: skip
    with tarfile.open(tmp_path / "f.tar", "w") as archive:
        archive.add(folder, ".")
    for hidden, include in ((False, "*"), (True, "*"), (False, "*.jpg"), (True, "*.jpg")):
        walked = ids(ImageSource(folder, hidden=hidden, include=include), folder)
        packed = ImageSource(tmp_path / "f.tar", hidden=hidden, include=include)
        assert sorted(one.partition("::./")[2] for one in ids(packed)) == sorted(walked)
    assert ids(ImageSource(folder), folder) == ["a.jpg", "s/B.JPG"]
    assert ids(ImageSource(folder / "@eaDir"), folder) == ["@eaDir/a.jpg/THUMB.jpg"]


def test_folders_deeper_than_pythons_stack_are_walked(tmp_path: Path) -> None:
    below = fill(tmp_path, "a.png", "d/" * 150 + "b.png") / ("d/" * 150 + "b.png")
    source = ImageSource(tmp_path, include="*.png")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        found = [place.id for place in source.places()]
    finally:
        sys.setrecursionlimit(before)
    assert found == [f"{tmp_path}/a.png", str(below)]


def test_a_folder_whose_path_is_too_long_is_a_row(tmp_path: Path) -> None:
    name, here = "n" * 200, os.open(tmp_path, os.O_RDONLY)
    for _ in range(22):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    (found,) = ImageSource(tmp_path, include="*.png")
    assert isinstance(found, Unreadable)
    assert found.reason is Reason.READ_ERROR
    assert found.id.startswith(f"{tmp_path}/nnn")


def test_a_file_of_any_name_in_a_folder_is_an_input(tmp_path: Path) -> None:
    fill(tmp_path, "picture", "picture.txt")
    (tmp_path / "readme.md").write_text("words")
    (tmp_path / "gone.png").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    source = ImageSource(tmp_path)
    assert ids(source, tmp_path) == ["gone.png", "picture", "picture.txt", "pipe", "readme.md"]
    assert reasons(source) == [Reason.MISSING, None, None, Reason.NOT_A_FILE, Reason.NOT_AN_IMAGE]


def test_include_keeps_files_by_name_at_any_depth(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "b.jpg", "png/c.png", "png/d.txt")
    assert ids(ImageSource(tmp_path, include="*.png"), tmp_path) == ["a.png", "png/c.png"]


def test_a_file_named_outright_needs_no_include(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg", ".hidden.jpg")
    named = [tmp_path / "a.jpg", tmp_path / ".hidden.jpg"]
    assert ids(ImageSource(named, include="*.png"), tmp_path) == ["a.jpg", ".hidden.jpg"]


def test_a_link_back_up_is_a_row_and_no_endless_walk(tmp_path: Path) -> None:
    fill(tmp_path, "a/b/c.png")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "itself").symlink_to(".")
    source = ImageSource(tmp_path)
    assert ids(source, tmp_path) == ["a/b/c.png", "a/b/up", "a/itself"]
    assert reasons(source) == [None, Reason.NOT_A_FILE, Reason.NOT_A_FILE]


def test_a_link_to_another_folder_is_followed(tmp_path: Path) -> None:
    fill(tmp_path, "a/b.png")
    (tmp_path / "c").symlink_to("a")
    assert ids(ImageSource(tmp_path), tmp_path) == ["a/b.png", "c/b.png"]


def test_a_folder_or_archive_that_may_not_be_read_is_a_row(
    as_nobody: Callable[[], AbstractContextManager[None]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = fill(Path(name), "a/b.png", "c.png")
        pack(root / "d.tar", {"c.png": PNG})
        for path, mode in ((root, 0o755), (root / "a", 0), (root / "d.tar", 0)):
            path.chmod(mode)
        source = ImageSource(root, root / "d.tar")
        with as_nobody():
            found = list(zip(ids(source, root), reasons(source), strict=True))
        (root / "a").chmod(0o755)
    denied = Reason.PERMISSION
    assert found == [("a", denied), ("c.png", None), ("d.tar", denied), ("d.tar", denied)]


@pytest.mark.parametrize("name", [b"new\nline.png", b"caf\xe9.png", b"[a]*?.png"])
def test_names_of_any_bytes_are_found_and_kept(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "wb") as stream:
        stream.write(PNG)
    for source in (ImageSource(tmp_path), ImageSource(os.fsdecode(path))):
        assert [os.fsencode(outcome.id) for outcome in source] == [path]
        assert reasons(source) == [None]


# globs


def test_a_glob_is_expanded_in_sorted_order(tmp_path: Path) -> None:
    fill(tmp_path, "b1.png", "b2.png", "a.png", "c/b3.png")
    assert ids(ImageSource(f"{tmp_path}/b?.png"), tmp_path) == ["b1.png", "b2.png"]
    assert ids(ImageSource(f"{tmp_path}/[!b]*"), tmp_path) == ["a.png", "c/b3.png"]


@pytest.mark.parametrize("pattern", ["**", "**/*", "*", "**/*.png"])
def test_a_glob_finds_each_file_once(tmp_path: Path, pattern: str) -> None:
    fill(tmp_path, "a.png", "s/b.png", "s/t/c.png", "s.png")
    found = ids(ImageSource(f"{tmp_path}/{pattern}"), tmp_path)
    assert sorted(found) == ["a.png", "s.png", "s/b.png", "s/t/c.png"]


def test_a_glob_that_matches_nothing_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="matches nothing") as error:
        list(ImageSource(f"{tmp_path}/*.png"))
    assert error.value.where == f"{tmp_path}/*.png"


def test_a_name_that_looks_like_a_glob_is_the_file_if_there_is_one(tmp_path: Path) -> None:
    fill(tmp_path, "a[1].png", "a1.png")
    assert ids(ImageSource(f"{tmp_path}/a[1].png"), tmp_path) == ["a[1].png"]


@pytest.mark.parametrize("name", ["img[1].png", "what?.png", "*.png"])
def test_a_name_in_a_list_is_never_a_pattern(tmp_path: Path, name: str) -> None:
    fill(tmp_path, "img1.png", "whats.png")
    gone = tmp_path / name
    listing = tmp_path / "list.csv"
    listing.write_text(f"path\n{name}\n")
    for thing in ([str(gone)], gone, listing, np.array([str(gone)]), ((str(gone),),)):
        source = ImageSource(thing)
        assert list(zip(ids(source, tmp_path), reasons(source), strict=True)) == [
            (name, Reason.MISSING)
        ]
        assert all(str(gone) == root for root in source.roots() if root != str(tmp_path))
    assert len(ids(ImageSource(str(gone)))) == 1 + (name == "*.png")


# tables


def table(folder: Path, content: bytes) -> Path:
    path = folder / "list.csv"
    path.write_bytes(content)
    return path


def test_a_table_names_files_relative_to_itself(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "sub/b.png")
    path = table(tmp_path, f"n,path\n1,sub/b.png\n2,a.png\n3,{tmp_path}/a.png\n4,no.png\n".encode())
    source = ImageSource(path)
    assert ids(source, tmp_path) == ["sub/b.png", "a.png", "a.png", "no.png"]
    assert reasons(source) == [None, None, None, Reason.MISSING]


def test_an_empty_cell_is_a_row_that_names_its_line(tmp_path: Path) -> None:
    fill(tmp_path, "a.png")
    path = table(tmp_path, b"path,n\na.png,1\n,2\n\n,3\n")
    source = ImageSource(path)
    assert ids(source, tmp_path) == ["a.png", "list.csv:3", "list.csv:5"]
    assert reasons(source) == [None, Reason.MISSING, Reason.MISSING]


def test_a_table_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    fill(tmp_path, "é.png")
    assert reasons(ImageSource(table(tmp_path, "\ufeffpath\né.png\n".encode()))) == [None]


def test_a_table_finds_a_file_by_either_spelling(tmp_path: Path) -> None:
    fill(tmp_path, "cafe\u0301.png")
    source = ImageSource(table(tmp_path, "path\ncaf\u00e9.png\n".encode()))
    assert ids(source, tmp_path) == ["cafe\u0301.png"]  # its own, as the folder gives it
    assert reasons(source) == [None]


def test_a_table_may_hold_names_that_are_no_utf8(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"caf\xe9.png"), "wb") as stream:
        stream.write(PNG)
    assert reasons(ImageSource(table(tmp_path, b"path\ncaf\xe9.png\n"))) == [None]


def test_a_quoted_cell_may_hold_commas_and_newlines(tmp_path: Path) -> None:
    fill(tmp_path, "a,b\nc.png")
    assert reasons(ImageSource(table(tmp_path, b'path\r\n"a,b\nc.png"\r\n'))) == [None]


def test_the_column_can_be_chosen(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "b.png")
    path = table(tmp_path, b"path,other\na.png,b.png\n")
    assert ids(ImageSource(path, column="other"), tmp_path) == ["b.png"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"file,n\na,1\n", "file, n"), (b"", "none"), (b"path\n" + b"a" * 200_000, "can't be read")],
)
def test_a_table_that_cannot_be_used_is_wrong_use(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = table(tmp_path, content)
    with pytest.raises(UsageError, match=words) as error:
        list(ImageSource(path))
    assert error.value.where == str(path)


def test_a_table_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        list(ImageSource(tmp_path / "no.csv"))


# archives


def pack(path: Path, members: dict[str, bytes | str | None], mode: str = "w") -> Path:
    """An archive: bytes are files, text is a symbolic link, None a folder."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if content is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
            else:
                member.size = len(content)
            archive.addfile(member, BytesIO(content) if isinstance(content, bytes) else None)
    return path


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.TAR.BZ2", "w:bz2"),
     ("a.tar.xz", "w:xz")],
)  # fmt: skip
def test_members_come_in_the_order_of_the_archive(tmp_path: Path, name: str, mode: str) -> None:
    members: dict[str, bytes | str | None] = {
        "z.png": PNG,
        "d": None,
        "d/a.txt": b"words",
        "d/b.png": PNG,
        "empty.png": b"",
        "link.png": "z.png",
        "lost.png": "nowhere.png",
        "self.png": "self.png",
    }
    path = pack(tmp_path / name, members, mode)
    source = ImageSource(path)
    inside = [one for one in members if one != "d"]
    assert ids(source) == [f"{path}::{one}" for one in inside]
    assert reasons(source) == [
        None,
        Reason.NOT_AN_IMAGE,
        None,
        Reason.EMPTY,
        None,
        Reason.MISSING,
        Reason.NOT_A_FILE,
    ]
    assert {outcome.path for outcome in source} == {str(path)}
    assert np.array_equal(rgb(next(iter(source))), PIXELS)


def test_include_holds_for_members_too(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar", {"c.png/a.txt": PNG, "d/b.png": PNG})
    assert ids(ImageSource(path, include="*.png")) == [f"{path}::d/b.png"]
    assert ids(ImageSource(path, include="b*")) == [f"{path}::d/b.png"]


def test_a_member_over_the_limit_is_not_unpacked(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar.gz", {"a.png": bytes(100_000), "b.png": PNG}, "w:gz")
    assert reasons(ImageSource(path, limits=Limits(max_bytes=1000))) == [Reason.TOO_LARGE, None]


def test_an_archive_of_nothing_has_no_inputs(tmp_path: Path) -> None:
    assert ids(ImageSource(pack(tmp_path / "a.tar", {}))) == []


THREE: dict[str, bytes | str | None] = {f"{n}.png": PNG for n in range(3)}


@pytest.mark.parametrize("compression", ["", "gz", "xz"])
def test_an_archive_that_breaks_off_says_so_in_its_last_row(
    tmp_path: Path, compression: str
) -> None:
    whole = pack(tmp_path / "whole.tar", THREE, f"w:{compression}").read_bytes()
    cut = tmp_path / "cut.tar"
    for share in range(1, 10):
        cut.write_bytes(whole[: len(whole) * share // 10])
        source = ImageSource(cut)
        found = [one for one in ids(source) if one != str(cut)]
        assert found == [f"{cut}::{name}" for name in THREE][: len(found)]
        complete = reasons(source) == [None] * 3  # only zeros after the last member are missing
        assert complete or reasons(source)[-1] in {Reason.TRUNCATED, Reason.CORRUPT}


def test_no_member_after_a_damaged_header_is_lost_silently(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar", THREE)
    damaged = bytearray(path.read_bytes())
    second = damaged.index(b"1.png")
    damaged[second] ^= 1
    path.write_bytes(bytes(damaged))
    assert reasons(ImageSource(path)) == [None, Reason.TRUNCATED]


@settings(max_examples=150)
@given(st.sampled_from(["", "gz", "bz2", "xz"]), st.data())
def test_a_damaged_archive_never_raises_and_never_ends_as_if_whole(
    compression: str, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = pack(Path(folder, "a.tar"), THREE, f"w:{compression}")
        damaged = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(bytes(damaged))
        outcomes = list(ImageSource(path))
        failed = any(isinstance(outcome, Unreadable) for outcome in outcomes)
        assert len(outcomes) >= 3 or failed


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
def test_half_an_archive_is_truncated_and_not_corrupt(tmp_path: Path, compression: str) -> None:
    noise: dict[str, bytes | str | None] = {f"{n}.png": os.urandom(3000) for n in range(3)}
    whole = pack(tmp_path / "whole.tar", noise, f"w:{compression}").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
    last = list(ImageSource(tmp_path / "cut.tar"))[-1]
    assert isinstance(last, Unreadable)
    assert last.id == str(tmp_path / "cut.tar")
    assert last.detail.startswith("the archive breaks off")
    if compression in ("", "gz"):  # of others not even the first block could be unpacked
        assert last.reason is Reason.TRUNCATED
    if not compression:
        (tmp_path / "cut.tar").write_bytes(whole[:300])  # within the first header
        assert reasons(ImageSource(tmp_path / "cut.tar")) == [Reason.TRUNCATED]


def test_what_is_said_of_a_file_that_is_no_archive_is_one_sentence(tmp_path: Path) -> None:
    for data, reason in ((b"", Reason.EMPTY), (b"no archive", Reason.CORRUPT)):
        (tmp_path / "a.tar").write_bytes(data)
        (found,) = ImageSource(tmp_path / "a.tar")
        assert isinstance(found, Unreadable)
        assert found.reason is reason
        assert "\n" not in found.detail
        assert "method" not in found.detail


@pytest.mark.parametrize("name", ["pipe.csv", "pipe.tar", "pipe.png"])
def test_a_pipe_is_not_opened_whatever_its_name_ends_in(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    script = f"from lookalike.images import ImageSource; print([*ImageSource({name!r})][0].reason)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "not-a-file", done.stderr


def test_a_file_that_only_claims_to_be_an_archive(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no archive" * 100)
    assert reasons(ImageSource(tmp_path / "a.tar")) == [Reason.CORRUPT]
    assert reasons(ImageSource(tmp_path / "gone.tar")) == [Reason.MISSING]


# arrays and pictures in memory


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((2, 3), 7, np.uint8), (7, 7, 7)),
        (np.full((2, 3, 1), 7, np.uint8), (7, 7, 7)),
        (np.full((2, 3, 3), (1, 2, 3), np.uint8), (1, 2, 3)),
        (np.full((2, 3, 4), (1, 2, 3, 0), np.uint8), (1, 2, 3)),
        (np.full((2, 3, 3), (0, 0.5, 1)), (0, 128, 255)),
        (np.full((2, 3), 0.2, np.float32), (51, 51, 51)),
        (np.full((2, 3, 3), 1, np.float16), (255, 255, 255)),
        (np.full((2, 3, 3), (0, 257, 65535), np.uint16), (0, 1, 255)),
        (np.full((2, 3), 257 * 5 + 129, np.uint16), (6, 6, 6)),
        (np.full((4, 6, 3), (1, 2, 3), np.uint8)[::-2, ::2], (1, 2, 3)),
    ],
)
def test_arrays_become_the_bytes_they_mean(
    array: NDArray[Any], expected: tuple[int, int, int]
) -> None:
    (outcome,) = ImageSource(array)
    assert isinstance(outcome, Picture)
    assert (outcome.height, outcome.width) == (2, 3)
    assert (np.asarray(outcome.rgb()) == expected).all()


def test_every_16_bit_level_is_rounded_to_the_nearest_byte() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = (levels.astype(np.int64) + 128) // 257
    assert np.array_equal(np.asarray(array_image(levels)), expected)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((0, 3, 3), np.uint8), Reason.ZERO_SIZED),
        (np.zeros((3, 0), np.uint8), Reason.ZERO_SIZED),
        (np.zeros((3, 3, 0), np.uint8), Reason.ZERO_SIZED),
        (np.zeros((3, 4, 4, 2), np.uint8)[0], Reason.UNSUPPORTED),
        (np.zeros((3, 8, 8), np.uint8), Reason.UNSUPPORTED),
        (np.full((2, 2), 1.01), Reason.UNSUPPORTED),
        (np.full((2, 2), -0.01), Reason.UNSUPPORTED),
        (np.full((2, 2), 128.0, np.float32), Reason.UNSUPPORTED),
        (np.full((2, 2), np.nan), Reason.UNSUPPORTED),
        (np.zeros((2, 2), np.int64), Reason.UNSUPPORTED),
        (np.zeros((2, 2), bool), Reason.UNSUPPORTED),
        (np.full((2, 2), None), Reason.UNSUPPORTED),
    ],
)
def test_arrays_without_a_defined_way_to_bytes_get_a_reason(
    array: NDArray[Any], reason: Reason
) -> None:
    assert reasons(ImageSource(array)) == [reason]
    with pytest.raises(ReadError):
        array_image(array)


@pytest.mark.parametrize("shape", [(), (5,), (1, 1, 2, 3, 3)])
def test_arrays_of_other_shapes_are_wrong_use(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="no picture"):
        list(ImageSource(np.zeros(shape, np.uint8)))


def test_a_batch_is_its_pictures_in_order() -> None:
    batch = np.stack([np.full((2, 3, 3), level, np.uint8) for level in (5, 6, 7)])
    outcomes = list(ImageSource(batch, batch[0], np.zeros((0, 2, 3, 3), np.uint8)))
    assert [one.id for one in outcomes] == [f"array[{n}]" for n in range(4)]
    levels = [np.asarray(one.rgb()).max() for one in outcomes if isinstance(one, Picture)]
    assert levels == [5, 6, 7, 5]


def test_pillow_images_keep_their_pixels_and_their_orientation() -> None:
    image = Image.fromarray(PIXELS)
    image.getexif()[0x0112] = 3
    plain, turned = ImageSource(Image.fromarray(PIXELS), image)
    assert [plain.id, turned.id] == ["image[0]", "image[1]"]
    assert np.array_equal(rgb(plain), PIXELS)
    assert np.array_equal(rgb(turned), PIXELS[::-1, ::-1])


def test_a_pillow_image_without_pixels_or_closed_gets_a_reason(tmp_path: Path) -> None:
    fill(tmp_path, "a.png")
    with Image.open(tmp_path / "a.png") as closed:
        pass
    source = ImageSource(Image.new("RGB", (0, 5)), closed)
    assert reasons(source) == [Reason.ZERO_SIZED, Reason.CORRUPT]


# anything together


@pytest.mark.parametrize("thing", [3, None, b"a.png", 1.5, object(), (path for path in ["a.png"])])
def test_what_is_no_place_is_wrong_use(thing: Any) -> None:
    with pytest.raises(UsageError, match=type(thing).__name__):
        list(ImageSource(thing))


class Tensor:
    """What tensors of other libraries are to us."""

    def __init__(self, ndim: int) -> None:
        self.ndim = ndim

    def __array__(self) -> NDArray[Any]:
        return np.zeros((2,) * self.ndim)

    def __iter__(self) -> Any:
        return iter([Tensor(self.ndim - 1)] * 2)


class Frame(Tensor):
    """What data frames are to us."""

    columns = ("path", "label")


@pytest.mark.parametrize(
    ("thing", "cure"),
    [
        (Tensor(3), "permute"),
        ([Tensor(3)], "permute"),
        (Tensor(1), "permute"),  # of numbers
        (Frame(2), "column that holds the paths"),
        ({"image": ["a.jpg"]}, "values"),
        ([{"image": "a.jpg"}], "values"),
        ({"a.jpg", "b.jpg"}, "order"),
        (b"a.jpg", "give paths"),
    ],
)
def test_what_is_no_picture_is_told_what_to_give_instead(thing: Any, cure: str) -> None:
    source = ImageSource(thing)
    for look in (lambda: list(source), lambda: list(source.roots())):
        with pytest.raises(UsageError) as error:
            look()
        assert cure in error.value.cure


@pytest.mark.parametrize(
    "names", [np.array(["a.png", "b.png"]), np.array([Path("a.png"), "b.png"], object)]
)
def test_an_array_of_names_is_its_names(names: Any) -> None:
    source = ImageSource(names)
    assert ids(source) == list(source.roots()) == ["a.png", "b.png"]


@pytest.mark.parametrize("given", [None, 3, "a.jpg"])
def test_a_place_that_gives_no_picture_gets_a_reason(given: Any) -> None:
    source = ImageSource(Place("row 1", None, lambda limits: given))
    assert reasons(source) == [Reason.READ_ERROR]


def test_a_source_can_be_walked_again_and_counted(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "b.png")
    source = ImageSource(tmp_path, PIXELS, [PIXELS, "no.png"])
    assert ids(source) == ids(source)
    assert source.count() == len(list(source)) == len(ids(source)) == 5


def test_nothing_is_decoded_to_list_places(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    assert [place.id for place in ImageSource(tmp_path).places()] == [
        str(tmp_path / "bad.png"),
        str(tmp_path / "pipe"),
    ]


Mixed = tuple[Any, list[str]]


@pytest.fixture(scope="module")
def mix(tmp_path_factory: pytest.TempPathFactory) -> list[Mixed]:
    """Inputs of every kind, each with the ids it must give; ``#`` stands for a running number."""
    root = tmp_path_factory.mktemp("mix")
    fill(root, "f/a.png", "f/s/b.png", "c.png", "f/.hidden")
    (root / "f" / "bad.png").write_bytes(b"x")
    (root / "empty").mkdir()
    listing = table(root, b"path\nc.png\nno.png\n\nf/a.png\n")
    archive = pack(root / "t.tar", {"a": PNG, "d": None, "b": b"", "c": "gone"})
    folder = [f"{root}/f/a.png", f"{root}/f/bad.png", f"{root}/f/s/b.png"]
    return [
        (root / "c.png", [f"{root}/c.png"]),
        (f"{root}/c.png", [f"{root}/c.png"]),
        (f"{root}/missing.png", [f"{root}/missing.png"]),
        ("", [""]),
        (root / "f", folder),
        (root / "empty", []),
        (ImageSource(f"{root}/f/*.png"), folder[:2]),
        (f"{root}/f/*.png", [f"{root}/f/*.png"]),
        (listing, [f"{root}/{name}" for name in ("c.png", "no.png", "f/a.png")]),
        (archive, [f"{archive}::{name}" for name in "abc"]),
        (PIXELS, ["array[#]"]),
        (PIXELS.astype(np.int32), ["array[#]"]),
        (np.stack([PIXELS] * 3), ["array[#]"] * 3),
        (Image.new("F", (2, 2), 7), ["image[#]"]),
        (file_place(f"{root}/c.png", id="named"), ["named"]),
        (failed_place("lost", Reason.NO_PARTNER, "alone"), ["lost"]),
        (ImageSource(f"{root}/c.png", f"{root}/f"), [f"{root}/c.png", *folder]),
        ([], []),
    ]


@given(st.data())
def test_every_input_has_one_outcome_in_order(mix: list[Mixed], data: st.DataObject) -> None:
    leaves = st.sampled_from(range(len(mix)))
    tree = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4), max_leaves=8)
    expected: list[str] = []
    counts = {"array": 0, "image": 0}

    def built(node: Any) -> Any:
        if isinstance(node, list):
            return [built(one) for one in node]
        thing, names = mix[node]
        for name in names:
            kind = name.partition("[")[0]
            if name == f"{kind}[#]":
                name = f"{kind}[{counts[kind]}]"
                counts[kind] += 1
            expected.append(name)
        return thing

    places = [built(node) for node in data.draw(st.lists(tree, max_size=5))]
    source = ImageSource(places)  # in a list a name is a name, whatever it looks like
    assert ids(source) == expected
    assert source.count() == len(expected)
