"""Numbers and truth to judgement."""

from lookalike.judge.calibrate import calibrate
from lookalike.judge.changes import Change, DecisionChanges, QualityChange, Thresholds
from lookalike.judge.decisions import decision_changes
from lookalike.judge.drift import drift
from lookalike.judge.evaluate import evaluate
from lookalike.judge.judgement import Difference, Evaluation, Judgement, Measure
from lookalike.judge.pair_counts import PairCounts
from lookalike.judge.reference import Drift
from lookalike.judge.resampling import Drawing, Interval
from lookalike.judge.scored import ScoredPairs, Scores, judge_scores
from lookalike.judge.tables import truth_of
from lookalike.judge.threshold_card import Calibration, ThresholdCard
from lookalike.judge.truth import Truth
from lookalike.judge.verdicts import Verdict, read_verdicts, remember

__all__ = [
    "Calibration",
    "Change",
    "DecisionChanges",
    "Difference",
    "Drawing",
    "Drift",
    "Evaluation",
    "Interval",
    "Judgement",
    "Measure",
    "PairCounts",
    "QualityChange",
    "ScoredPairs",
    "Scores",
    "ThresholdCard",
    "Thresholds",
    "Truth",
    "Verdict",
    "calibrate",
    "decision_changes",
    "drift",
    "evaluate",
    "judge_scores",
    "read_verdicts",
    "remember",
    "truth_of",
]
