"""Exit codes of a command that did its work; those of errors are with the errors."""

from __future__ import annotations

FAILED_INPUTS = 1
"""Done, but some inputs have no vector."""

INTERRUPTED = 130
"""Ctrl-C."""
