"""Exit codes of a command that did its work; those of errors are with the errors."""

from __future__ import annotations

FAILED_INPUTS = 1
"""Done, but some inputs have no vector."""

NO_MATCH = 1
"""Done: the pictures do not match."""

DRIFTED = 1
"""Done: the scores have drifted."""

INTERRUPTED = 130
"""Ctrl-C."""
