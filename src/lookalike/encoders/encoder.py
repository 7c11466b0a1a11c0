"""An encoder: a card (or one per layer), a way to prepare a picture, and a way to run a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lookalike.embeddings import Card, Embeddings, Origin, Row
from lookalike.embeddings.row import require_rows
from lookalike.encoders.engines import Wiring
from lookalike.encoders.pipeline import Array, Clock, Settings, stream
from lookalike.errors import UsageError
from lookalike.images import ImageSource, Picture, Pictures, Place

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of inputs that are done since the last call."""


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
        streams: How many threads may call `run` at once with profit; 1 if never two may.
        batch: Pictures per run that suit it best; None if it does not matter.
        reference: Makes the same encoder on another engine in f32, to be held against; may
            return None if it is the reference itself. None if it has only one way to run.
        files: The files whose content decides its cards; None if not all of them are known.
        wiring: The network behind it, for an export; None if there is none, or several layers.

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
    streams: int = 1
    batch: int | None = None
    reference: Callable[[], Encoder | None] | None = None
    files: tuple[str, ...] | None = None
    wiring: Wiring | None = None

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
        batch_size: int | None = None,
        workers: int | None = None,
        progress: Progress | None = None,
        on_picture: Callable[[Picture], None] | None = None,
    ) -> Embeddings:
        """Vectors of all pictures, with a row for every input.

        Args:
            source: Anything an `ImageSource` takes.
            batch_size: Pictures per run of the network; what suits the engine if None. Values do
                not depend on it, but for the engine's rounding (a few units in the sixth digit).
            workers: Threads that read, decode and preprocess; one per core if None. The order
                does not depend on it.
            progress: Told how many inputs are done.
            on_picture: Shown every decoded picture, in the threads; for thumbnails.

        Returns:
            Embeddings with rows in the order of the source; an input that can't be read, or
            whose vector is not finite, has a row with its reason and no vector.

        Raises:
            UsageError: Several layers were asked for, or the source itself is wrong.
            LostRowsError: The rows are not one for each input, in order; the encoder gave more or
                fewer vectors than it was given pictures.
        """
        layer = self.card.layer
        return self.encode_layers(
            source, batch_size=batch_size, workers=workers, progress=progress, on_picture=on_picture
        )[layer]

    def encode_layers(
        self,
        source: Pictures | ImageSource,
        *,
        batch_size: int | None = None,
        workers: int | None = None,
        progress: Progress | None = None,
        on_picture: Callable[[Picture], None] | None = None,
    ) -> dict[str, Embeddings]:
        """As `encode`, for every layer asked for in one pass: layer → Embeddings.

        Raises:
            LostRowsError: The rows are not one for each input, in order.
        """
        pictures = source if isinstance(source, ImageSource) else ImageSource(source)
        settings = Settings(batch_size, workers, pictures.limits, on_picture=on_picture)
        rows: list[list[Row]] = [[] for _ in self.cards]
        vectors: list[list[Array]] = [[] for _ in self.cards]
        ids: list[str] = []

        def listed() -> Iterator[Place]:
            for place in pictures.places():
                ids.append(place.id)
                yield place

        for part in stream(self, [listed()], settings, Clock()):
            for position in range(len(self.cards)):
                rows[position] += part.rows[position]
                vectors[position].append(part.vectors[position])
            if progress:
                progress(part.inputs)
        for position, card in enumerate(self.cards):
            require_rows(ids, rows[position], where=self.label(card))
        return {
            card.layer: Embeddings(
                card,
                tuple(rows[position]),
                np.concatenate([card.no_vectors(), *vectors[position]]),
                Origin(self.engine),
            )
            for position, card in enumerate(self.cards)
        }
