"""Two pictures and a calibration to a verdict."""

from lookalike.matching.match import match
from lookalike.matching.matcher import ImageMatcher, Match

__all__ = ["ImageMatcher", "Match", "match"]
