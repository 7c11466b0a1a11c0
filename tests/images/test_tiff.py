import struct
import tracemalloc
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.images.tiffs import header, one_page, page, several

from lookalike.images import Limits, Picture, Place, Reason, Unreadable, decode, tiff
from lookalike.images.tiff import ENOUGH, PREVIEW, READ, REDUCED_FIRST, chosen_page, reaches_beyond

RNG = np.random.default_rng(0)
FULL: NDArray[np.uint8] = RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)
SMALL = FULL[::5, ::5].copy()
CFA, REDUCED = 32803, {254: 1}


def decoded(data: bytes, limits: Limits | None = None) -> Picture | Unreadable:
    return decode(Place("memory", None, lambda _: data), limits)


def picture(data: bytes) -> Picture:
    found = decoded(data)
    assert isinstance(found, Picture), found
    return found


def colours(pixels: NDArray[np.uint8], **more: int) -> tuple[dict[int, int], bytes]:
    height, width = pixels.shape[:2]
    return page((width, height), (8, 8, 8), 2), pixels.tobytes()


def jpeg(size: tuple[int, int]) -> bytes:
    stream = BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(stream, "JPEG", quality=95)
    return stream.getvalue()


def sensor(size: tuple[int, int]) -> tuple[dict[int, int], bytes]:
    return page(size, (16,), CFA), b""


def reduced(one: tuple[dict[int, int], bytes]) -> tuple[dict[int, int], bytes]:
    return one[0] | REDUCED, one[1]


def test_an_ordinary_page_is_given_as_it_is() -> None:
    data = several([colours(FULL), colours(SMALL)])
    assert chosen_page(data).data is data
    found = picture(data)
    assert np.array_equal(np.asarray(found.rgb()), FULL)
    assert found.remarks == ()


@pytest.mark.parametrize("subs", [{}, {1: 0}], ids=["next page", "page within"])
def test_a_reduced_first_page_gives_way_to_the_full_one_and_that_is_said(
    subs: dict[int, int],
) -> None:
    data = several([reduced(colours(SMALL)), colours(FULL)], subs=subs)
    found = picture(data)
    assert np.array_equal(np.asarray(found.rgb()), FULL)
    assert found.remarks == (REDUCED_FIRST,)


def test_the_largest_of_several_full_pages_is_taken() -> None:
    pages = [
        reduced(colours(SMALL)),
        colours(SMALL),
        colours(FULL),
        reduced(colours(FULL[:, ::-1])),
    ]
    assert np.array_equal(np.asarray(picture(several(pages)).rgb()), FULL)


def test_a_first_page_without_the_mark_stays_the_picture_however_small() -> None:
    found = picture(several([colours(SMALL), colours(FULL)]))
    assert np.array_equal(np.asarray(found.rgb()), SMALL)


def test_a_reduced_page_alone_is_the_picture() -> None:
    found = picture(several([reduced(colours(SMALL))]))
    assert np.array_equal(np.asarray(found.rgb()), SMALL)
    assert found.remarks == ()


def test_a_page_within_lies_as_the_first_page_says() -> None:
    first = colours(SMALL)[0] | REDUCED | {274: 6}, SMALL.tobytes()
    found = picture(several([first, colours(FULL)], subs={1: 0}))
    assert np.array_equal(np.asarray(found.rgb()), np.rot90(FULL, -1))
    own = colours(FULL)[0] | {274: 3}, FULL.tobytes()
    found = picture(several([first, own], subs={1: 0}))
    assert np.array_equal(np.asarray(found.rgb()), np.rot90(FULL, 2))


@pytest.mark.parametrize("kind", ["beside the strips", "as a strip"])
def test_of_a_raw_file_the_largest_preview_is_taken_and_that_is_said(kind: str) -> None:
    large = jpeg((600, 400))
    preview = (
        {513: 0, 514: 0, **REDUCED}
        if kind == "beside the strips"
        else page((600, 400), (8, 8, 8), 6) | {259: 7, **REDUCED}
    )
    data = several(
        [reduced(colours(SMALL)), sensor((1200, 800)), (preview, large)], subs={1: 0, 2: 0}
    )
    found = picture(data)
    assert np.array_equal(np.asarray(found.rgb()), np.asarray(Image.open(BytesIO(large))))
    assert found.remarks == (PREVIEW,)


@pytest.mark.parametrize(
    ("preview", "whole", "enough"),
    [((100, 60), (200, 120), True), ((99, 60), (200, 120), False),
     ((ENOUGH, 600), (9000, 6000), True), ((ENOUGH - 2, 600), (9000, 6000), False)],
)  # fmt: skip
def test_a_thumbnail_never_stands_for_a_raw_file(
    preview: tuple[int, int], whole: tuple[int, int], enough: bool
) -> None:
    pages = [({513: 0, 514: 0, **REDUCED}, jpeg(preview)), sensor(whole)]
    found = decoded(several(pages, subs={1: 0}))
    assert isinstance(found, Picture) == enough
    if isinstance(found, Unreadable):
        assert found.reason is Reason.UNSUPPORTED
        assert "RAW" in found.detail
        assert "TIFF or JPEG" in found.detail


def test_a_raw_file_without_any_preview_is_unsupported() -> None:
    found = decoded(several([sensor((200, 100))]))
    assert isinstance(found, Unreadable)
    assert found.reason is Reason.UNSUPPORTED


def test_the_limit_on_pixels_is_on_the_page_that_is_taken() -> None:
    data = several([reduced(colours(SMALL)), colours(FULL)])
    found = decoded(data, Limits(max_pixels=30 * 40 - 1))
    assert isinstance(found, Unreadable)
    assert found.reason is Reason.TOO_LARGE
    assert isinstance(decoded(data, Limits(max_pixels=30 * 40)), Picture)


def test_pages_in_a_circle_come_to_an_end() -> None:
    data = bytearray(several([colours(FULL)]))
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    assert np.array_equal(np.asarray(picture(bytes(data)).rgb()), FULL)


def test_only_a_cut_file_reaches_beyond_its_end() -> None:
    data = one_page(FULL.tobytes(), (40, 30), (8, 8, 8), 2)
    assert not reaches_beyond(data)
    assert reaches_beyond(data[:-3])  # the bits of a sample stand last
    for end in range(8, len(data), 131):
        assert reaches_beyond(data[:end]), end


@pytest.mark.parametrize("order", ["<", ">"])
def test_garbage_behind_a_header_breaks_off(order: str) -> None:
    for first in (0, 8, 2**31):
        for tail in (b"", b"\xff" * 40):
            found = decoded(header(first, order=order) + tail)
            assert isinstance(found, Unreadable)
            assert found.reason is Reason.TRUNCATED


def test_a_large_tiff_is_read_in_its_own_layout() -> None:
    stream = BytesIO()
    Image.fromarray(FULL).save(stream, "TIFF", big_tiff=True)
    data = stream.getvalue()
    assert data[2] == 43
    assert not reaches_beyond(data)
    assert reaches_beyond(data[:-9])
    assert np.array_equal(np.asarray(picture(data).rgb()), FULL)


def test_tags_that_claim_the_same_bytes_again_and_again_take_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tiff, "MOST_VALUES", 50_000)
    pages, tags, number = 3, [*sorted(READ), *range(1000, 1050)], 20_000
    size = 2 + 12 * len(tags) + 4
    data = b"II*\0" + struct.pack("<I", 8)
    for one in range(pages):
        entries = [struct.pack("<HHII", tag, 1, number, 8 + pages * size) for tag in tags]
        following = 8 + (one + 1) * size if one + 1 < pages else 0
        data += struct.pack("<H", len(tags)) + b"".join(entries) + struct.pack("<I", following)
    tracemalloc.start()
    found, broken = tiff.pages_of(data + bytes(number))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(found), broken) == (pages, False)
    assert most < 2 * 8 * 50_000  # 30 MB if all were read
