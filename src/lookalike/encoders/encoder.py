"""An encoder: a card (or one per layer), a way to prepare a picture, and a way to run a batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings import Card, Embeddings, Row
from lookalike.errors import UsageError
from lookalike.images import (
    ImageSource,
    Limits,
    Picture,
    Pictures,
    Place,
    Reason,
    Unreadable,
    decode,
)
from lookalike.images.place import ReadError

Array: TypeAlias = "NDArray[Any]"
Progress: TypeAlias = Callable[[int], None]
"""Called with the number of inputs that are done since the last call."""

Prepared: TypeAlias = "tuple[Row, Array | None]"


@dataclass(frozen=True, eq=False)
class Encoder:
    """Pictures in, vectors out, under a card.

    Attributes:
        cards: One per layer asked for, usually one.
        prepare: A picture as the network's input (an array without batch axis). May raise
            `ReadError` for a picture without a defined way in.
        run: A batch (N, ...) of prepared pictures → one (N, D) array per card. Rows do not
            depend on what else is in the batch, but for the engine's rounding.
        engine: What runs it, e.g. ``openvino f32 on CPU``.
        notes: What every output must say about it, such as random weights.

    Example:
        >>> import lookalike
        >>> encoder = lookalike.load_encoder("pixels")
        >>> encoder.encode([np.zeros((8, 8, 3), np.uint8)]).vectors.dtype
        dtype('float32')
    """

    cards: tuple[Card, ...]
    prepare: Callable[[Picture], Array]
    run: Callable[[Array], Sequence[Array]]
    engine: str
    notes: tuple[str, ...] = ()

    @property
    def card(self) -> Card:
        """The only card. UsageError if several layers were asked for; see `cards`."""
        if len(self.cards) != 1:
            raise UsageError(
                f"{self.cards[0].name} has {len(self.cards)} layers",
                cure="use encode_layers(), or ask for one layer",
            )
        return self.cards[0]

    def label(self, card: Card) -> str:
        """What results call one of the cards: the name, and the layer if there are several."""
        return card.name if len(self.cards) == 1 else f"{card.name} [{card.layer}]"

    def encode(
        self,
        source: Pictures | ImageSource,
        *,
        batch_size: int = 16,
        workers: int = 2,
        progress: Progress | None = None,
        on_picture: Callable[[Picture], None] | None = None,
    ) -> Embeddings:
        """Vectors of all pictures, with a row for every input.

        Args:
            source: Anything an `ImageSource` takes.
            batch_size: Pictures per run of the network. Values do not depend on it, but for the
                engine's rounding (a few units in the sixth digit).
            workers: Threads that read, decode and preprocess. The order does not depend on it.
            progress: Told how many inputs are done.
            on_picture: Shown every decoded picture, in the threads; for thumbnails.

        Returns:
            Embeddings with rows in the order of the source; an input that can't be read, or
            whose vector is not finite, has a row with its reason and no vector.

        Raises:
            UsageError: Several layers were asked for, or the source itself is wrong.
        """
        layer = self.card.layer
        return self.encode_layers(
            source, batch_size=batch_size, workers=workers, progress=progress, on_picture=on_picture
        )[layer]

    def encode_layers(
        self,
        source: Pictures | ImageSource,
        *,
        batch_size: int = 16,
        workers: int = 2,
        progress: Progress | None = None,
        on_picture: Callable[[Picture], None] | None = None,
    ) -> dict[str, Embeddings]:
        """As `encode`, for every layer asked for in one pass: layer → Embeddings."""
        pictures = source if isinstance(source, ImageSource) else ImageSource(source)
        rows: list[list[Row]] = [[] for _ in self.cards]
        vectors: list[list[Array]] = [[] for _ in self.cards]

        def ready(place: Place) -> Prepared:
            return self._ready(place, pictures.limits, on_picture)

        for chunk in _chunks(_in_order(ready, pictures.places(), workers, batch_size), batch_size):
            outputs = self._run_chunk(chunk)
            for position, output in enumerate(outputs):
                layer_rows, layer_vectors = _joined(chunk, output)
                rows[position] += layer_rows
                vectors[position].append(layer_vectors)
            if progress:
                progress(len(chunk))
        return {
            card.layer: Embeddings(
                card, tuple(rows[position]), _stacked(card, vectors[position]), self.engine
            )
            for position, card in enumerate(self.cards)
        }

    def _ready(
        self, place: Place, limits: Limits, on_picture: Callable[[Picture], None] | None
    ) -> Prepared:
        """Read, decode and preprocess one input; runs in a thread."""
        outcome = decode(place, limits)
        if isinstance(outcome, Picture):
            try:
                prepared = self.prepare(outcome)
                if on_picture:
                    on_picture(outcome)
                row = Row(outcome.id, outcome.path, width=outcome.width, height=outcome.height)
                return row, prepared
            except ReadError as error:
                outcome = Unreadable(place.id, error.reason, error.detail, place.path)
            except MemoryError:
                detail = "preprocessing ran out of memory"
                outcome = Unreadable(place.id, Reason.OUT_OF_MEMORY, detail, place.path)
        return Row(outcome.id, outcome.path, outcome.reason, outcome.detail), None

    def _run_chunk(self, chunk: list[Prepared]) -> Sequence[Array]:
        inputs = [prepared for _, prepared in chunk if prepared is not None]
        if not inputs:
            return [_stacked(card, []) for card in self.cards]
        return self.run(np.stack(inputs))


def _stacked(card: Card, parts: list[Array]) -> Array:
    empty = np.zeros((0, card.dim), np.uint8 if card.kind == "bits" else np.float32)
    return np.concatenate([empty, *parts]) if parts else empty


def _joined(chunk: list[Prepared], output: Array) -> tuple[list[Row], Array]:
    """Rows with the vectors that are finite; the others become failures with a reason."""
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(output).all(axis=1))
    position = iter(range(len(output)))
    rows = []
    for row, prepared in chunk:
        if prepared is None or finite[next(position)]:
            rows.append(row)
        else:
            detail = "the encoder gave values that are not finite"
            rows.append(Row(row.id, row.path, Reason.NOT_FINITE, detail, row.width, row.height))
    return rows, output[finite]


def _in_order(
    ready: Callable[[Place], Prepared], places: Iterator[Place], workers: int, batch_size: int
) -> Iterator[Prepared]:
    """Prepares in threads, a bounded number ahead, and yields in the order of the places."""
    waiting: deque[Future[Prepared]] = deque()
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="lookalike-decode") as pool:
        try:
            for place in places:
                waiting.append(pool.submit(ready, place))
                if len(waiting) > batch_size + 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _chunks(items: Iterable[Prepared], size: int) -> Iterator[list[Prepared]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, max(1, size))):
        yield chunk
