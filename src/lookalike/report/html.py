"""Views as one self-contained HTML page, and as a fragment for notebooks."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

from lookalike.errors import MissingExtraError
from lookalike.report.plot import plot_svg
from lookalike.report.view import Column, View, cell_text, shown
from lookalike.version import __version__

DARKEST = 0.55
"""Share of colour at the upper end of a shaded range; text stays readable on it."""


def html_page(view: View) -> str:
    """A page that opens anywhere without a network: pictures are inside, nothing is fetched."""
    return _render("page.html.j2", view)


def html_fragment(view: View) -> str:
    """The page's contents without head and style sheet of its own, for notebooks."""
    return _render("fragment.html.j2", view)


def _render(template: str, view: View) -> str:
    plots, without_plots = _plots(view)
    text: str = (
        _environment()
        .get_template(template)
        .render(
            view=view,
            version=__version__,
            cell=cell_text,
            shade=shade,
            picture=_picture,
            plots=plots,
            without_plots=without_plots,
            shown=shown,
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


def shade(value: Any, column: Column) -> str:
    """A background for a number: the further up its range, the stronger.

    Example:
        >>> shade(0.5, Column("v", "v", "number", shade=(0.0, 1.0)))
        'background: rgb(38 132 255 / 0.28)'
    """
    if column.shade is None or not isinstance(value, (int, float)) or value != value:
        return ""
    low, high = column.shade
    share = (value - low) / (high - low) if high > low else 0.0
    return f"background: rgb(38 132 255 / {min(max(share, 0.0), 1.0) * DARKEST:.2f})"


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
