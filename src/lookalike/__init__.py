"""lookalike: how alike are these pictures, under which model, and how sure is that?

Everything public is here and is loaded when it is first used: ``import lookalike`` itself loads
no array library and no engine.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lookalike.version import __version__

if TYPE_CHECKING:
    from lookalike.comparison import Comparison, compare
    from lookalike.diagnosis import Diagnosis, doctor
    from lookalike.embeddings import Card, Embeddings, Store
    from lookalike.encoders import Encoder, load_encoder, models
    from lookalike.errors import EngineWarning, LookalikeError
    from lookalike.extraction import Extraction, embed
    from lookalike.images import ImageSource, Limits, Picture, Preprocess, Reason, Unreadable
    from lookalike.metrics import METRICS, similarity

_HOMES = {
    "METRICS": "metrics",
    "Card": "embeddings",
    "Comparison": "comparison",
    "Diagnosis": "diagnosis",
    "Embeddings": "embeddings",
    "Encoder": "encoders",
    "EngineWarning": "errors",
    "Extraction": "extraction",
    "ImageSource": "images",
    "Limits": "images",
    "LookalikeError": "errors",
    "Picture": "images",
    "Preprocess": "images",
    "Reason": "images",
    "Store": "embeddings",
    "Unreadable": "images",
    "compare": "comparison",
    "doctor": "diagnosis",
    "embed": "extraction",
    "load_encoder": "encoders",
    "models": "encoders",
    "similarity": "metrics",
}

__all__ = [
    "METRICS",
    "Card",
    "Comparison",
    "Diagnosis",
    "Embeddings",
    "Encoder",
    "EngineWarning",
    "Extraction",
    "ImageSource",
    "Limits",
    "LookalikeError",
    "Picture",
    "Preprocess",
    "Reason",
    "Store",
    "Unreadable",
    "__version__",
    "compare",
    "doctor",
    "embed",
    "load_encoder",
    "models",
    "similarity",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"lookalike.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
