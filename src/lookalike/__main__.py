"""``python -m lookalike``: the command line."""

from lookalike.cli import run

run()
