"""Views of results to terminal, CSV, JSON and HTML: one look for all."""

from lookalike.report.html import html_fragment, html_page
from lookalike.report.text import csv_text, json_text
from lookalike.report.view import Column, Table, View, Viewable

__all__ = [
    "Column",
    "Table",
    "View",
    "Viewable",
    "csv_text",
    "html_fragment",
    "html_page",
    "json_text",
]
