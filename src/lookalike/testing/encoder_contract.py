"""What every encoder must hold, whatever is inside."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from lookalike.embeddings import Card
from lookalike.encoders import Encoder
from lookalike.metrics import similarity
from lookalike.testing.pictures import noise_picture, scene_picture


class EncoderContract(ABC):
    """Promises of an encoder, as tests; subclass and provide `make_encoder`.

    Attributes:
        tolerance: Largest difference of a value between batches, as a share of the vector's
            largest value.
    """

    tolerance = 1e-5

    @abstractmethod
    def make_encoder(self) -> Encoder:
        """The encoder under test; called once per test."""

    def test_vectors_are_what_the_card_says(self) -> None:
        """Shape, type and values follow the card."""
        encoder = self.make_encoder()
        found = encoder.encode([scene_picture(1), noise_picture(2)])
        assert found.vectors.shape == (2, encoder.card.dim)
        assert found.vectors.dtype == (np.uint8 if encoder.card.kind == "bits" else np.float32)
        assert np.isfinite(found.vectors).all()

    def test_every_input_has_a_row(self) -> None:
        """A bad input has its row, and takes nobody else's vector."""
        encoder = self.make_encoder()
        alone = encoder.encode([noise_picture(2)])
        mixed = encoder.encode([scene_picture(1), "no/such/file.jpg", noise_picture(2)])
        assert [row.ok for row in mixed.rows] == [True, False, True]
        self._assert_close(mixed.vectors[1:], alone.vectors)

    def test_a_vector_does_not_depend_on_its_batch(self) -> None:
        """Alone, or among others in batches of 2 and 7: the same numbers."""
        encoder = self.make_encoder()
        pictures = [scene_picture(seed) for seed in range(7)]
        alone = encoder.encode(pictures, batch_size=1).vectors
        for size in (2, 7):
            self._assert_close(encoder.encode(pictures, batch_size=size).vectors, alone)

    def test_a_second_run_gives_the_same_numbers(self) -> None:
        """Nothing random happens, and nothing is left behind by the first run."""
        encoder = self.make_encoder()
        first = encoder.encode([noise_picture(3), scene_picture(4)]).vectors
        second = encoder.encode([noise_picture(3), scene_picture(4)]).vectors
        np.testing.assert_array_equal(first, second)

    def test_a_second_load_has_the_same_fingerprint(self) -> None:
        """The fingerprint depends on what decides the numbers, and on nothing else."""
        first, second = self.make_encoder(), self.make_encoder()
        assert first.card.fingerprint == second.card.fingerprint
        self._assert_close(
            first.encode([scene_picture(5)]).vectors, second.encode([scene_picture(5)]).vectors
        )

    def test_the_card_survives_being_written_down(self) -> None:
        """Plain values and back: the same card."""
        card = self.make_encoder().card
        assert Card.from_dict(card.to_dict()) == card

    def test_a_picture_is_closest_to_itself(self) -> None:
        """The same picture twice: as alike as two vectors can be."""
        encoder = self.make_encoder()
        found = encoder.encode([scene_picture(6), scene_picture(6)])
        value = similarity(found.vectors[0], found.vectors[1], metric=encoder.card.metric)
        assert float(np.asarray(value)) >= 1 - 1e-6

    def _assert_close(self, got: np.ndarray, want: np.ndarray) -> None:
        scale = max(float(np.abs(want.astype(np.float64)).max(initial=0)), 1e-12)
        np.testing.assert_allclose(got, want, rtol=0, atol=self.tolerance * scale)
