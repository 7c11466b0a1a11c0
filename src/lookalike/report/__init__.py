"""Views of results to terminal, CSV, JSON, Markdown and HTML: one look for all."""

from lookalike.report.html import html_fragment, html_page
from lookalike.report.plot import Plot, Series
from lookalike.report.text import csv_text, json_text, markdown_text
from lookalike.report.view import Column, Table, View, Viewable, amount

__all__ = [
    "Column",
    "Plot",
    "Series",
    "Table",
    "View",
    "Viewable",
    "amount",
    "csv_text",
    "html_fragment",
    "html_page",
    "json_text",
    "markdown_text",
]
