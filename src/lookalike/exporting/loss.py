"""When fewer bits change so much that it has to be said before anything else."""

from __future__ import annotations

from collections.abc import Iterable

from lookalike.exporting.check import Checked
from lookalike.judge import DecisionChanges

LEAST_CHECKED = 0.7
"""Cosine of a vector of the file with the encoder's, the smallest of a few pictures: what rounding
adds is as long as the vector. Files that are sound as a whole may have one picture at 0.75."""

LEAST_MEAN = 0.97
"""Likewise, the mean over the judged pictures: a quarter of its length. Networks that were rounded
well have 0.98 to 0.997; networks whose sums ran over have 0.80 to 0.94."""

MOST_PAIRS = 0.01
"""Share of pairs decided differently: as many as an ordinary operating point matches falsely. Sound
networks have 0.1 to 0.4 %, networks whose sums ran over 0.9 to 1.4 %."""

MOST_POINTS = 0.5
"""Of ROC AUC lost, in percentage points, where the loss is more than chance."""


def loud(precision: str, checks: Iterable[Checked], decisions: DecisionChanges | None) -> list[str]:
    """A sentence if a file changes much; none if it does not.

    Args:
        precision: Of the file.
        checks: The runs that it was held against the encoder by.
        decisions: What it decides differently, if that is known.

    Example:
        >>> loud("int8", [Checked("openvino", 1, 0, 0.99, None)], None)
        []
        >>> loud("int8", [Checked("openvino", 1, 0, 0.15, None)], None)[0].partition(":")[0]
        'INT8 CHANGES MUCH'
    """
    found = []
    worst = min(checks, key=lambda one: one.cosine)
    if worst.cosine < LEAST_CHECKED:
        found.append(
            f"smallest cosine with the encoder {worst.cosine:.3f} on {worst.engine} "
            f"(below {LEAST_CHECKED})"
        )
    found += [] if decisions is None else _decided(decisions)
    if not found:
        return []
    return [
        f"{precision.upper()} CHANGES MUCH: {'; '.join(found)}; take more bits for this network"
    ]


def _decided(decisions: DecisionChanges) -> list[str]:
    found = []
    numbers = {one.name: one.value for one in decisions.changes}
    cosine, pairs = numbers.get("cosine_mean"), numbers.get("pairs_changed")
    if cosine is not None and cosine < LEAST_MEAN:
        found.append(f"mean cosine with the encoder {cosine:.3f} (below {LEAST_MEAN})")
    if pairs is not None and pairs > MOST_PAIRS:
        found.append(f"{pairs:.1%} of pairs decided differently (above {MOST_PAIRS:.0%})")
    for one in decisions.quality:
        points, _, high = one.points
        lost = points < -MOST_POINTS and (high is None or high < 0)
        if one.difference.measure == "roc_auc" and lost:
            found.append(f"{one.words} (more than {MOST_POINTS} lost)")
    return found
