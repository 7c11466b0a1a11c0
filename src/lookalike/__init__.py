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
    from lookalike.exporting import Exported, export
    from lookalike.extraction import Extraction, embed
    from lookalike.images import ImageSource, Limits, Picture, Preprocess, Reason, Unreadable
    from lookalike.judge import (
        Calibration,
        DecisionChanges,
        Drift,
        Evaluation,
        PairCounts,
        ThresholdCard,
        Truth,
        calibrate,
        decision_changes,
        drift,
        evaluate,
        remember,
        truth_of,
    )
    from lookalike.matching import ImageMatcher, Match, match
    from lookalike.metrics import METRICS, similarity
    from lookalike.tables import Identification, ModelTable, identify, table

_HOMES = {
    "METRICS": "metrics",
    "Calibration": "judge",
    "Card": "embeddings",
    "Comparison": "comparison",
    "DecisionChanges": "judge",
    "Diagnosis": "diagnosis",
    "Drift": "judge",
    "Embeddings": "embeddings",
    "Encoder": "encoders",
    "EngineWarning": "errors",
    "Evaluation": "judge",
    "Exported": "exporting",
    "Extraction": "extraction",
    "Identification": "tables",
    "ImageMatcher": "matching",
    "ImageSource": "images",
    "Limits": "images",
    "LookalikeError": "errors",
    "Match": "matching",
    "ModelTable": "tables",
    "PairCounts": "judge",
    "Picture": "images",
    "Preprocess": "images",
    "Reason": "images",
    "Store": "embeddings",
    "ThresholdCard": "judge",
    "Truth": "judge",
    "Unreadable": "images",
    "calibrate": "judge",
    "compare": "comparison",
    "decision_changes": "judge",
    "doctor": "diagnosis",
    "drift": "judge",
    "embed": "extraction",
    "evaluate": "judge",
    "export": "exporting",
    "identify": "tables",
    "load_encoder": "encoders",
    "match": "matching",
    "models": "encoders",
    "remember": "judge",
    "similarity": "metrics",
    "table": "tables",
    "truth_of": "judge",
}

__all__ = [
    "METRICS",
    "Calibration",
    "Card",
    "Comparison",
    "DecisionChanges",
    "Diagnosis",
    "Drift",
    "Embeddings",
    "Encoder",
    "EngineWarning",
    "Evaluation",
    "Exported",
    "Extraction",
    "Identification",
    "ImageMatcher",
    "ImageSource",
    "Limits",
    "LookalikeError",
    "Match",
    "ModelTable",
    "PairCounts",
    "Picture",
    "Preprocess",
    "Reason",
    "Store",
    "ThresholdCard",
    "Truth",
    "Unreadable",
    "__version__",
    "calibrate",
    "compare",
    "decision_changes",
    "doctor",
    "drift",
    "embed",
    "evaluate",
    "export",
    "identify",
    "load_encoder",
    "match",
    "models",
    "remember",
    "similarity",
    "table",
    "truth_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"lookalike.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
