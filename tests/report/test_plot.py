import base64
import html
import io
import json
import logging
import math
import os
import re
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor
from rich.console import Console

from lookalike.report import Column, Plot, Series, Table, View, html_fragment, html_page, json_text
from lookalike.report.plot import COLOURS, GUIDE, MOST_VECTORS, plot_png, plot_svg
from lookalike.report.terminal import print_view

SVG = "{http://www.w3.org/2000/svg}"
LINE = Series("one", x=(0.0, 0.5, 1.0), y=(0.0, 0.9, 1.0))


def plot(*series: Series, **options: Any) -> Plot:
    return Plot("name", "the title", "across", "upward", series, **options)


def pixels(one: Plot) -> np.ndarray[Any, Any]:
    """The pixels of a plot as PNG, ``(H, W, 3)``."""
    with Image.open(io.BytesIO(plot_png(one))) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def white(one: Plot) -> int:
    """How many pixels of a plot nothing is drawn on."""
    return int((pixels(one) == 255).all(axis=2).sum())


def has_colour(picture: np.ndarray[Any, Any], colour: str) -> bool:
    return bool((picture == ImageColor.getrgb(colour)).all(axis=2).any())


def texts(svg: str) -> list[str]:
    """What an SVG document says, text by text, in its order."""
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]


def ticks(one: Plot) -> list[float]:
    """The numbers on both axes."""
    found = [text.replace("−", "-") for text in texts(plot_svg(one))]  # noqa: RUF001
    return [float(text) for text in found if re.fullmatch(r"-?[\d.]+", text)]


def as_series(plain: dict[str, Any]) -> Series:
    """A series from its plain values."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
    }
    return Series(**values)


class Addresses(HTMLParser):
    """What a page would fetch, and the pictures in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.pictures: list[dict[str, str | None]] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.addresses += [value or "" for key, value in attributes if key in {"src", "href"}]
        if tag == "img":
            self.pictures.append(found)


def page_of(*plots: Plot, tables: int = 2) -> View:
    column = Column("id", "id")
    return View(
        "title",
        tuple(Table((column,), [{"id": f"cell {i}"}], f"table {i}") for i in range(tables)),
        warnings=("beware",),
        plots=plots,
    )


# --- values ---


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"y": (1.0,)}, "2 positions for 1 values"),
        ({"kind": "bars"}, "2 bars need 3 edges, not 2"),
        ({"kind": "bars", "y": (1.0,), "x": (1.0, 1.0)}, "edges have to be finite and to ascend"),
        ({"kind": "bars", "y": (1.0,), "x": (2.0, 1.0)}, "edges have to be finite and to ascend"),
        ({"kind": "bars", "y": (1.0,), "x": (0.0, math.inf)}, "edges have to be finite"),
        ({"kind": "bars", "y": (), "x": (math.nan,)}, "edges have to be finite"),
        ({"low": (0.0, 0.0)}, "low and high go together"),
        ({"high": (0.0, 0.0)}, "low and high go together"),
        ({"low": (0.0, 0.0), "high": (0.0,)}, "1 high for 2 values"),
        ({"low": (0.0,), "high": (0.0, 0.0)}, "1 low for 2 values"),
        ({"kind": "points", "labels": ("a",)}, "1 labels for 2 values"),
        ({"labels": ("a", "b")}, "labels stand beside points, not line"),
    ],
)
def test_a_series_whose_parts_do_not_fit_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"series 'mine': {complaint}"):
        Series(**{"label": "mine", "x": (0.0, 1.0), "y": (0.0, 1.0), **values})


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", ".hidden", "a b", "..", "a\n"])
def test_a_name_that_is_no_file_stem_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the name is no file stem"):
        Plot(name, "t", "x", "y", ())


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize(
    ("ends", "log", "fits"),
    [
        ((0.0, 1.0), False, True),
        ((0.0, 1.0), True, False),
        ((1e-6, 1.0), True, True),
        ((1.0, 1.0), False, False),
        ((1.0, 0.0), False, False),
        ((0.0, math.inf), False, False),
        ((math.nan, 1.0), False, False),
    ],
)
def test_a_range_has_to_lie_on_its_axis(
    axis: str, ends: tuple[float, float], log: bool, fits: bool
) -> None:
    options: dict[str, Any] = {f"{axis}_range": ends, f"{axis}_log": log}
    if fits:
        assert plot(LINE, **options).to_dict()[f"{axis}_range"] == list(ends)
        return
    with pytest.raises(ValueError, match=f"{axis}_range .* is no range of its axis"):
        plot(LINE, **options)


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=5), st.booleans())
def test_plain_values_hold_every_number_and_make_the_plot_again(
    numbers: list[float], dashed: bool
) -> None:
    values = tuple(numbers)
    points = Series("p", values, values, "points", values, values, dashed, ("a",) * len(values))
    bars = Series("b", tuple(map(float, range(len(values) + 1))), values, "bars")
    one = plot(points, bars, x_log=True, y_range=(-1.0, 2.0))
    plain = one.to_dict()
    series = [as_series(part) for part in plain["series"]]
    ranges = {key: plain[key] and tuple(plain[key]) for key in ("x_range", "y_range")}
    assert Plot(**{**plain, **ranges, "series": tuple(series)}) == one


def test_numbers_of_numpy_and_those_that_json_lacks_reach_it() -> None:
    class Result:
        def to_dict(self) -> dict[str, Any]:
            series = Series("", tuple(np.arange(2, dtype=np.float32)), (math.nan, math.inf))
            return {"results": [], "plots": [plot(series).to_dict()]}

        def view(self) -> View:
            return page_of()

    series = json.loads(json_text("verb", Result()))["plots"][0]["series"][0]
    assert series["x"] == [0, 1]
    assert series["y"] == [None, None]


# --- drawing ---


@pytest.mark.parametrize("kind", ["line", "steps", "points"])
def test_a_png_shows_each_series_in_its_colour(kind: Any) -> None:
    series = [Series(f"number {i}", (0.0, 0.5, 1.0), (i, i, i), kind) for i in range(len(COLOURS))]
    picture = pixels(plot(*series[:2]))
    assert picture.shape == (900, 1200, 3)
    assert [has_colour(picture, colour) for colour in COLOURS] == [True, True] + [False] * 4 + [
        True,  # titles are black
        False,
    ]
    assert all(has_colour(pixels(plot(*series)), colour) for colour in COLOURS)


def test_bars_are_as_tall_as_their_values_and_as_wide_as_their_bins() -> None:
    bars = Series("", x=(0.0, 1.0, 4.0), y=(3.0, 1.0), kind="bars")
    picture = pixels(plot(bars, x_range=(0.0, 4.0), y_range=(0.0, 4.0)))
    edge = ImageColor.getrgb(GUIDE)
    filled = (picture < 250).all(axis=2) & (picture != edge).any(axis=2)
    areas = filled[150:700, 200:1150]  # inside the axes
    left, right = areas[:, 100].sum(), areas[:, 800].sum()
    assert left > 2 * right > 0
    wide = areas[-20].sum() / areas.shape[1]
    narrow = areas[areas.shape[0] // 2].sum() / areas.shape[1]
    assert wide > 0.9
    assert 0.1 < narrow < 0.4


@pytest.mark.parametrize("kind", ["line", "steps", "points", "bars"])
def test_uncertainty_is_seen_and_widens_the_axis(kind: Any) -> None:
    x = (0.0, 1.0, 2.0) if kind != "bars" else (0.0, 1.0, 2.0, 3.0)
    bare = plot(Series("a", x, (1.0, 1.0, 1.0), kind))
    unsure = plot(Series("a", x, (1.0, 1.0, 1.0), kind, low=(-7.0,) * 3, high=(9.0,) * 3))
    assert max(ticks(bare)) < 4
    assert max(ticks(unsure)) >= 5
    assert min(ticks(unsure)) <= -5
    fixed: dict[str, Any] = {"y_range": (-10.0, 10.0)}
    whites = [white(replace(one, **fixed)) for one in (bare, unsure)]
    assert whites[1] < whites[0] - 1000


def test_a_dashed_line_has_gaps_and_one_without_a_label_is_grey() -> None:
    solid = Series("", (0.0, 1.0), (0.0, 1.0))
    dashed = Series("", (0.0, 1.0), (0.0, 1.0), dashed=True)
    whites = [white(plot(one)) for one in (solid, dashed)]
    assert whites[1] > whites[0] + 200
    assert not has_colour(pixels(plot(dashed)), COLOURS[0])
    picture = pixels(plot(dashed, LINE))
    assert has_colour(picture, GUIDE)
    assert has_colour(picture, COLOURS[0])  # the guide takes no colour away
    assert not has_colour(picture, COLOURS[1])


def test_a_step_holds_its_value_until_the_next() -> None:
    options: dict[str, Any] = {"x_range": (0.0, 2.0), "y_range": (0.0, 1.0)}

    def drawn(x: tuple[float, ...], y: tuple[float, ...], kind: Any) -> np.ndarray[Any, Any]:
        low, high = tuple(value - 0.1 for value in y), tuple(value + 0.2 for value in y)
        return pixels(plot(Series("", x, y, kind, low, high), **options))

    steps = drawn((0.0, 1.0, 2.0), (0.25, 0.75, 0.75), "steps")
    same = drawn((0.0, 1.0, 1.0, 2.0), (0.25, 0.25, 0.75, 0.75), "line")
    other = drawn((0.0, 0.0, 1.0, 2.0), (0.25, 0.75, 0.75, 0.75), "line")
    assert (steps != same).mean() < 1e-4
    assert (steps != other).mean() > 1e-3


def test_a_legend_names_series_only_where_there_are_several() -> None:
    two = Series("two", (0.0, 1.0), (1.0, 0.0))
    guide = Series("", (0.0, 1.0), (0.5, 0.5))
    assert "one" not in texts(plot_svg(plot(LINE, guide)))
    assert texts(plot_svg(plot(LINE, guide, two)))[-2:] == ["one", "two"]


def test_series_of_one_label_share_colour_and_row() -> None:
    mark = Series("one", (0.5,), (0.9,), "points")
    two = Series("two", (0.0, 1.0), (1.0, 0.0))
    together = plot(LINE, mark, two)
    assert texts(plot_svg(together)).count("one") == 1
    assert not has_colour(pixels(together), COLOURS[2])


def test_a_tall_legend_makes_the_picture_taller_and_hides_nothing() -> None:
    many = [Series(f"a rather long name of an encoder {i}", (0.0, 1.0), (i, i)) for i in range(20)]
    picture = pixels(plot(*many))
    assert picture.shape[1] == 1200
    assert picture.shape[0] > 1300
    assert texts(plot_svg(plot(*many)))[-20:] == [one.label for one in many]


def test_labels_stand_beside_their_points() -> None:
    points = Series(
        "", (0.0, math.nan, 1.0), (0.0, 0.5, 1.0), "points", labels=("first", "gone", "last")
    )
    svg = plot_svg(plot(points))
    assert "gone" not in texts(svg)
    style = {text.text: text.get("style", "") for text in ET.fromstring(svg).iter(f"{SVG}text")}
    assert "text-anchor: end" in style["last"]  # it would leave the picture otherwise
    assert "text-anchor: end" not in style["first"]


def test_a_line_of_one_point_is_seen() -> None:
    assert has_colour(pixels(plot(Series("a", (0.5,), (0.5,)))), COLOURS[0])


def test_text_is_shown_as_it_is() -> None:
    evil = "<b>&</b> $a_1$ \udce9\0"
    one = Plot(
        "name", evil, "_" + evil, evil, (Series("_a<i>", (0.0,), (0.0,)), Series("$b", (), ()))
    )
    svg = plot_svg(one)
    assert "<b>" not in svg
    assert "<i>" not in svg
    assert texts(svg).count(r"<b>&</b> $a_1$ \xe9\x00") == 2
    assert r"_<b>&</b> $a_1$ \xe9\x00" in texts(svg)
    assert texts(svg)[-2:] == ["_a<i>", "$b"]
    assert ET.fromstring(svg).findtext(f"{SVG}title") == (r"<b>&</b> $a_1$ \xe9\x00")


def test_letters_that_the_font_lacks_stay_apart_in_a_png_and_whole_in_an_svg() -> None:
    japan, china = (Plot("name", title, "x", "y", ()) for title in ("日本", "中国"))
    assert plot_png(japan) != plot_png(china)
    assert "日本" in texts(plot_svg(japan))


def test_log_axes_show_plain_powers_of_ten() -> None:
    curve = Series("", (1e-5, 1e-2, 1.0), (200.0, 1e4, 1e6))
    found = texts(plot_svg(plot(curve, x_log=True, y_log=True)))
    assert {"1e-05", "0.0001", "0.001", "0.01", "0.1", "1"} <= set(found)
    assert {"1000", "10000", "100000", "1e+06"} <= set(found)
    assert not any("$" in text for text in found)


def test_axes_end_where_they_are_told_to() -> None:
    x_only, y_only = plot(LINE, x_range=(0.0, 70.0)), plot(LINE, y_range=(-300.0, 0.5))
    assert (min(ticks(x_only)), max(ticks(x_only))) == (0, 70)
    assert (min(ticks(y_only)), max(ticks(y_only))) == (-300, 1)  # 1: across


@pytest.mark.parametrize("kind", ["line", "steps", "points", "bars"])
@pytest.mark.parametrize("values", [(0.0, 0.5, 1.0), (0.0, 0.0, 0.0), (-1.0, math.nan, 0.0)])
def test_log_axes_take_zeros(kind: Any, values: tuple[float, ...]) -> None:
    x = values if kind != "bars" else (-1.0, 0.0, 0.5, 2.0)
    low = (0.0, 0.0, 0.0)
    one = plot(Series("a", x, values, kind, low, values), x_log=True, y_log=True)
    assert plot_png(one)
    assert texts(plot_svg(one))


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["line", "steps", "bars", "points"]),
    st.lists(st.tuples(*[st.floats()] * 4), max_size=4),
    st.booleans(),
    st.text(st.characters(exclude_categories=()), max_size=80),
)
def test_whatever_the_numbers_and_names_a_plot_is_drawn(
    kind: Any, rows: list[tuple[float, ...]], log: bool, name: str
) -> None:
    x, y, low, high = (tuple(row[i] for row in rows) for i in range(4))
    if kind == "bars":
        x = tuple(float(i) for i in range(len(rows) + 1))
    labels = (name,) * len(rows) if kind == "points" else None
    series = Series(name, x, y, kind, low, high, labels=labels)
    one = Plot("name", name, name, name, (series, LINE), x_log=log, y_log=log)
    assert plot_png(one)[:4] == b"\x89PNG"
    ET.fromstring(plot_svg(one))


def test_many_points_do_not_make_a_document_heavy() -> None:
    x = tuple(i / (3 * MOST_VECTORS) for i in range(3 * MOST_VECTORS))
    y = tuple(math.sin(1000 * value) for value in x)
    assert len(plot_svg(plot(Series("", x, y, "points")))) < 300_000


# --- the same every time, and nothing left behind ---

DRAWS = """
import hashlib
from lookalike.report import Plot, Series
from lookalike.report.plot import plot_png, plot_svg
line = Series("a", (0.0, 1.0), (0.0, 1.0), low=(0.0, 0.5), high=(0.5, 1.0))
points = Series("b", (0.0, 1.0), (0.0, 1.0), "points", labels=("<", "&"))
plot = Plot("n", "t", "x", "y", (line, points))
print(hashlib.sha256(plot_png(plot) + plot_svg(plot).encode()).hexdigest())
"""


def drawn_elsewhere(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", DRAWS],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_same_plot_gives_the_same_bytes_in_every_process_even_without_a_home(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\nfont.size: 30\n")
    nowhere = str(tmp_path / "file" / "home")
    homeless = {"HOME": nowhere, "XDG_CONFIG_HOME": nowhere, "XDG_CACHE_HOME": nowhere}
    here = drawn_elsewhere(PYTHONHASHSEED="1")
    assert here == drawn_elsewhere(PYTHONHASHSEED="2", **homeless)
    assert here == drawn_elsewhere(MATPLOTLIBRC=str(tmp_path / "matplotlibrc"))


def test_threads_get_the_same_bytes_and_settings_stay_as_they_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    import matplotlib

    one = plot(LINE)
    before = dict(matplotlib.rcParams)
    caplog.set_level(logging.ERROR, "matplotlib")
    filters = list(warnings.filters)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            drawn = set(pool.map(plot_svg, [one] * 12))
    finally:
        sys.setswitchinterval(interval)
    assert drawn == {plot_svg(one)}
    assert dict(matplotlib.rcParams) == before
    assert logging.getLogger("matplotlib").level == logging.ERROR
    assert list(warnings.filters) == filters


def test_a_picture_says_nothing_about_when_and_by_what_it_was_made() -> None:
    with Image.open(io.BytesIO(plot_png(plot(LINE)))) as picture:
        assert set(picture.info) <= {"dpi"}
    svg = plot_svg(plot(LINE))
    assert "<dc:date>" not in svg
    assert "creator" not in svg
    assert "Matplotlib" not in svg


def test_reports_without_plots_do_not_load_what_draws() -> None:
    script = (
        "import sys; from lookalike.report import View, html_page; html_page(View('t', ()));"
        "print([name for name in ('matplotlib', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_drawing_needs_no_display_and_no_pyplot() -> None:
    script = DRAWS + "import sys; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-1] == "False"


# --- on pages ---


@pytest.mark.parametrize("render", [html_page, html_fragment])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_page_has_a_picture_for_each_plot_and_fetches_nothing(render: Any, count: int) -> None:
    plots = [Plot(f"p{i}", f"<title> {i}", "x", "y", (LINE,)) for i in range(count)]
    page = render(page_of(*plots))
    found = Addresses(page)
    assert [picture["alt"] for picture in found.pictures] == [one.title for one in plots]
    assert not any("http:" in one or "https:" in one for one in found.addresses)
    for one, picture in zip(plots, found.pictures, strict=True):
        kind, _, data = (picture["src"] or "").partition(";base64,")
        assert kind == "data:image/svg+xml"
        svg = base64.b64decode(data).decode()
        assert svg == plot_svg(one)
        addresses = [
            value
            for part in ET.fromstring(svg).iter()
            for key, value in part.attrib.items()
            if key.endswith(("href", "src"))
        ]
        assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "pip install" not in page


@pytest.mark.parametrize("tables", [0, 1, 3])
def test_plots_stand_below_the_warnings_and_above_the_last_table(tables: int) -> None:
    page = html_fragment(page_of(plot(LINE), tables=tables))
    order = ["beware", *(f"cell {i}" for i in range(tables - 1)), "<img"]
    order += [f"cell {tables - 1}"] if tables else []
    places = [page.index(part) for part in order]
    assert places == sorted(places)
    assert page.count("<table>") == tables


@pytest.mark.parametrize("render", [html_page, html_fragment])
def test_a_page_without_matplotlib_says_what_is_missing(
    render: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.extras.installed", lambda module: "matplotlib" not in module)
    page = html.unescape(render(page_of(plot(LINE), plot(LINE))))
    assert page.count("pip install 'lookalike[plots]'") == 1
    assert "<img" not in page
    assert "cell 0" in page
    assert "cell 1" in page
    assert "pip install" not in render(page_of())


def test_a_terminal_shows_no_plots() -> None:
    stream = io.StringIO()
    print_view(page_of(plot(LINE)), Console(file=stream, width=100))
    assert "cell 1" in stream.getvalue()
    assert "the title" not in stream.getvalue()
