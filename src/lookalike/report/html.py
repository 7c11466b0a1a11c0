"""Views as one self-contained HTML page, and as a fragment for notebooks."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lookalike.errors import MissingExtraError
from lookalike.report.plot import plot_svg
from lookalike.report.view import Column, View, cell_text, is_nothing, shown
from lookalike.version import __version__

DARKEST = 0.55
"""Share of colour at the upper end of a shaded range; text stays readable on it."""


def html_page(view: View) -> str:
    """A page that opens anywhere without a network: pictures are inside, nothing is fetched.

    Columns are sorted by their headings. The page forbids every request, and every script but that
    one, so that even what would slip through the escaping could do nothing.

    Example:
        >>> page = html_page(View("a & b", ()))
        >>> "<h1>a &amp; b</h1>" in page, "default-src 'none'" in page
        (True, True)
    """
    script, digest = _script()
    return _render("page.html.j2", view, script=script, digest=digest)


def html_fragment(view: View) -> str:
    """The page's contents without head, style sheet and script of its own, for notebooks.

    Example:
        >>> "<script" in html_fragment(View("a", ()))
        False
    """
    return _render("fragment.html.j2", view)


def _render(template: str, view: View, **more: str) -> str:
    plots, without_plots = _plots(view)
    text: str = (
        _environment()
        .get_template(template)
        .render(
            view=view,
            version=__version__,
            cell=cell_text,
            attributes=_attributes,
            is_nothing=is_nothing,
            picture=_picture,
            plots=plots,
            without_plots=without_plots,
            shown=shown,
            **more,
        )
    )
    return text


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("lookalike.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@lru_cache(maxsize=1)
def _script() -> tuple[str, str]:
    """The script that sorts, and the digest by which a page lets it run, and no other."""
    source = files("lookalike.report").joinpath("templates/sort.js").read_text("utf-8")
    digest = hashlib.sha256(source.encode()).digest()
    return source, f"sha256-{base64.b64encode(digest).decode()}"


def _attributes(value: Any, column: Column) -> dict[str, str | None]:
    """What a cell's tag says beside its kind: its colour, and by what it is sorted."""
    return {"style": shade(value, column) or None, "data-value": _unrounded(value, column)}


def _unrounded(value: Any, column: Column) -> str | None:
    """A number as JavaScript reads it; None for text, which is sorted as it stands."""
    if not column.is_numeric or is_nothing(value):
        return None
    return repr(float(value)).replace("inf", "Infinity")


def shade(value: Any, column: Column) -> str:
    """A background for a number: the further up its range, the stronger.

    Example:
        >>> shade(0.5, Column("v", "v", "number", shade=(0.0, 1.0)))
        'background-image: linear-gradient(rgb(38 132 255 / 0.28) 0 0)'
    """
    if column.shade is None or not isinstance(value, (int, float)) or value != value:
        return ""
    low, high = column.shade
    share = (value - low) / (high - low) if high > low else 0.0
    colour = f"rgb(38 132 255 / {min(max(share, 0.0), 1.0) * DARKEST:.2f})"
    return f"background-image: linear-gradient({colour} 0 0)"  # over the row's own colour


def _plots(view: View) -> tuple[list[tuple[str, str]], str]:
    """Address and title of each plot; or none, and a sentence that says why."""
    try:
        return [
            (_address("image/svg+xml", plot_svg(one).encode()), one.title) for one in view.plots
        ], ""
    except MissingExtraError as error:
        return [], f"The plots are left out, since they need matplotlib: {error.cure}"


def _picture(view: View, id: str) -> str:
    data = view.pictures.get(id)
    return "" if data is None else _address("image/jpeg", data)


def _address(kind: str, data: bytes) -> str:
    """Data as an address of its own, so that nothing is fetched."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
