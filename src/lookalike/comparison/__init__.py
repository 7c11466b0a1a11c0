"""Pictures and encoders to similarities of pairs."""

from lookalike.comparison.compare import compare
from lookalike.comparison.comparison import Comparison, ModelUse, PairResult

__all__ = ["Comparison", "ModelUse", "PairResult", "compare"]
