"""Vectors with the card that explains them, one row for every input, and the stores they lie in."""

from lookalike.embeddings.card import Card
from lookalike.embeddings.embeddings import Embeddings
from lookalike.embeddings.engine_check import EngineCheck
from lookalike.embeddings.ledger import Ledger
from lookalike.embeddings.origin import Origin
from lookalike.embeddings.remarks import Remarks
from lookalike.embeddings.row import Row
from lookalike.embeddings.store import Store
from lookalike.embeddings.verdict import PairVerdict, VerdictMap

__all__ = [
    "Card",
    "Embeddings",
    "EngineCheck",
    "Ledger",
    "Origin",
    "PairVerdict",
    "Remarks",
    "Row",
    "Store",
    "VerdictMap",
]
