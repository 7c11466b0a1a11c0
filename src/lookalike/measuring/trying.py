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
        return measure_apart(task)
    alone = measure(task, lambda: model)
    # this process holds other things too, so its memory says nothing about the model
    return replace(alone, memory_mib=None, batch_memory_mib=None)


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
