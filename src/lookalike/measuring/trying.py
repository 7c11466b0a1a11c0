"""Models tried one after the other, and the question that their rows answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from lookalike.encoders import Encoder
from lookalike.measuring.device import processor, versions
from lookalike.measuring.measure import measure
from lookalike.measuring.measurement import Measurement, Task
from lookalike.measuring.worker import measure_apart


@dataclass(frozen=True)
class Tried:
    """A model that is done.

    Attributes:
        measurement: What came of it.
        before: Whether it was tried before, and is only passed on.
    """

    measurement: Measurement
    before: bool


def try_models(
    models: Sequence[str | Encoder],
    task: Task,
    known: Mapping[str, Measurement],
    keep: Callable[[Measurement], None] | None = None,
) -> Iterator[Tried]:
    """A measurement for each model, in order, each when it is done.

    Args:
        models: Names are tried in a process of their own, encoders in this one.
        task: What they have in common.
        known: Measurements from before, by model; these models are not tried again.
        keep: Given every new measurement before it is passed on.
    """
    for model in models:
        name = model.cards[0].name if isinstance(model, Encoder) else model
        if name in known and _same(known[name], model):
            yield Tried(known[name], True)
            continue
        found = _tried(model, replace(task, model=name))
        if keep:
            keep(found)
        yield Tried(found, False)


def _same(before: Measurement, model: str | Encoder) -> bool:
    """Whether a measurement is of this model; encoders may share a name."""
    if isinstance(model, str):
        return True
    return before.card is not None and before.card.fingerprint == model.cards[0].fingerprint


def _tried(model: str | Encoder, task: Task) -> Measurement:
    if isinstance(model, str):
        return _checked(measure_apart(task), task)
    alone = measure(task, lambda: model)
    # this process holds other things too, so its memory says nothing about the model
    return replace(alone, memory_mib=None, batch_memory_mib=None)


def _checked(found: Measurement, task: Task) -> Measurement:
    """With the times of a second process beside, in which threads may lie otherwise."""
    if found.times is None:
        return found
    other = measure_apart(replace(task, check=True))
    if other.times is None:
        why = other.reason or "no picture could be read"
        note = f"{task.model}: its times could not be held against those of a second process: {why}"
        return replace(found, notes=(*found.notes, note))
    return replace(
        found,
        times=found.times.beside(other.times),
        yardsticks=(*found.yardsticks, *other.yardsticks),
    )


def question(task: Task) -> dict[str, Any]:
    """What decides values and times; rows of different questions do not belong in one table."""
    return {
        "pictures": task.subject.digest,
        "metric": task.metric,
        "runtime": {k: v for k, v in asdict(task.runtime).items() if k != "offline"},
        "effort": asdict(task.effort),
        "limits": asdict(task.limits),
        "processor": processor(),
        "versions": versions(),
    }
