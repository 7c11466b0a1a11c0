"""Is one store better than another? Differences on the same replicates, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence

from lookalike.judge.judgement import Difference, Judgement, Measure
from lookalike.judge.resampling import Interval, spread_of


def differences_of(
    judgements: Sequence[Judgement], groups: int, *, level: float
) -> tuple[Difference, ...]:
    """The first judgement against each of the others, in every measure that both have.

    The replicates draw the same units for both, so what both find hard or easy drops out. With
    several others, each interval has the level 1 - (1 - level) / others (Bonferroni): all
    together hold with `level`.
    """
    first, *others = judgements
    each = 1 - (1 - level) / max(1, len(others))
    found = []
    for measure in first.measures:
        for other in others:
            theirs = {one.name: one for one in other.measures}.get(measure.name)
            if theirs and measure.value is not None and theirs.value is not None:
                stores = first.store, other.store
                found.append(difference_of(measure, theirs, stores, groups, each, level))
    return tuple(found)


def difference_of(
    mine: Measure,
    theirs: Measure,
    stores: tuple[str, str],
    groups: int,
    each: float,
    level: float,
) -> Difference:
    """One measure of one store against that of another, on the same replicates.

    Args:
        mine: With a value.
        theirs: With a value, from the same resampling.
        stores: What the two are called.
        groups: Of the resampling.
        each: Level of this interval.
        level: Level that it and all beside it hold together.
    """
    assert mine.value is not None
    assert theirs.value is not None
    value = mine.value - theirs.value
    spread = between = None
    if mine.replicates is not None and theirs.replicates is not None:
        spread = spread_of(value, mine.replicates - theirs.replicates, groups)
    if spread is not None:
        low, high = spread.ends(each)
        between = Interval(max(-1.0, min(low, value)), min(1.0, max(high, value)), each)
    told = between is not None and (between.low > 0 or between.high < 0)
    better = stores[0] if (value > 0) == mine.higher_is_better else stores[1]
    verdict = f"{better} is better" if told else f"not distinguishable at {level * 100:.4g} %"
    if between is None:
        verdict = "too few identities to tell"
    p = None if spread is None else spread.p
    return Difference(mine.name, mine.title, *stores, value, between, p, told, verdict)
