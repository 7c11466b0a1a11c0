"""Plots of results: numbers with titles, drawn as PNG or SVG where somebody looks at them."""

from __future__ import annotations

import io
import logging
import math
import re
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from lookalike.extras import require
from lookalike.report.view import shown

COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#000000",
    "#F0E442",
)
"""Okabe and Ito's palette, which most colour-blind people can tell apart; the palest comes last."""

GUIDE = "#8A8A8A"
"""The colour of series that have no label."""

STROKES = ("-", ":", "-.")
"""Lines of the first eight series, the next eight, and so on, when colours come round again."""

MARKS = ("o", "^", "s", "D")
"""Points, likewise."""

PNG_DPI = 150
"""Dots per inch of a PNG."""

INCHES = (8.0, 6.0)
"""Width and height without a tall legend: 1200 x 900 pixels as PNG."""

TITLE_LETTERS, ROW_LETTERS, LABEL_LETTERS = 52, 64, 32
"""Letters that fit in a line of a title, of an axis title or the legend, of a point's label."""

MOST_VECTORS = 3000
"""Points of a series beyond which an SVG holds them as pixels; a page would grow heavy."""

LARGEST, SMALLEST = 1e100, 1e-100
"""Sizes of numbers that are drawn; matplotlib counts over near the ends of what a float holds."""

STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GUIDE,
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelpad": 8.0,
    "axes.labelsize": 13.0,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 14.0,
    "axes.titlesize": 14.0,
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.15,
    "font.size": 12.0,
    "grid.color": "#E6E6E6",
    "legend.fontsize": 12.0,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "lines.markersize": 6.0,
    "savefig.dpi": PNG_DPI,
    "svg.fonttype": "none",  # text stays text: readable in every language, to people and programs
    "svg.hashsalt": "lookalike",  # ids are random otherwise
    "text.parse_math": False,  # a dollar sign in a file name opens no formula
    "xtick.color": GUIDE,
    "xtick.labelcolor": "#333333",
    "ytick.color": GUIDE,
    "ytick.labelcolor": "#333333",
}
"""What differs from matplotlib's own defaults."""

_DRAWING = threading.Lock()  # matplotlib keeps its settings for the process, not for a figure


@dataclass(frozen=True)
class Series:
    """Numbers that are drawn together in one colour.

    NaN, infinite numbers and those above 1e100 in size are not drawn: a line has a gap there.

    Attributes:
        label: Its name in the legend, where there are several. Series of the same label share a
            colour and the first one's row. Without a label it is a guide: grey, in no legend.
        x: Positions, ``(N,)``; for ``bars`` the ``N + 1`` edges of the bins, finite and ascending.
        y: Values, ``(N,)``.
        kind: ``line``; ``steps``, where a value holds until the next ``x``; ``bars``, from zero up;
            ``points``.
        low: Lower ends of the values' uncertainty, ``(N,)``: a shaded band around lines and steps,
            whiskers on points and bars. None for no uncertainty, as `high`.
        high: Upper ends, ``(N,)``.
        dashed: Whether its line is dashed.
        labels: Text beside the points, ``(N,)``; only for ``points``.

    Raises:
        ValueError: Lengths that do not fit each other, one of `low` and `high` without the other,
            `labels` for anything but points, edges that are not finite or do not ascend.

    Example:
        >>> Series("pixels", x=(0.0, 0.5, 1.0), y=(0.0, 0.9, 1.0)).kind
        'line'
        >>> Series("scores", x=(0.0, 1.0), y=(3.0, 4.0), kind="bars")
        Traceback (most recent call last):
            ...
        ValueError: series 'scores': 2 bars need 3 edges, not 2
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    kind: Literal["line", "steps", "bars", "points"] = "line"
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    dashed: bool = False
    labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        wrong = _wrong(self)
        if wrong:
            raise ValueError(f"series {self.label!r}: {wrong}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values by the names of the attributes, numbers as they are.

        Example:
            >>> Series("", x=(0, 1), y=(0, 1), dashed=True).to_dict()["x"]
            [0.0, 1.0]
        """
        return {
            "label": self.label,
            "kind": self.kind,
            "x": _floats(self.x),
            "y": _floats(self.y),
            "low": None if self.low is None else _floats(self.low),
            "high": None if self.high is None else _floats(self.high),
            "dashed": self.dashed,
            "labels": None if self.labels is None else list(self.labels),
        }


def _wrong(series: Series) -> str:
    """What does not fit in a series; empty where all is well."""
    count = len(series.y)
    if series.kind == "bars":
        if len(series.x) != count + 1:
            return f"{count} bars need {count + 1} edges, not {len(series.x)}"
        ascend = all(low < high for low, high in zip(series.x, series.x[1:], strict=False))
        if not ascend or not all(abs(edge) <= LARGEST for edge in series.x):
            return "edges have to be finite and to ascend"
    elif len(series.x) != count:
        return f"{len(series.x)} positions for {count} values"
    if (series.low is None) != (series.high is None):
        return "low and high go together"
    if series.labels is not None and series.kind != "points":
        return f"labels stand beside points, not {series.kind}"
    for name in ("low", "high", "labels"):
        beside = getattr(series, name)
        if beside is not None and len(beside) != count:
            return f"{len(beside)} {name} for {count} values"
    return ""


@dataclass(frozen=True)
class Plot:
    """One plot: series over the same two axes.

    Attributes:
        name: What its file is called, without an ending, e.g. ``"roc"``.
        title: What it shows; the alternative text of its picture too.
        x_title: Name of the horizontal axis, with the unit.
        y_title: Name of the vertical axis, with the unit.
        series: In the order of the legend; later ones are drawn over earlier ones.
        x_log: Whether the horizontal axis is logarithmic. Zeros and negative numbers lie beyond its
            end. An axis that has nothing above zero to show is linear all the same.
        y_log: Likewise for the vertical axis.
        x_range: Ends of the horizontal axis; None for what the numbers need.
        y_range: Ends of the vertical axis.

    Raises:
        ValueError: A name that is no file stem, a range that is not finite, does not ascend, or
            begins at or below zero on a logarithmic axis.

    Example:
        >>> curve = Series("pixels", x=(0.0, 0.5, 1.0), y=(0.0, 0.9, 1.0))
        >>> plot = Plot("roc", "ROC", "false matches", "true matches", (curve,))
        >>> plot.to_dict()["series"][0]["y"]
        [0.0, 0.9, 1.0]
    """

    name: str
    title: str
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    x_log: bool = False
    y_log: bool = False
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-][\w.-]*", self.name):
            raise ValueError(f"plot {self.name!r}: the name is no file stem")
        for name, ends, log in (
            ("x_range", self.x_range, self.x_log),
            ("y_range", self.y_range, self.y_log),
        ):
            if ends is not None and not _is_range(ends, log):
                raise ValueError(f"plot {self.name!r}: {name} {ends} is no range of its axis")

    def to_dict(self) -> dict[str, Any]:
        """Plain values by the names of the attributes: all that the plot shows.

        Example:
            >>> Plot("empty", "Nothing", "x", "y", (), y_range=(0, 1)).to_dict()["y_range"]
            [0.0, 1.0]
        """
        return {
            "name": self.name,
            "title": self.title,
            "x_title": self.x_title,
            "y_title": self.y_title,
            "x_log": self.x_log,
            "y_log": self.y_log,
            "x_range": None if self.x_range is None else _floats(self.x_range),
            "y_range": None if self.y_range is None else _floats(self.y_range),
            "series": [one.to_dict() for one in self.series],
        }


def _is_range(ends: tuple[float, float], log: bool) -> bool:
    low, high = ends
    return (SMALLEST if log else -LARGEST) <= low < high <= LARGEST


def _floats(values: Iterable[float]) -> list[float]:
    return [float(value) for value in values]  # NumPy's numbers too, which JSON does not take


def plot_png(plot: Plot) -> bytes:
    r"""A plot as a PNG, 1200 x 900 pixels, taller where its legend has many rows.

    The same plot gives the same bytes under the same version of matplotlib. Letters that the font
    lacks are written as escapes.

    Raises:
        MissingExtraError: matplotlib is absent, or does not load.

    Example:
        >>> line = Series("a", x=(0.0, 1.0), y=(0.0, 1.0))
        >>> plot_png(Plot("line", "A line", "x", "y", (line,)))[:4]
        b'\x89PNG'
    """
    with _style():
        figure = _figure(plot, _letters_of_the_font())
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def plot_svg(plot: Plot) -> str:
    """A plot as an SVG document that fetches nothing; its text stays text.

    The same plot gives the same document under the same version of matplotlib.

    Raises:
        MissingExtraError: matplotlib is absent, or does not load.

    Example:
        >>> line = Series("a", x=(0.0, 1.0), y=(0.0, 1.0))
        >>> ">A line</text>" in plot_svg(Plot("line", "A line", "x", "y", (line,)))
        True
    """
    with _style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph ")  # who shows the document has other fonts
        figure = _figure(plot, shown)
        stream = io.StringIO()
        metadata = {"Title": shown(plot.title), "Date": None, "Creator": None}
        figure.savefig(stream, format="svg", metadata=metadata)
    return stream.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    """Settings of ours in matplotlib, whatever the user's are; afterwards with theirs again."""
    with _DRAWING, _silent("matplotlib"):
        style = require("matplotlib.style", purpose="plots")
        with style.context(["default", STYLE]):
            yield


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Keep a logger quiet: matplotlib tells of its caches and fonts, even where no home is."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _letters_of_the_font() -> Callable[[str], str]:
    """A function that writes what the font can't as escapes; equal boxes would say nothing."""
    fonts = require("matplotlib.font_manager", purpose="plots")
    font = fonts.get_font(fonts.findfont("DejaVu Sans"))

    def written(text: str) -> str:
        return "".join(
            one if font.get_char_index(ord(one)) else one.encode("unicode_escape").decode()
            for one in shown(text)
        )

    return written


def _figure(plot: Plot, written: Callable[[str], str]) -> Any:
    """The plot as matplotlib's figure, every text through `written`."""
    figures = require("matplotlib.figure", purpose="plots")
    figure = figures.Figure(figsize=INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set_title(_wrapped(plot.title, written, TITLE_LETTERS))
    axes.set_xlabel(_wrapped(plot.x_title, written))
    axes.set_ylabel(_wrapped(plot.y_title, written))
    names = list(dict.fromkeys(one.label for one in plot.series if one.label))
    marks = [_draw(axes, one, _look(one, names)) for one in plot.series]
    _scale(axes, plot)
    if plot.x_range is not None:
        axes.set_xlim(plot.x_range)
    if plot.y_range is not None:
        axes.set_ylim(plot.y_range)
    for one in plot.series:
        _write_labels(axes, one, written)
    if len(names) > 1:
        labels = [one.label for one in plot.series]
        firsts = [marks[labels.index(name)] for name in names]
        _add_legend(figure, firsts, [_wrapped(name, written) for name in names])
    return figure


def _wrapped(text: str, written: Callable[[str], str], letters: int = ROW_LETTERS) -> str:
    return textwrap.fill(written(text), letters)


def _scale(axes: Any, plot: Plot) -> None:
    """Logarithmic axes where they are wanted and what is drawn has something to show there."""
    if plot.x_log and math.isfinite(axes.dataLim.minposx):
        axes.set_xscale("log")
        _write_powers(axes.xaxis)
    if plot.y_log and math.isfinite(axes.dataLim.minposy):
        axes.set_yscale("log")
        _write_powers(axes.yaxis)


def _write_powers(axis: Any) -> None:
    """Numbers such as 0.01 on a logarithmic axis; matplotlib would write formulas."""
    ticker = require("matplotlib.ticker", purpose="plots")

    class Plain(ticker.LogFormatter):  # type: ignore[misc, name-defined]
        """The number itself, where matplotlib would write one."""

        def __call__(self, value: float, place: int | None = None) -> str:
            return f"{value:g}" if super().__call__(value, place) else ""

    few = (2, 0.5)  # decades below which numbers between the powers of ten are written too
    axis.set_major_formatter(Plain(minor_thresholds=few))
    axis.set_minor_formatter(Plain(minor_thresholds=few))


@dataclass(frozen=True)
class _Look:
    colour: str
    stroke: str
    mark: str


def _look(series: Series, names: Sequence[str]) -> _Look:
    """What tells a label apart from the others: a colour, then another line or point too."""
    again, place = divmod(names.index(series.label), len(COLOURS)) if series.label else (0, 0)
    return _Look(
        COLOURS[place] if series.label else GUIDE,
        "--" if series.dashed else STROKES[again % len(STROKES)],
        MARKS[again % len(MARKS)],
    )


def _draw(axes: Any, series: Series, look: _Look) -> Any:
    """Draw a series; what stands for it in the legend."""
    if series.kind == "bars":
        return _draw_bars(axes, series, look)
    if series.kind == "points":
        return _draw_points(axes, series, look)
    return _draw_line(axes, series, look)


def _draw_line(axes: Any, series: Series, look: _Look) -> Any:
    x, stepped = _drawable(series.x), series.kind == "steps"
    if series.low is not None and series.high is not None:
        axes.fill_between(
            x,
            _drawable(series.low),
            _drawable(series.high),
            step="post" if stepped else None,
            color=look.colour,
            alpha=0.18,
            linewidth=0,
        )
    (line,) = axes.plot(
        x,
        _drawable(series.y),
        color=look.colour,
        linestyle=look.stroke,
        drawstyle="steps-post" if stepped else "default",
        marker=look.mark if len(x) == 1 else "",  # a line of one point can't be seen
    )
    return line


def _draw_bars(axes: Any, series: Series, look: _Look) -> Any:
    bars = axes.stairs(
        _drawable(series.y),
        _drawable(series.x),
        fill=True,
        facecolor=(look.colour, 0.35),
        edgecolor=look.colour,
        linestyle=look.stroke,
        linewidth=1.2,
    )
    middles = [(low + high) / 2 for low, high in zip(series.x, series.x[1:], strict=False)]
    _draw_whiskers(axes, middles, series, look)
    return bars


def _draw_points(axes: Any, series: Series, look: _Look) -> Any:
    _draw_whiskers(axes, series.x, series, look)
    (points,) = axes.plot(
        _drawable(series.x),
        _drawable(series.y),
        color=look.colour,
        linestyle="none",
        marker=look.mark,
        markeredgewidth=0,
        rasterized=len(series.x) > MOST_VECTORS,
    )
    return points


def _draw_whiskers(axes: Any, x: Sequence[float], series: Series, look: _Look) -> None:
    """Uncertainty as one broken line with a cap at every end."""
    if series.low is None or series.high is None:
        return
    gap = math.nan
    axes.plot(
        _drawable(part for place in x for part in (place, place, gap)),
        _drawable(
            part for ends in zip(series.low, series.high, strict=True) for part in (*ends, gap)
        ),
        color=look.colour,
        linewidth=1.5,
        marker="_",
        markersize=9,
    )


def _drawable(values: Iterable[float]) -> list[float]:
    """Numbers with NaN, a gap, for those that have no place on an axis; hardly anything is zero."""
    return [
        math.nan if not abs(value) <= LARGEST else value if abs(value) >= SMALLEST else 0.0
        for value in _floats(values)
    ]


def _write_labels(axes: Any, series: Series, written: Callable[[str], str]) -> None:
    """Text beside points, on the side where there is room."""
    if series.labels is None:
        return
    axes.autoscale_view()  # positions mean nothing before the axes have their ends
    to_share = axes.transData + axes.transAxes.inverted()
    for x, y, label in zip(series.x, series.y, series.labels, strict=True):
        if not (abs(x) <= LARGEST and abs(y) <= LARGEST):
            continue
        late = to_share.transform((x, y))[0] > 0.6
        text = axes.annotate(
            _wrapped(label, written, LABEL_LETTERS),
            (x, y),
            xytext=(-6 if late else 6, 4),
            textcoords="offset points",
            horizontalalignment="right" if late else "left",
            verticalalignment="bottom",
            fontsize=10.5,
        )
        text.set_in_layout(False)


def _add_legend(figure: Any, marks: Sequence[Any], labels: Sequence[str]) -> None:
    """A legend below the axes, where it hides nothing; the figure grows by what it takes."""
    longest = max(len(line) for label in labels for line in label.split("\n"))
    columns = min(len(labels), max(1, ROW_LETTERS // (longest + 5)))
    height = math.ceil(sum(label.count("\n") + 1 for label in labels) / columns)
    figure.set_size_inches(INCHES[0], INCHES[1] + max(0, height - 3) * 0.25)
    figure.legend(marks, labels, loc="outside lower center", ncols=columns)
