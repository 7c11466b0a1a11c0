"""Sphinx: the Markdown pages in this folder, and the docstrings they quote."""

from __future__ import annotations

from docutils import nodes  # type: ignore[import-untyped]
from sphinx import addnodes
from sphinx.application import Sphinx

from lookalike import __version__

project = "lookalike"
copyright = "the lookalike contributors, Apache-2.0"
author = "the lookalike contributors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
]
exclude_patterns = ["_build"]
default_role = "py:obj"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
}
autodoc_typehints = "signature"
autodoc_type_aliases = {"Pictures": "Pictures", "Vectors": "Vectors"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"lookalike {release}"
html_show_sphinx = False

LONGEST_VALUE = 120
"""Characters of a constant's value that a page still shows."""

COLON = "\ue000"
"""Stands for a colon meanwhile; of Unicode's private use, so that no text holds it."""


def strip_blank_ends(app: Sphinx, document: nodes.document) -> None:
    """Drop the blank line that ends a doctest in Markdown, so that pages do not show it."""
    for block in document.findall(nodes.literal_block):
        if block.rawsource == block.astext():
            text = block.astext().rstrip("\n")
            block.rawsource = text
            block.children = [nodes.Text(text)]


def hide_long_values(app: Sphinx, document: nodes.document) -> None:
    """Drop the values of long constants, which say less than the pages' tables."""
    for value in list(document.findall(addnodes.desc_annotation)):
        if len(value.astext()) > LONGEST_VALUE:
            value.parent.remove(value)


def hide_colons(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Before napoleon, which reads what stands before a constant's first colon as its type."""
    if what in {"attribute", "data", "property"}:
        lines[:] = [line.replace(":", COLON) for line in lines]


def show_colons(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """After napoleon: the inverse."""
    lines[:] = [line.replace(COLON, ":") for line in lines]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", strip_blank_ends)
    app.connect("doctree-read", hide_long_values)
    app.connect("autodoc-process-docstring", hide_colons, priority=400)
    app.connect("autodoc-process-docstring", show_colons, priority=600)
