import os
import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from lookalike import load_encoder
from lookalike.encoders.pipeline import Clock, Settings
from lookalike.encoders.pipeline import stream as stream_of
from lookalike.encoders.views import views_named
from lookalike.images import Limits, Picture, Place, Reason, Unreadable, decode
from lookalike.images.readers import header_of, load_image, open_image

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def encoded(format: str, **options: object) -> bytes:
    stream = BytesIO()
    Image.fromarray(PIXELS).save(stream, format, **options)
    return stream.getvalue()


HALVES = {
    name: encoded(name, **options)
    for name, options in {
        "JPEG": {"quality": 90}, "PNG": {}, "GIF": {}, "BMP": {}, "PPM": {}, "TIFF": {},
        "WEBP": {}, "JPEG2000": {}, "ICO": {}, "TGA": {}, "SGI": {},
    }.items()
}  # fmt: skip


def decoded(data: bytes, limits: Limits | None = None) -> Picture | Unreadable:
    return decode(Place("memory", None, lambda _: data), limits)


@pytest.fixture
def filled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another library has told Pillow to make pictures of halves."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)


@pytest.mark.usefixtures("filled_up")
@pytest.mark.parametrize("format", HALVES)
def test_a_half_is_no_picture_whatever_pillow_was_told(format: str) -> None:
    data = HALVES[format]
    assert isinstance(decoded(data), Picture)
    for tenth in (3, 5, 8):
        found = decoded(data[: len(data) * tenth // 10])
        assert isinstance(found, Unreadable), tenth
        assert found.reason is Reason.TRUNCATED, found
    assert ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.usefixtures("filled_up")
def test_others_still_get_what_they_told_pillow() -> None:
    half = HALVES["JPEG"][:1500]
    assert isinstance(decoded(half), Unreadable)
    with Image.open(BytesIO(half)) as image:
        image.load()
        assert image.size == (50, 40)


def test_threads_with_other_wishes_do_not_disturb_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    half, whole = HALVES["JPEG"][:1500], HALVES["TIFF"]
    ours: list[bool] = []
    theirs: list[bool] = []

    def read_ours() -> None:
        for _ in range(40):
            outcomes = decoded(half), decoded(whole)
            ours.append([isinstance(one, Picture) for one in outcomes] == [False, True])

    def read_theirs() -> None:
        for _ in range(40):
            try:
                Image.open(BytesIO(whole))
                theirs.append(False)
            except Image.DecompressionBombError:
                theirs.append(True)

    threads = [threading.Thread(target=one) for one in (read_ours, read_theirs) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ours == [True] * 80
    assert theirs == [True] * 80


LIMITED = ("JPEG", "PNG", "GIF", "BMP", "PPM", "TIFF", "WEBP", "JPEG2000", "TGA", "SGI")


@pytest.mark.parametrize("format", LIMITED)
def test_our_limit_is_the_only_one(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = HALVES[format]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert isinstance(decoded(data), Picture)
    found = decoded(data, Limits(max_pixels=40 * 50 - 1))
    assert isinstance(found, Unreadable)
    assert found.reason is Reason.TOO_LARGE
    assert "max_pixels" in found.detail
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert isinstance(decoded(data, Limits(max_pixels=10)), Unreadable)


def test_an_icon_is_bound_by_our_limit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert isinstance(decoded(HALVES["ICO"]), Picture)


def test_bytes_that_begin_as_one_format_are_shown_to_its_reader_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Image.init()
    asked: list[str] = []
    for name, (reader, accepts) in list(Image.OPEN.items()):

        def watched(*args: object, name: str = name, reader: object = reader) -> object:
            asked.append(name)
            assert callable(reader)
            return reader(*args)

        monkeypatch.setitem(Image.OPEN, name, (watched, accepts))
    for name in ("JPEG", "PNG", "TIFF", "WEBP"):
        asked.clear()
        load_image(open_image(HALVES[name]))
        assert asked == [name]
        asked.clear()
        decoded(HALVES[name][:30])
        assert set(asked) <= {name}


def test_a_header_is_looked_for_in_regular_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "picture.png").write_bytes(encoded("PNG"))
    assert header_of(str(tmp_path / "picture.png")) == ((50, 40), "RGB")
    os.mkfifo(tmp_path / "pipe.png")
    monkeypatch.setattr(Image, "open", lambda *asked, **options: pytest.fail("it was opened"))
    assert header_of(str(tmp_path / "pipe.png")) is None


WRAPPED = """
import functools, importlib, sys
from io import BytesIO
from PIL import Image, ImageFile

def timed(load):
    calls = []
    @functools.wraps(load)
    def wrapper(self):
        calls.append(CLOCK)  # a name of another module
        return load(self)
    return wrapper

CLOCK = 0
if sys.argv[1] == "before":
    ImageFile.ImageFile.load = timed(ImageFile.ImageFile.load)
own = ImageFile.ImageFile.load, Image._decompression_bomb_check
import lookalike.images.readers as readers
if sys.argv[1] == "after":
    ImageFile.ImageFile.load = timed(ImageFile.ImageFile.load)
elif sys.argv[1] == "put back":
    ImageFile.ImageFile.load, Image._decompression_bomb_check = own
elif sys.argv[1] == "reloaded":
    importlib.reload(readers)
elif sys.argv[1] == "imported again":
    for name in [name for name in sys.modules if name.startswith("lookalike")]:
        del sys.modules[name]
    import lookalike.images.readers as readers

ImageFile.LOAD_TRUNCATED_IMAGES = True
Image.MAX_IMAGE_PIXELS = 10
stream = BytesIO()
Image.effect_noise((50, 40), 90).save(stream, "JPEG")
whole, half = stream.getvalue(), stream.getvalue()[:1000]
for _ in range(3):
    readers.load_image(readers.open_image(whole))
    try:
        readers.load_image(readers.open_image(half))
    except OSError as error:
        assert "truncated" in str(error), error
    else:
        raise AssertionError("half a picture")
    try:
        Image.open(BytesIO(whole))
    except Image.DecompressionBombError:
        pass
    else:
        raise AssertionError("others have no limit any more")
Image.MAX_IMAGE_PIXELS = None
Image.open(BytesIO(half)).load()
"""


@pytest.mark.parametrize("when", ["before", "after", "put back", "reloaded", "imported again"])
def test_pillow_may_be_wrapped_by_others_and_we_may_be_loaded_again(when: str) -> None:
    done = subprocess.run([sys.executable, "-c", WRAPPED, when], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_cut_out_of_a_picture_is_bound_by_our_limit_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr("lookalike.images.depth.BLOCK", 100)
    dark = np.full((40, 50), 300, np.uint16)
    stream = BytesIO()
    Image.fromarray(dark).save(stream, "PNG")
    found = decoded(stream.getvalue())
    assert isinstance(found, Picture)
    assert "1,024" in found.remarks[0]
    for view in views_named(["crops"]):
        place = Place("memory", None, lambda _: HALVES["PNG"])
        settings = Settings(1, 1, Limits(), views=(view,))
        parts = list(stream_of(load_encoder("pixels"), [[place]], settings, Clock()))
        assert [row.reason for row in parts[0].rows[0]] == [None], view.name
