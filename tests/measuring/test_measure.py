import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.encoders import Encoder
from lookalike.errors import MissingWeightsError
from lookalike.images import Picture
from lookalike.measuring.measure import _throughput, measure
from lookalike.measuring.measurement import Measurement, Task
from lookalike.measuring.subject import Subject, anchor_subject, example_subject, table_subject
from lookalike.measuring.timing import Effort

from .conftest import Clock

QUICK = Effort(repeats=2, seconds=0.0, most_seconds=0.2, warm_up=1)


def task(model: str = "pixels", subject: Subject | None = None) -> Task:
    return Task(model, subject or example_subject(), effort=QUICK)


@pytest.mark.parametrize("model", ["pixels", "hash:phash"])
def test_values_are_those_of_compare(scenes: Path, model: str) -> None:
    found = measure(task(model, table_subject(scenes / "pairs.csv")))
    compared = lookalike.compare(pairs=scenes / "pairs.csv", models=model)
    assert found.values == tuple(one.value for one in compared.results)
    assert found.metric == compared.results[0].metric
    assert found.card == compared.models[0].card


def test_a_picture_that_fails_has_its_reason_and_its_pairs_no_value(scenes: Path) -> None:
    subject = anchor_subject(
        str(scenes / "0-a.png"), str(scenes / "0-b.png"), [str(scenes / "no.png"), "1.png"]
    )
    found = measure(task(subject=subject))
    assert [value is None for value in found.values] == [False, True, True]
    assert [(id, reason) for id, reason, _ in found.failures] == [
        (str(scenes / "no.png"), "missing"),
        ("1.png", "missing"),
    ]
    assert found.times is not None  # timed on the pictures that can be read


def test_without_a_readable_picture_there_are_reasons_and_no_times() -> None:
    found = measure(task(subject=anchor_subject("a.png", "b.png", "c.png")))
    assert found.ok
    assert found.times is None
    assert len(found.failures) == 3
    assert found.values == (None, None)


def test_the_parts_of_the_way_sum_to_the_whole() -> None:
    times = measure(task()).times
    assert times is not None
    laps = times.decode.minimum + times.preprocess.minimum
    assert laps <= times.file.p95
    assert times.file.repeats == times.decode.repeats == times.preprocess.repeats
    assert set(times.of_pictures) == {"cat.jpg", "cat-part.jpg", "rocket.jpg"}


def failing(error: BaseException) -> Callable[[], Encoder]:
    def load() -> Encoder:
        raise error

    return load


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MissingWeightsError("no weights", cure="fetch them"), "no weights. Cure: fetch them"),
        (MemoryError(), "it ran out of memory"),
        (RuntimeError("boom\nand more"), "RuntimeError: boom"),
    ],
)
def test_whatever_a_model_raises_becomes_the_reason_of_its_row(error: Exception, told: str) -> None:
    found = measure(task("some:model"), failing(error))
    assert (found.model, found.reason, found.ok) == ("some:model", told, False)


def test_a_model_of_several_layers_is_refused_in_its_row() -> None:
    two = lookalike.load_encoder("pixels")
    both = Encoder(two.cards * 2, two.prepare, two.run, two.engine)
    assert "layers" in measure(task(), lambda: both).reason


def test_work_that_is_all_done_while_preparing_has_no_throughput_of_the_model() -> None:
    assert measure(task("hash:phash")).throughput == ()
    assert measure(task("pixels")).throughput[0][0] == 1


@pytest.mark.parametrize("seconds", [1e-6, 0.015])
def test_whether_a_model_works_is_not_told_by_the_clock(clock: Clock, seconds: float) -> None:
    pixels = lookalike.load_encoder("pixels")
    clock.tick = 0.0

    def running(batch: np.ndarray) -> list[np.ndarray]:
        clock.pass_by(seconds)
        return [batch[:, :1, 0, 0].copy()]

    def idle(batch: np.ndarray) -> list[np.ndarray]:
        clock.pass_by(seconds)
        return [batch[:, :1, 0, 0]]

    arrays = [pixels.prepare(Picture("a", Image.new("RGB", (8, 8))))]
    works = _throughput(replace(pixels, run=running), arrays, QUICK)
    assert [batch for batch, _ in works[:2]] == [1, 2]
    assert [rate for _, rate in works[:2]] == pytest.approx([1 / seconds, 2 / seconds])
    assert _throughput(replace(pixels, run=idle), arrays, QUICK) == []


def test_batches_grow_as_long_as_that_gains_two_per_cent(clock: Clock) -> None:
    pixels = lookalike.load_encoder("pixels")
    clock.tick = 0.0
    took = {1: 0.010, 2: 0.015, 4: 0.025, 8: 0.0495, 16: 0.050}

    def run(batch: np.ndarray) -> list[np.ndarray]:
        clock.pass_by(took[len(batch)])
        return list(pixels.run(batch))

    arrays = [pixels.prepare(Picture("a", Image.new("RGB", (8, 8))))]
    effort = Effort(repeats=2, seconds=0.0, most_seconds=10.0, warm_up=1)
    found = _throughput(replace(pixels, run=run), arrays, effort)
    assert [batch for batch, _ in found] == [1, 2, 4, 8]  # the last one gains one per cent
    assert [rate for _, rate in found] == pytest.approx([100, 2 / 0.015, 160, 8 / 0.0495])


def test_batches_stop_where_memory_does() -> None:
    pixels = lookalike.load_encoder("pixels")

    def run(batch: np.ndarray) -> list[np.ndarray]:
        if len(batch) > 2:
            raise MemoryError
        # more than twice as many pictures per second with each doubling
        return list(pixels.run(batch[:1].repeat(len(batch), axis=0)))

    small = Encoder(pixels.cards, pixels.prepare, run, "test", batch=1)
    found = measure(task(), lambda: small)
    assert found.ok
    assert all(batch <= 2 for batch, _ in found.throughput)


@pytest.mark.parametrize("model", ["pixels", "hash:phash", "onnx:no.onnx"])
def test_a_measurement_survives_being_written_down(model: str) -> None:
    found = measure(task(model))
    again = Measurement.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found


def test_per_cent_is_of_metrics_that_reach_to_one() -> None:
    found = measure(task())
    assert found.per_cent(0.5) == 50
    assert found.per_cent(None) is None
    far = measure(Task("pixels", example_subject(), effort=QUICK, metric="euclidean"))
    assert far.per_cent(0.5) is None
    assert not far.higher_is_closer


class Counting:
    """An encoder like ``pixels`` that counts the pictures of each run."""

    def __init__(self) -> None:
        pixels = lookalike.load_encoder("pixels")
        self.batches: list[int] = []

        def run(batch: np.ndarray) -> list[np.ndarray]:
            self.batches.append(len(batch))
            return list(pixels.run(batch))

        self.encoder = Encoder(pixels.cards, pixels.prepare, run, "test", batch=3)

    def load(self) -> Encoder:
        return self.encoder


def test_warming_up_comes_before_anything_counts_and_both_rounds_do(clock: Clock) -> None:
    few, many = Counting(), Counting()
    for counting, warm_up in ((few, 1), (many, 8)):
        effort = Effort(repeats=2, seconds=0.0, most_seconds=60.0, warm_up=warm_up)
        found = measure(Task("x", example_subject(), effort=effort), counting.load)
        assert found.times is not None
        assert found.times.model.repeats == found.times.file.repeats == 2
        assert len(found.times.model.rounds) == len(found.times.file.rounds) == 2
    ones = [counting.batches[: counting.batches.index(3)] for counting in (few, many)]
    assert len(ones[1]) - len(ones[0]) == 7  # single runs before the pictures are embedded


def test_the_whole_way_takes_at_least_its_parts() -> None:
    times = measure(task()).times
    assert times is not None
    assert times.file.minimum >= times.decode.minimum + times.preprocess.minimum
    assert times.file.minimum > times.decode.minimum


def test_loading_is_told_in_milliseconds(clock: Clock) -> None:
    def slowly() -> Encoder:
        clock.pass_by(60.0)
        return lookalike.load_encoder("pixels")

    times = measure(task(), slowly).times
    assert times is not None
    assert times.load_ms == pytest.approx(60_001)  # the clock is looked at twice


def test_memory_is_told_before_batches_and_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter([100.0, 700.0])
    monkeypatch.setattr("lookalike.measuring.measure.resident_mib", lambda: 40.0)
    monkeypatch.setattr("lookalike.measuring.measure.peak_mib", lambda: next(peaks))
    found = measure(task())
    assert (found.memory_mib, found.batch_memory_mib) == (60.0, 660.0)


def test_sizes_and_rates_have_the_units_that_they_say(clock: Clock) -> None:
    found, bits = measure(task()), measure(task("hash:phash"))
    assert (found.vector_bytes, bits.vector_bytes) == (752 * 4, 64)
    assert len(found.yardsticks) == 2
    assert found.times is not None
    # whatever is timed takes one tick of the clock, and so do the 10,000 that one is compared with
    assert found.times.similarity.median == pytest.approx(1.0)
    assert found.times.decode.median == found.times.model.median == pytest.approx(1.0)
    assert found.times.file.median == pytest.approx(3.0)
    assert found.scan == pytest.approx(10_000 * 1000)


def test_what_is_known_before_batches_is_told_early() -> None:
    told: list[Measurement] = []
    found = measure(task(), early=told.append)
    (early,) = told
    assert early.values == found.values
    assert early.times == found.times
    assert (early.throughput, early.batch_memory_mib) == ((), None)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("bad allocation")])
def test_a_batch_that_an_engine_refuses_ends_the_batches_and_not_the_row(error: Exception) -> None:
    pixels = lookalike.load_encoder("pixels")

    def run(batch: np.ndarray) -> list[np.ndarray]:
        if len(batch) > 1:
            raise error
        return list(pixels.run(batch))

    alone = Encoder(pixels.cards, pixels.prepare, run, "test", batch=1)
    found = measure(task(), lambda: alone)
    assert [batch for batch, _ in found.throughput] == [1]
    assert found.values == measure(task()).values


def test_pictures_that_an_encoder_can_not_prepare_are_not_timed(tmp_path: Path) -> None:
    odd = tmp_path / "odd.tif"
    Image.fromarray(np.full((8, 8), 200.0, np.float32)).save(odd)
    shutil.copy(odd, tmp_path / "like.tif")
    black = np.zeros((8, 8, 3), np.uint8)
    subject = anchor_subject(str(odd), str(tmp_path / "like.tif"), black)
    found = measure(task(subject=subject))
    assert found.ok
    assert found.times is not None
    assert list(found.times.of_pictures) == ["array[0]"]
    assert len(found.failures) == 2


def test_timed_pictures_come_from_all_over_the_list(scenes: Path) -> None:
    places = [str(scenes / f"{n % 12}-a.png") for n in range(60)]
    subject = anchor_subject(places[0], places[1:3], places[3:])
    times = measure(task(subject=subject)).times
    assert times is not None
    positions = sorted(n for n, one in enumerate(subject.places) if one.id in times.of_pictures)
    assert len(positions) == 5
    assert positions[-1] > 0.7 * len(subject.places)
