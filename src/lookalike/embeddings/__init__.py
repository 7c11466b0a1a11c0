"""Vectors with the card that explains them, and one row for every input."""

from lookalike.embeddings.card import Card
from lookalike.embeddings.embeddings import Embeddings, Row

__all__ = ["Card", "Embeddings", "Row"]
