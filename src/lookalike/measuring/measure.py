"""Tries one model in this process: its values, its times, its memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.comparison.pairs import pair_values
from lookalike.embeddings import Embeddings
from lookalike.encoders import Encoder, load_encoder
from lookalike.errors import LookalikeError
from lookalike.images import ImageSource, Limits, Picture, Place, decode
from lookalike.measuring.measurement import Measurement, Task, Times, Yardstick, files_now
from lookalike.measuring.memory import device_peak_mib, peak_mib, resident_mib
from lookalike.measuring.timing import Effort, Timing, milliseconds, one_round, warmed_up
from lookalike.metrics import similarity

Array: TypeAlias = "NDArray[Any]"
Lap: TypeAlias = "NDArray[np.float64]"
"""(P, 3) milliseconds of decoding, preprocessing and model, for each of the timed pictures."""

TIMED = 5
"""Pictures whose way from file to vector is timed."""

MOST_BATCH = 256
WORTH = 1.02
"""A larger batch is tried while it embeds at least so many times as many pictures per second."""

SCAN = 2**24
"""Numbers in the vectors that one vector is compared with."""

SORTED, SIDE, PRODUCTS = 2**16, 96, 40
"""What is done to see how quick the machine is: numbers sorted; products of small matrices."""


def measure(
    task: Task,
    load: Callable[[], Encoder] | None = None,
    early: Callable[[Measurement], None] | None = None,
) -> Measurement:
    """Load a model, embed the pictures, compare the pairs, and time it.

    Whatever goes wrong with the model becomes the reason of its row.

    Args:
        task: The model, the pictures, and how long to measure.
        load: Gives the encoder; by the task's name if None.
        early: Given what is known before large batches are tried, which may end the process.

    Returns:
        A `Measurement`; memory is that of this process since it began to load.

    Example:
        >>> from lookalike.measuring.subject import example_subject
        >>> found = measure(Task("pixels", example_subject(), effort=Effort(2, 0.0, 1.0, 1)))
        >>> found.values[0] > found.values[1]
        True
    """
    try:
        load = load or (lambda: load_encoder(task.model, runtime=task.runtime))
        return _measured(task, load, early or (lambda found: None))
    except LookalikeError as error:
        return Measurement(task.model, str(error))
    except MemoryError:
        return Measurement(task.model, "it ran out of memory")
    except Exception as error:  # a model may come from anyone, and one must not end the table
        told = next(iter(str(error).strip().splitlines()), "")
        return Measurement(task.model, f"{type(error).__name__}: {told}")


def _measured(
    task: Task, load: Callable[[], Encoder], early: Callable[[Measurement], None]
) -> Measurement:
    before, yardstick = resident_mib(), _yardstick()
    start = time.perf_counter()
    encoder = load()
    load_ms = (time.perf_counter() - start) * 1000
    card = encoder.card
    timed = _prepared(encoder, task.subject.places, task.limits)
    warm = _Warm(encoder, timed, task) if timed else None
    rounds = [warm.round()] if warm else []
    if task.check:
        return _check(task, encoder, list(timed), rounds, (load_ms, yardstick))
    memory = _beyond(before)
    embeddings = encoder.encode(ImageSource(task.subject.places, limits=task.limits))
    metric = task.metric or card.metric
    found = Measurement(
        task.model,
        card=card,
        engine=encoder.engine,
        metric=metric,
        notes=encoder.notes,
        values=tuple(pair_values(task.subject.pairs, embeddings, metric)),
        failures=tuple(
            (row.id, row.reason.value if row.reason else "", row.detail)
            for row in embeddings.failures
        ),
        vector_bytes=card.dim * embeddings.vectors.itemsize,
        files=files_now(encoder.files or ()),
    )
    if warm is None or not len(embeddings.vectors):
        return found
    compared, scan = _compared(embeddings, metric, task.effort)
    rounds.append(warm.round())
    found = replace(
        found,
        times=_times(list(timed), rounds, compared, load_ms),
        scan=scan,
        memory_mib=memory,
        device_memory_mib=device_peak_mib(),
        yardsticks=(yardstick, _yardstick()),
    )
    early(found)
    throughput = _throughput(encoder, list(timed.values()), task.effort)
    return replace(
        found,
        throughput=tuple(throughput),
        batch_memory_mib=_beyond(before),
        device_memory_mib=device_peak_mib(),
    )


def _check(
    task: Task,
    encoder: Encoder,
    timed: Sequence[Place],
    rounds: Sequence[tuple[list[Lap], list[float]]],
    before: tuple[float, Yardstick],
) -> Measurement:
    """Times alone, of one round."""
    embeddings = encoder.encode(ImageSource(timed, limits=task.limits))
    if not len(embeddings.vectors):
        return Measurement(task.model)
    compared, _ = _compared(embeddings, task.metric or encoder.card.metric, task.effort)
    load_ms, yardstick = before
    times = _times(timed, rounds, compared, load_ms)
    return Measurement(task.model, times=times, yardsticks=(yardstick, _yardstick()))


def _beyond(before: float | None) -> float | None:
    peak = peak_mib()
    return None if peak is None or before is None else max(0.0, peak - before)


def _prepared(encoder: Encoder, places: Sequence[Place], limits: Limits) -> dict[Place, Array]:
    """Up to `TIMED` pictures that can be read and prepared, from all over the list."""
    found: dict[Place, Array] = {}
    step = max(1, len(places) // TIMED)
    for place in (place for start in range(step) for place in places[start::step]):
        picture = decode(place, limits)
        if isinstance(picture, Picture):
            with contextlib.suppress(Exception):  # the picture's own row will have the reason
                found[place] = encoder.prepare(picture)
        if len(found) == TIMED:
            break
    return found


class _Warm:
    """An encoder that has run, and pictures for it."""

    def __init__(self, encoder: Encoder, timed: Mapping[Place, Array], task: Task) -> None:
        self.encoder, self.task = encoder, task
        self.places, self.arrays = list(timed), list(timed.values())
        self._next = 0
        warmed_up(self.run, task.effort)

    def run(self) -> None:
        """The model alone on the next of the prepared pictures."""
        self._next += 1
        self.encoder.run(self.arrays[self._next % len(self.arrays)][None])

    def round(self) -> tuple[list[Lap], list[float]]:
        """One round of laps, and one of the model alone."""
        return self.laps(), one_round(self.run, self.task.effort)

    def laps(self) -> list[Lap]:
        """The ways from file to vector; a lap goes once over all pictures."""
        found: list[Lap] = []
        one_round(
            lambda: found.append(np.array([self._way(one) for one in self.places])),
            self.task.effort,
        )
        return found

    def _way(self, place: Place) -> tuple[float, float, float]:
        start = time.perf_counter()
        picture = _picture(place, self.task.limits)
        decoded = time.perf_counter()
        array = self.encoder.prepare(picture)
        prepared = time.perf_counter()
        self.encoder.run(array[None])
        done = time.perf_counter()
        return (decoded - start) * 1000, (prepared - decoded) * 1000, (done - prepared) * 1000


def _picture(place: Place, limits: Limits) -> Picture:
    found = decode(place, limits)
    assert isinstance(found, Picture), found
    return found


def _throughput(
    encoder: Encoder, arrays: Sequence[Array], effort: Effort
) -> list[tuple[int, float]]:
    """Pictures per second at batch 1, 2, 4 ... while that gains, as long as memory suffices."""
    found: list[tuple[int, float]] = []
    short = replace(effort, repeats=min(effort.repeats, 6), seconds=effort.seconds / 4)
    size = 1
    while size <= MOST_BATCH:
        batch = np.stack([arrays[n % len(arrays)] for n in range(size)])
        try:
            if _gives_back(encoder, batch):
                break  # all of its work is done while pictures are prepared
            first = milliseconds(lambda batch=batch: encoder.run(batch))  # type: ignore[misc]
            taken = [first] if first > effort.most_seconds * 250 else _runs(encoder, batch, short)
        except Exception:  # engines say in many ways that a batch is too large
            break
        middle = float(np.median(taken))
        if not middle:
            break  # too quick for the clock of this machine
        found.append((size, size * 1000 / middle))
        slow = first > effort.most_seconds * 100
        if slow or (size > 1 and found[-1][1] < WORTH * found[-2][1]):
            break
        size *= 2
    return found


def _gives_back(encoder: Encoder, batch: Array) -> bool:
    """Whether a run does nothing: what comes out lies where what went in does."""
    return all(np.may_share_memory(output, batch) for output in encoder.run(batch))


def _runs(encoder: Encoder, batch: Array, effort: Effort) -> list[float]:
    return one_round(lambda: encoder.run(batch), effort)


def _compared(
    embeddings: Embeddings, metric: str, effort: Effort
) -> tuple[list[list[float]], float]:
    """Milliseconds of one vector against another, by round; and vectors per second, one to many."""
    vectors = embeddings.vectors
    short = replace(effort, seconds=effort.seconds / 4)

    def one() -> object:
        return similarity(vectors[0], vectors[-1], metric=metric)

    warmed_up(one, effort)
    rounds = [one_round(one, short), one_round(one, short)]
    many = np.resize(vectors, (max(1, min(10_000, SCAN // vectors.shape[1])), vectors.shape[1]))
    scans = [milliseconds(lambda: similarity(vectors[0], many, metric=metric)) for _ in range(3)]
    return rounds, len(many) * 1000 / min(scans)


def _times(
    places: Sequence[Place],
    rounds: Sequence[tuple[list[Lap], list[float]]],
    compared: Sequence[Sequence[float]],
    load_ms: float,
) -> Times:
    laps, model = zip(*rounds, strict=True)

    def of(step: int) -> Timing:
        """One step, as a mean over the pictures, since these differ and laps should not."""
        return Timing.of([[float(lap[:, step].mean()) for lap in some] for some in laps])

    ways = np.array([lap.sum(axis=1) for some in laps for lap in some])
    return Times(
        file=Timing.of([[float(lap.sum(axis=1).mean()) for lap in some] for some in laps]),
        decode=of(0),
        preprocess=of(1),
        model=Timing.of(model),
        similarity=Timing.of(compared),
        load_ms=load_ms,
        of_pictures={
            place.id: float(middle)
            for place, middle in zip(places, np.median(ways, axis=0), strict=True)
        },
    )


def _yardstick() -> Yardstick:
    """How quick the machine is now: one core alone, and all of them in small steps together.

    Cores that wait for each other may be slow where each is quick; small networks feel it most.
    """
    numbers = np.random.default_rng(0).random(SORTED)
    square = np.linspace(0, 1, SIDE**2, dtype=np.float32).reshape(SIDE, SIDE)

    def together() -> None:
        for _ in range(PRODUCTS):
            square @ square

    return _usual(lambda: np.sort(numbers)), _usual(together)


def _usual(call: Callable[[], object]) -> float:
    return float(np.median([milliseconds(call) for _ in range(40)][10:]))
