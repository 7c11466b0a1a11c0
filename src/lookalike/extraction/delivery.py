"""What workers give, held against what they were given: nothing gets lost on the way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from lookalike.embeddings.row import difference, require_rows
from lookalike.encoders.encoder import Progress
from lookalike.errors import LostRowsError
from lookalike.extraction.job import Job
from lookalike.extraction.workers import Results, Workers

AGAIN = "run the same command again, it makes what is missing; if this comes back, please report it"


def deliveries(
    workers: Workers, jobs: Iterable[Job], progress: Progress | None, views: Sequence[str] = ("",)
) -> Results:
    """The results of workers, whoever they are, if they keep the promise; an error if not.

    Args:
        workers: Who turns jobs into rows: this process, a cluster, a plug-in.
        jobs: What there is to do; drawn by the workers as far ahead as they like.
        progress: Told how many inputs are done.
        views: Names of the views that each input has a row for.

    Returns:
        Each job once, in their order, with its rows.

    Raises:
        LostRowsError: A job did not come back, came twice or in another's place, or has not a row
            for each of its inputs. The jobs that came before are whole.
    """
    waiting: deque[Job] = deque()
    rest = iter(jobs)

    def given() -> Iterator[Job]:
        for job in rest:
            waiting.append(job)
            yield job

    with closing(workers.results(given(), progress)) as results:
        for job, done in results:
            if not waiting or job.number != waiting[0].number:
                turn = f"number {waiting[0].number} should" if waiting else "none was to come"
                raise LostRowsError(
                    f"shard number {job.number} came where {turn}",
                    cure=AGAIN,
                )
            own = waiting.popleft()
            ids = [place.id for place in own.places]
            shard = f"shard number {own.number}"
            require_rows(ids, done.rows, views=views, where=shard, cure=AGAIN)
            yield own, done
    never = [*waiting, *rest]
    if never:
        _raise_missing(never)


def _raise_missing(jobs: Sequence[Job]) -> None:
    ids = [place.id for job in jobs for place in job.places]
    shards = "1 shard was" if len(jobs) == 1 else f"{len(jobs):,} shards were"
    missing = f": {difference(ids, [])}" if ids else ""
    first = f"the first is number {jobs[0].number}"
    raise LostRowsError(f"{shards} never made{missing}", where=first, cure=AGAIN)
