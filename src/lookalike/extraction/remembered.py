"""What a store remembers of its encoder, so that an unchanged folder needs no network at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lookalike.embeddings import Card
from lookalike.version import __version__

FILE = ".encoder.json"
"""Beside the shards; may be deleted, and is made again when the encoder is loaded."""


def remember(folder: Path, name: str, cards: Sequence[Card], files: Sequence[str]) -> None:
    """Note which cards a name stood for, and the state of the files behind it."""
    plain = {
        "name": name,
        "version": __version__,
        "fingerprints": [card.fingerprint for card in cards],
        "files": _states(files),
    }
    draft = folder / f"{FILE}.{os.getpid()}"
    with contextlib.suppress(OSError):  # it only saves time
        draft.write_text(json.dumps(plain), encoding="utf-8")
        os.replace(draft, folder / FILE)


def still_stands_for(folder: Path, name: str, cards: Sequence[Card]) -> bool:
    """Whether a name surely stands for these cards, as far as can be told without loading it."""
    try:
        plain = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return bool(
            plain["name"] == name
            and plain["version"] == __version__
            and plain["fingerprints"] == [card.fingerprint for card in cards]
            and plain["files"] == _states(plain["files"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _states(files: Any) -> dict[str, list[int] | None]:
    return {str(file): _state(str(file)) for file in files}


def _state(file: str) -> list[int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
