"""The main job with nothing at hand."""

from lookalike.demo.demo import demo

__all__ = ["demo"]
