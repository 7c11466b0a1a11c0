import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import lookalike
from lookalike.encoders import Encoder
from lookalike.errors import MissingWeightsError
from lookalike.tables.measure import measure
from lookalike.tables.measurement import Measurement, Task
from lookalike.tables.subject import Subject, anchor_subject, example_subject, table_subject
from lookalike.tables.timing import Effort

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
