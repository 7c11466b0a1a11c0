"""Workers of every kind of carelessness: none of them can lose a row in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lookalike
from lookalike import embed
from lookalike.embeddings import Row, Store
from lookalike.encoders import Runtime
from lookalike.encoders.encoder import Progress
from lookalike.encoders.pipeline import Settings
from lookalike.errors import LostRowsError
from lookalike.extraction.delivery import deliveries
from lookalike.extraction.job import Done, Job
from lookalike.extraction.workers import Local, Results
from lookalike.images.place import file_place

from .conftest import PIXELS, content

Spoil = Callable[[Iterator[tuple[Job, Done]]], Iterator[tuple[Job, Done]]]


def with_rows(rows: tuple[Row, ...]) -> Done:
    """Rows with a vector each, whatever it is."""
    return Done(rows, {"vector": np.zeros((len(rows), PIXELS.card.dim), np.float32)})


def one_row_fewer(came: Iterator[tuple[Job, Done]]) -> Iterator[tuple[Job, Done]]:
    for job, done in came:
        yield job, with_rows(done.rows[:-1]) if job.number == 2 else done


def one_row_twice(came: Iterator[tuple[Job, Done]]) -> Iterator[tuple[Job, Done]]:
    for job, done in came:
        yield job, with_rows(done.rows + done.rows[:1]) if job.number == 2 else done


def two_rows_swapped(came: Iterator[tuple[Job, Done]]) -> Iterator[tuple[Job, Done]]:
    for job, done in came:
        yield job, with_rows(done.rows[::-1]) if job.number == 2 else done


def rows_of_another_job(came: Iterator[tuple[Job, Done]]) -> Iterator[tuple[Job, Done]]:
    first = None
    for job, done in came:
        first = first or done
        yield job, first if job.number == 2 else done


def a_job_is_left_out(came: Iterator[tuple[Job, Done]]) -> Iterator[tuple[Job, Done]]:
    yield from (one for one in came if one[0].number != 2)


def the_last_job_is_left_out(came: Iterator[tuple[Job, Done]]) -> Iterator[tuple[Job, Done]]:
    yield from list(came)[:-1]


def a_job_comes_twice(came: Iterator[tuple[Job, Done]]) -> Iterator[tuple[Job, Done]]:
    for one in came:
        yield from [one] * (1 + (one[0].number == 2))


def jobs_come_in_another_order(came: Iterator[tuple[Job, Done]]) -> Iterator[tuple[Job, Done]]:
    yield from reversed(list(came))


def it_ends_before_all_are_drawn(came: Iterator[tuple[Job, Done]]) -> Iterator[tuple[Job, Done]]:
    yield next(came)


def it_does_nothing(came: Iterator[tuple[Job, Done]]) -> Iterator[tuple[Job, Done]]:
    yield from ()


CARELESS: dict[Spoil, str] = {
    one_row_fewer: r"1 of 3 inputs has no row: \S*07.png \(shard number 2",
    one_row_twice: r"1 row is of none of them: \S*05.png",
    two_rows_swapped: r"not in the order of the inputs: \S*07.png came where \S*05.png should",
    rows_of_another_job: r"3 of 3 inputs have no row: \S*05.png, \S*06.png, \S*07.png; 3 rows are",
    a_job_is_left_out: "shard number 3 came where number 2 should",
    the_last_job_is_left_out: r"1 shard was never made: 1 of 1 inputs has no row: \S*11.png",
    a_job_comes_twice: "shard number 2 came where number 3 should",
    jobs_come_in_another_order: "shard number 4 came where number 0 should",
    it_ends_before_all_are_drawn: "4 shards were never made: 10 of 10 inputs .* and 5 more",
    it_does_nothing: "5 shards were never made: 13 of 13 inputs have no row: ",
}


@pytest.mark.parametrize("spoil", CARELESS)
def test_a_run_that_lost_something_is_an_error_that_names_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Spoil
) -> None:
    results = Local.results

    def careless(team: Local, jobs: Iterable[Job], progress: Progress | None) -> Results:
        yield from spoil(results(team, jobs, progress))

    monkeypatch.setattr(Local, "results", careless)
    with pytest.raises(LostRowsError, match=CARELESS[spoil]):
        embed(folder, store=tmp_path / "s", model=PIXELS, shard_inputs=3)
    monkeypatch.undo()
    embed(folder, store=tmp_path / "s", model=PIXELS, shard_inputs=3)  # the cure
    embed(folder, store=tmp_path / "whole", model=PIXELS, shard_inputs=3)
    assert len(lookalike.Embeddings.open(tmp_path / "s")) == 13
    assert content(tmp_path / "s") == content(tmp_path / "whole")


def test_a_shard_that_never_reached_the_disk_is_missed_at_the_end(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Store.write

    def losing(store: Store, number: int, table: Any, **options: Any) -> None:
        if number != 3:
            write(store, number, table, **options)

    monkeypatch.setattr(Store, "write", losing)
    told = r"rows for 10 inputs, and should have 13: 3 of 3 inputs have no row: \S*08.png"
    with pytest.raises(LostRowsError, match=told):
        embed(folder, store=tmp_path / "s", model=PIXELS, shard_inputs=3)


def test_a_further_view_that_is_missing_is_said(folder: Path) -> None:
    team = Local(PIXELS, Runtime(), Settings(), exact=False)
    jobs = [Job(0, [file_place(str(folder / "00.png"))])]
    with pytest.raises(LostRowsError, match=r"00.png has not one row for each of its views"):
        list(deliveries(team, jobs, None, ("", "flip")))


def test_a_job_without_inputs_is_missed_too() -> None:
    class Idle(Local):
        def results(self, jobs: Iterable[Job], progress: Progress | None) -> Results:
            yield from ()

    team = Idle(PIXELS, Runtime(), Settings(), exact=False)
    with pytest.raises(LostRowsError, match=r"1 shard was never made \(the first is number 7"):
        list(deliveries(team, [Job(7, ())], None))
