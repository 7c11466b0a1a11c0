"""What every room's tests use."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import HealthCheck, settings
from PIL import Image, ImageEnhance

from lookalike.testing import scene_picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# how long an example takes is no promise, and differs between machines; every run draws other
# examples, so few of them in each run find as much in the end
EXAMPLES = int(os.environ.get("LOOKALIKE_EXAMPLES", "40"))
settings.register_profile(
    "lookalike",
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no fault of a test
)
settings.load_profile("lookalike")


def _absent(reason: str) -> NoReturn:
    """Skip a test that lacks something here; where everything has to be, fail."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of specifications, weights and pictures beside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        _absent(f"{folder} is not on this machine")
    return folder


def _chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("LOOKALIKE_CHROMIUM") or next(filter(None, map(shutil.which, names)), "")
    return found or _absent("no browser: install chromium, or name one in LOOKALIKE_CHROMIUM")


# one for each module: as long as it lives, nothing else can run an event loop in this thread
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window, which asks for nothing by itself."""
    program = _chromium()
    from playwright.sync_api import sync_playwright

    quiet = ("background-networking", "component-update", "sync", "gpu")
    options = ["--no-sandbox", "--no-first-run", *(f"--disable-{one}" for one in quiet)]
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=options)
        yield found
        found.close()


@contextmanager
def _unprivileged() -> Iterator[None]:
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def as_nobody() -> Callable[[], AbstractContextManager[None]]:
    """``with as_nobody():`` takes away root's right to read everything."""
    return _unprivileged


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve scenes with two views each, ``3-a.png`` and ``3-b.png``, and ``pairs.csv``."""
    folder = tmp_path_factory.mktemp("scenes")
    for scene in range(12):
        whole = Image.fromarray(scene_picture(scene))
        whole.save(folder / f"{scene}-a.png")
        part = whole.crop((10, 5, whole.width - 20, whole.height - 15))
        ImageEnhance.Brightness(part).enhance(0.8).save(folder / f"{scene}-b.png")
    rows = [(f"{n}-a.png", f"{n}-b.png", 1) for n in range(12)]
    rows += [(f"{n}-a.png", f"{(n + 5) % 12}-b.png", 0) for n in range(12)]
    with (folder / "pairs.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("a", "b", "same"), *rows])
    return folder
