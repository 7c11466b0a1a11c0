"""Sphinx: the Markdown pages in this folder, and the docstrings they quote."""

from __future__ import annotations

from docutils import nodes  # type: ignore[import-untyped]
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
    "no-value": True,
    "show-inheritance": False,
}
autodoc_typehints = "signature"
autodoc_type_aliases = {"Pictures": "Pictures", "Vectors": "Vectors"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"lookalike {release}"
html_show_sphinx = False


def strip_blank_ends(app: Sphinx, document: nodes.document) -> None:
    """Drop the blank line that ends a doctest in Markdown, so that pages do not show it."""
    for block in document.findall(nodes.literal_block):
        if block.rawsource == block.astext():
            text = block.astext().rstrip("\n")
            block.rawsource = text
            block.children = [nodes.Text(text)]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", strip_blank_ends)
