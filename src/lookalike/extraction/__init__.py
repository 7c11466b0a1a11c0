"""Pictures into a store, one true row for every file, and on where it stopped."""

from lookalike.extraction.embed import embed
from lookalike.extraction.extraction import Extraction

__all__ = ["Extraction", "embed"]
