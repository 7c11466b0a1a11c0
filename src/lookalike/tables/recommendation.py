"""Which row to take under constraints, why, and what each constraint left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import TypeAlias

from lookalike.errors import UsageError


@dataclass(frozen=True)
class Constraints:
    """What a row may cost and has to reach; None, or no licence, is no constraint.

    Attributes:
        most_ms: Longest time, in milliseconds.
        most_memory_mib: Most memory, in MiB.
        most_dim: Longest vector.
        most_params: Most parameters.
        most_gflops: Most multiply-accumulates for one picture, in 10^9.
        least_acc1: Least published ImageNet top-1 accuracy, in per cent.
        licences: Those permitted; capitals do not matter.

    Raises:
        UsageError: A bound that is negative or not finite.
    """

    most_ms: float | None = None
    most_memory_mib: float | None = None
    most_dim: int | None = None
    most_params: int | None = None
    most_gflops: float | None = None
    least_acc1: float | None = None
    licences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for limit in _LIMITS:
            bound = getattr(self, limit.constraint)
            if bound is not None and not 0 <= bound < math.inf:
                raise UsageError(
                    f"{limit.constraint}={bound} is no bound", cure="give a number from 0 on"
                )


@dataclass(frozen=True)
class Candidate:
    """A row that may be recommended; None, or no licence, is a figure that is not known.

    Attributes:
        name: Of the row.
        quality: How well it tells alike from unlike; more is better.
        ms: Time, in milliseconds.
        memory_mib: Memory, in MiB.
        dim: Length of the vector.
        params: Number of parameters.
        gflops: Multiply-accumulates for one picture, in 10^9.
        acc1: Published ImageNet top-1 accuracy, in per cent.
        licence: Of the weights.
    """

    name: str
    quality: float | None
    ms: float | None = None
    memory_mib: float | None = None
    dim: int | None = None
    params: int | None = None
    gflops: float | None = None
    acc1: float | None = None
    licence: str = ""


@dataclass(frozen=True)
class Exclusion:
    """What one constraint left out; a row that fails several is named under each.

    Attributes:
        constraint: Name of the constraint; ``quality`` for rows without one; ``refused`` for
            rows that are not recommended under any constraint.
        failing: Rows whose figure does not meet it.
        unknown: Rows whose figure is not known.
        words: The same as a sentence.
    """

    constraint: str
    failing: tuple[str, ...]
    unknown: tuple[str, ...]
    words: str


@dataclass(frozen=True)
class Relaxation:
    """The smallest step that would let a row in.

    Attributes:
        frees: The row.
        changes: Constraint to the value at which the row meets it, or the licence to permit.
        words: The constraints after these changes.
    """

    frees: str
    changes: tuple[tuple[str, float | str], ...]
    words: str


@dataclass(frozen=True)
class Recommendation:
    """A row, or none, and the reason.

    Attributes:
        name: The row; None if none meets the constraints.
        reason: In words.
        feasible: The rows that meet every constraint.
        alike: The best of them and those not distinguishable from it, in the order of choice.
        excluded: One for each constraint that left something out.
        relaxation: What would let a row in, if none is feasible and something would.
    """

    name: str | None
    reason: str
    feasible: tuple[str, ...]
    alike: tuple[str, ...]
    excluded: tuple[Exclusion, ...]
    relaxation: Relaxation | None = None


@dataclass(frozen=True)
class _Limit:
    constraint: str
    figure: str
    words: str
    sign: int = 1

    def excess(self, bound: float, value: float) -> float:
        """By which share of the bound a value fails it; 0 or less if it does not."""
        over = self.sign * (value - bound)
        return over / bound if bound else (math.inf if over > 0 else 0.0)

    def said(self, bound: float) -> str:
        """The constraint in words; a bound with many digits is rounded to the lenient side."""
        if isinstance(bound, int):
            return self.words.format(bound)
        lenient = Context(prec=6, rounding=ROUND_CEILING if self.sign > 0 else ROUND_FLOOR)
        number = f"{lenient.create_decimal(str(bound)):f}"
        return self.words.format(number.rstrip("0").rstrip(".") if "." in number else number)


_Rank: TypeAlias = tuple[float, float, float, str]

_LICENCES, _QUALITY = "licences", "quality"
_LIMITS = (
    _Limit("most_ms", "ms", "a time of at most {} ms"),
    _Limit("most_memory_mib", "memory_mib", "memory of at most {} MiB"),
    _Limit("most_dim", "dim", "a vector of at most {} numbers"),
    _Limit("most_params", "params", "at most {} parameters"),
    _Limit("most_gflops", "gflops", "at most {} GFLOPs"),
    _Limit("least_acc1", "acc1", "an accuracy of at least {} %", sign=-1),
)


def recommend(
    candidates: Sequence[Candidate],
    constraints: Constraints | None = None,
    *,
    alike: Callable[[str, str], bool] = lambda best, other: False,
    quality_name: str = "ROC AUC",
    noise: float = 0.0,
) -> Recommendation:
    """The row to take: among the best that meet the constraints, the cheapest.

    Of the rows that meet every constraint, the one of the best quality and all that are not
    distinguishable from it are kept; among these the fastest is taken, then the one of least
    memory, of the shortest vector, and the first by name. An unknown figure comes last.

    Args:
        candidates: Rows with names of their own. One whose figure under a constraint, or whose
            quality, is not known is left out, and that is said.
        constraints: None for none.
        alike: Whether another row is not distinguishable in quality from the best one, by their
            names; rows of equal quality never are.
        quality_name: What quality is called in words.
        noise: Times that are longer than the shortest by less than this share of it are taken as
            equal to it.

    Returns:
        A recommendation. Without a feasible row it says which constraint, relaxed to what value,
        lets a row in soonest: the one with the smallest excess, as a share of the bound, among rows
        that fail it alone; if there is no such row, all that have to be relaxed for the row whose
        worst excess is smallest.

    Raises:
        UsageError: Two rows of one name, or a quality that is not a number.

    Example:
        >>> rows = [Candidate("a", 0.9, ms=80), Candidate("b", 0.8, ms=20), Candidate("c", 0.95)]
        >>> found = recommend(rows, Constraints(most_ms=100), alike=lambda _, other: other == "b")
        >>> found.name, found.feasible
        ('b', ('a', 'b'))
        >>> print(found.reason)
        a has the best ROC AUC of those that meet the constraints, 0.9000; 1 more is not \
distinguishable from it; b is chosen by time.
        >>> print(found.excluded[0].words)
        A time of at most 100 ms excludes 1 of 3, 1 of them because it is not known.
        >>> print(recommend(rows, Constraints(most_ms=10)).reason)
        No row meets the constraints; a time of at most 20 ms would let in b.
    """
    constraints = constraints or Constraints()
    _require_sound(candidates)
    failures = {one.name: _failures(one, constraints) for one in candidates}
    feasible = [one for one in candidates if not failures[one.name]]
    excluded = _exclusions(failures, constraints, quality_name)
    names = tuple(one.name for one in feasible)
    if not feasible:
        relaxation = _relaxation(candidates, failures)
        reason = _why_none(bool(candidates), relaxation)
        return Recommendation(None, reason, names, (), excluded, relaxation)
    best = min(feasible, key=lambda one: (-_quality(one), _rank(one)))
    kept = [
        one for one in feasible if _quality(one) == _quality(best) or alike(best.name, one.name)
    ]
    rank = _ranking(kept, noise)
    kept.sort(key=rank)
    among = " of those that meet the constraints" if len(feasible) < len(candidates) else ""
    reason = f"{best.name} has the best {quality_name}{among}, {_quality(best):.4f}"
    if len(kept) > 1:
        are = "is" if len(kept) == 2 else "are"
        reason += f"; {len(kept) - 1} more {are} not distinguishable from it"
        reason += f"; {kept[0].name} is chosen by {_criteria(rank(kept[0]), rank(kept[1]))}"
    alike_names = tuple(one.name for one in kept)
    return Recommendation(kept[0].name, f"{reason}.", names, alike_names, excluded)


def _require_sound(candidates: Sequence[Candidate]) -> None:
    seen = set()
    for one in candidates:
        if one.name in seen:
            raise UsageError("two rows have one name", where=one.name, cure="name them apart")
        seen.add(one.name)
        if one.quality is not None and math.isnan(one.quality):
            raise UsageError("a quality is not a number", where=one.name, cure="use None")


def _quality(one: Candidate) -> float:
    return -math.inf if one.quality is None else one.quality


def _rank(one: Candidate) -> _Rank:
    ms, memory, dim = (
        math.inf if value is None else value for value in (one.ms, one.memory_mib, one.dim)
    )
    return ms, memory, dim, one.name


def _ranking(kept: Sequence[Candidate], noise: float) -> Callable[[Candidate], _Rank]:
    """The order of choice, where a time that noise does not tell from the shortest is as short."""
    bound = min((_rank(one)[0] for one in kept), default=0.0) * (1 + noise)

    def rank(one: Candidate) -> _Rank:
        ms, memory, dim, name = _rank(one)
        return (0.0 if ms < bound else ms), memory, dim, name

    return rank


def _criteria(first: _Rank, second: _Rank) -> str:
    """What one had to be told from the next by."""
    equal = next(n for n, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1])
    return ", then ".join(("time", "memory", "length of the vector", "name")[: equal + 1])


@dataclass(frozen=True)
class _Failure:
    """Why a row does not meet a constraint.

    Attributes:
        excess: As a share of the bound; None if the figure is not known.
        needed: The value at which it would meet the constraint.
        words: The constraint, relaxed to that value.
    """

    excess: float | None = None
    needed: float | str = ""
    words: str = ""


def _failures(one: Candidate, constraints: Constraints) -> dict[str, _Failure]:
    found = {}
    for limit in _LIMITS:
        bound, value = getattr(constraints, limit.constraint), getattr(one, limit.figure)
        if bound is None:
            continue
        if value is None:
            found[limit.constraint] = _Failure()
        elif (excess := limit.excess(bound, value)) > 0:
            found[limit.constraint] = _Failure(excess, value, limit.said(value))
    permitted = {licence.casefold() for licence in constraints.licences}
    if permitted and one.licence.casefold() not in permitted:
        # a licence has no distance from another, so any number is relaxed sooner
        known = _Failure(math.inf, one.licence, f"the licence {one.licence}")
        found[_LICENCES] = known if one.licence else _Failure()
    if one.quality is None:
        found[_QUALITY] = _Failure()
    return found


def _exclusions(
    failures: dict[str, dict[str, _Failure]], constraints: Constraints, quality_name: str
) -> tuple[Exclusion, ...]:
    said = {
        limit.constraint: limit.said(bound)
        for limit in _LIMITS
        if (bound := getattr(constraints, limit.constraint)) is not None
    }
    said[_LICENCES] = f"a licence out of {', '.join(constraints.licences)}"
    said[_QUALITY] = f"a known {quality_name}"
    found = []
    for constraint, words in said.items():
        faults = {name: why[constraint] for name, why in failures.items() if constraint in why}
        failing = tuple(name for name, fault in faults.items() if fault.excess is not None)
        unknown = tuple(name for name, fault in faults.items() if fault.excess is None)
        words = f"{words[0].upper()}{words[1:]} excludes {len(faults)} of {len(failures)}"
        if unknown and constraint != _QUALITY:
            words += f", {len(unknown)} of them because it is not known"
        if faults:
            found.append(Exclusion(constraint, failing, unknown, f"{words}."))
    return tuple(found)


def _relaxation(
    candidates: Sequence[Candidate], failures: dict[str, dict[str, _Failure]]
) -> Relaxation | None:
    """The row that is let in soonest: one that fails a single constraint, if there is one."""
    reachable = []
    for one in candidates:
        excesses = [fault.excess for fault in failures[one.name].values()]
        known = [excess for excess in excesses if excess is not None]
        if len(known) == len(excesses):
            reachable.append((len(known) > 1, max(known), -_quality(one), _rank(one), one.name))
    if not reachable:
        return None
    name = min(reachable)[-1]
    faults = failures[name]
    return Relaxation(
        name,
        tuple((constraint, fault.needed) for constraint, fault in faults.items()),
        " and ".join(fault.words for fault in faults.values()),
    )


def _why_none(rows: bool, relaxation: Relaxation | None) -> str:
    if not rows:
        return "There is no row."
    if relaxation is None:
        return "No row meets the constraints, and every row lacks a figure that they ask for."
    together = " together" if len(relaxation.changes) > 1 else ""
    words = f"{relaxation.words}{together} would let in {relaxation.frees}"
    return f"No row meets the constraints; {words}."
