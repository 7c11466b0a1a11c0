"""The user's cache folder: converted networks, kept by what decides their numbers."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Where converted networks are kept: ``$LOOKALIKE_CACHE``, else the system's cache folder.

    The folder may be deleted at any time; what was in it is made again when needed.
    """
    return Path(os.environ.get("LOOKALIKE_CACHE") or platformdirs.user_cache_dir("lookalike"))
