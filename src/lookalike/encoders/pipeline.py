"""The pipeline: places through threads that decode and prepare, batches through the network.

Everything is bounded: however many places come in, only a few batches are in memory. What comes
out has the order of what went in.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings import Row
from lookalike.encoders.cores import usable_cores
from lookalike.encoders.views import WHOLE, View
from lookalike.errors import LostRowsError
from lookalike.images import Limits, Picture, Place, Reason, decode
from lookalike.images.picture import lost_shape
from lookalike.images.place import ReadError
from lookalike.images.readers import own_rules

if TYPE_CHECKING:
    from lookalike.encoders.encoder import Encoder

Array: TypeAlias = "NDArray[Any]"
Prepared: TypeAlias = "tuple[Row, Array | None]"

RUN = "a batch of N pictures gives one array (N, D) for each card"
"""What a pipeline has to be able to rely on."""

USUAL_BATCH = 16
"""Pictures per run where the encoder has no wish."""

MOST_WORKERS = 32
"""Threads beyond which Python's own lock, and not the decoding, sets the pace."""


@dataclass(frozen=True)
class Settings:
    """How pictures go through.

    Attributes:
        batch_size: Pictures per run; None for what suits the encoder.
        workers: Threads that read, decode and prepare; None for one per core.
        limits: What a single picture may cost.
        on_picture: Shown every decoded picture, in the threads.
        reduced: Whether large JPEGs may be decoded at a reduced size.
        views: Views of each picture, the whole one first.
    """

    batch_size: int | None = None
    workers: int | None = None
    limits: Limits = field(default_factory=Limits)
    on_picture: Callable[[Picture], None] | None = None
    reduced: bool = False
    views: tuple[View, ...] = (WHOLE,)

    def batch_of(self, encoder: Encoder) -> int:
        """Pictures per run with this encoder."""
        return max(1, self.batch_size or encoder.batch or USUAL_BATCH)

    @property
    def threads(self) -> int:
        """Threads that read, decode and prepare."""
        return max(1, self.workers or min(usable_cores(), MOST_WORKERS))

    def ahead(self, encoder: Encoder) -> int:
        """Inputs that are prepared or being prepared while a batch is waited for."""
        return 2 * self.batch_of(encoder) + 2 * self.threads


class Clock:
    """Seconds spent in each step, summed over the threads that did it.

    Example:
        >>> clock = Clock()
        >>> clock.add("decode", 0.5)
        >>> clock.seconds["decode"]
        0.5
    """

    STEPS = ("decode", "preprocess", "model", "write")

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(self.STEPS, 0.0)
        self._lock = threading.Lock()

    def add(self, step: str, seconds: float) -> None:
        """More time for a step, from any thread."""
        with self._lock:
            self.seconds[step] += seconds


@dataclass(frozen=True)
class Part:
    """What became of some inputs of one group, in their order.

    Attributes:
        inputs: How many inputs ended with this part.
        rows: For each card: the rows, several for an input with several views.
        vectors: For each card: (M, D), one per row that is ok.
        last: Whether it ends its group.
    """

    inputs: int
    rows: Sequence[Sequence[Row]]
    vectors: Sequence[Array]
    last: bool


def stream(
    encoder: Encoder,
    groups: Iterable[Iterable[Place]],
    settings: Settings,
    clock: Clock,
) -> Iterator[Part]:
    """Embeds groups of places, one after the other, without a pause between them.

    No batch holds pictures of two groups, so that a group's vectors do not depend on what stood
    before it.

    Args:
        encoder: What makes the vectors.
        groups: Taken only as far ahead as the pipeline needs.
        settings: Batch size, threads, limits.
        clock: Where the seconds of the steps are added up.

    Returns:
        Parts in order; each group ends with a part that is ``last``, an empty one too.
    """
    runner = _Runner(encoder, settings, clock)
    with (
        ThreadPoolExecutor(settings.threads, thread_name_prefix="lookalike-decode") as decoders,
        ThreadPoolExecutor(max(1, encoder.streams), thread_name_prefix="lookalike-run") as runs,
    ):
        waiting: deque[Future[list[Prepared]] | None] = deque()
        flying: deque[Future[Part]] = deque()
        try:
            for prepared in _batches(runner, groups, decoders, waiting):
                flying.append(runs.submit(runner.part, *prepared))
                if len(flying) > encoder.streams:
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        finally:
            for future in [*waiting, *flying]:
                if future is not None:
                    future.cancel()


def _batches(
    runner: _Runner,
    groups: Iterable[Iterable[Place]],
    decoders: ThreadPoolExecutor,
    waiting: deque[Future[list[Prepared]] | None],
) -> Iterator[tuple[list[Prepared], int, bool]]:
    """Prepared pictures by the batch: (rows with their arrays, inputs that end here, last)."""
    size, ahead = runner.batch_size, runner.settings.ahead(runner.encoder)
    current: list[Prepared] = []
    inputs = 0

    def settle() -> Iterator[tuple[list[Prepared], int, bool]]:
        nonlocal current, inputs
        future = waiting.popleft()
        if future is None:  # a group ends here
            yield current, inputs, True
            current, inputs = [], 0
            return
        current += future.result()
        inputs += 1
        while sum(array is not None for _, array in current) >= size or len(current) >= 4 * size:
            cut = _cut(current, size)
            yield current[:cut], 0 if cut < len(current) else inputs, False
            current, inputs = current[cut:], inputs if cut < len(current) else 0

    for group in groups:
        for place in group:
            waiting.append(decoders.submit(runner.ready, place))
            while len(waiting) > ahead:
                yield from settle()
        waiting.append(None)
        while waiting and (len(waiting) > ahead or waiting[0] is None):
            yield from settle()
    while waiting:
        yield from settle()


def _cut(prepared: list[Prepared], size: int) -> int:
    """Where to cut so that the first part fills a batch: behind its last array."""
    arrays = 0
    for position, (_, array) in enumerate(prepared):
        arrays += array is not None
        if arrays == size:
            return position + 1
    return len(prepared)


class _Runner:
    """Prepares inputs and runs batches of them for one encoder."""

    def __init__(self, encoder: Encoder, settings: Settings, clock: Clock) -> None:
        self.encoder, self.settings, self.clock = encoder, settings, clock
        self.batch_size = settings.batch_of(encoder)
        self._fits = self.batch_size
        enough = [card.preprocess.enough for card in encoder.cards]
        self._at_least = enough[0] if settings.reduced else None

    def ready(self, place: Place) -> list[Prepared]:
        """Read, decode and prepare one input, a row per view; runs in a thread."""
        start = time.perf_counter()
        stamp = place.stamp()
        found = decode(place, self.settings.limits, at_least=self._at_least)
        decoded = time.perf_counter()
        self.clock.add("decode", decoded - start)
        row = Row(place.id, place.path, digest=found.digest)
        if stamp is not None:
            row = replace(row, file_bytes=stamp.bytes, file_mtime_ns=stamp.mtime_ns)
        if not isinstance(found, Picture):
            return [(replace(row, reason=found.reason, detail=found.detail), None)]
        preprocess = self.encoder.cards[0].preprocess
        exif = preprocess.exif
        try:
            said = "; ".join(
                filter(None, (*found.remarks, lost_shape(found.image, preprocess.alpha)))
            )
            whole = replace(row, width=found.width, height=found.height, detail=said)
            with own_rules():  # a crop may be larger than what Pillow was told of bombs
                prepared: list[Prepared] = [
                    (
                        replace(whole, view=view.name),
                        self.encoder.prepare(view.of(found, exif=exif)),
                    )
                    for view in self.settings.views
                ]
                if self.settings.on_picture:
                    self.settings.on_picture(found)
        except ReadError as error:
            reason, detail = error.reason, error.detail
        except MemoryError:
            reason, detail = Reason.OUT_OF_MEMORY, "preprocessing ran out of memory"
        except Exception as error:  # an encoder may come from anyone, and one must not end the run
            reason = Reason.UNSUPPORTED
            detail = f"the encoder can't take it: {type(error).__name__}: {error}"
        else:
            self.clock.add("preprocess", time.perf_counter() - decoded)
            return prepared
        return [(replace(row, reason=reason, detail=detail), None)]

    def part(self, prepared: list[Prepared], inputs: int, last: bool) -> Part:
        """Run one batch; runs in a thread."""
        start = time.perf_counter()
        arrays = [array for _, array in prepared if array is not None]
        outputs, fitted = self._outputs(arrays)
        self.clock.add("model", time.perf_counter() - start)
        rows, vectors = [], []
        for output in outputs:
            card_rows, finite = _joined(prepared, output, fitted)
            rows.append(card_rows)
            vectors.append(output[finite])
        return Part(inputs, rows, vectors, last)

    def _outputs(self, arrays: list[Array]) -> tuple[list[Array], list[bool]]:
        """One output per card, and for each picture whether the device's memory sufficed."""
        outputs: list[list[Array]] = [[] for _ in self.encoder.cards]
        fitted: list[bool] = []
        left = arrays
        while left:
            chunk = left[: self._fits]
            try:
                found = self.encoder.run(np.stack(chunk))
            except MemoryError:
                if len(chunk) > 1:  # from now on in smaller steps
                    self._fits = min(self._fits, (len(chunk) + 1) // 2)
                    continue
                empty = [card.no_vectors() for card in self.encoder.cards]
                found = [np.zeros((1, one.shape[1]), one.dtype) for one in empty]
                fitted.append(False)
            else:
                self._require_vectors(found, len(chunk))
                fitted += [True] * len(chunk)
            for position, output in enumerate(found):
                outputs[position].append(output)
            left = left[len(chunk) :]
        return [
            np.concatenate(parts) if parts else card.no_vectors()
            for card, parts in zip(self.encoder.cards, outputs, strict=True)
        ], fitted

    def _require_vectors(self, outputs: Sequence[Array], pictures: int) -> None:
        """Raise `LostRowsError` unless each card has a vector for each of the pictures."""
        cards = self.encoder.cards
        if len(outputs) != len(cards):
            raise LostRowsError(
                f"the encoder has {len(cards)} layers and gave vectors of {len(outputs)}",
                where=cards[0].name,
                cure=f"correct its run: {RUN}",
            )
        for card, output in zip(cards, outputs, strict=True):
            if np.shape(output) != (pictures, card.dim):
                raise LostRowsError(
                    f"the encoder gave vectors of shape {np.shape(output)} for {pictures} pictures "
                    f"and a length of {card.dim}",
                    where=self.encoder.label(card),
                    cure=f"correct its run: {RUN}",
                )


def _joined(
    prepared: list[Prepared], output: Array, fitted: list[bool]
) -> tuple[list[Row], NDArray[np.bool_]]:
    """Rows, those without a usable vector with a reason; and which vectors are finite."""
    finite: NDArray[np.bool_] = np.isfinite(output).all(axis=1) & np.array(fitted, bool)
    position = iter(range(len(output)))
    rows = []
    for row, array in prepared:
        place = next(position) if array is not None else None
        if place is None or finite[place]:
            rows.append(row)
        elif fitted[place]:
            detail = "the encoder gave values that are not finite"
            rows.append(replace(row, reason=Reason.NOT_FINITE, detail=detail))
        else:
            detail = "the network ran out of memory on this one picture"
            rows.append(replace(row, reason=Reason.OUT_OF_MEMORY, detail=detail))
    return rows, finite
