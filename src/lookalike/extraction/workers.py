"""Who makes the shards: this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Protocol, TypeAlias

from lookalike.embeddings import Card, EngineCheck, Origin
from lookalike.embeddings.origin import Decoding
from lookalike.encoders import Encoder, Runtime, load_encoder
from lookalike.encoders.cores import has_bf16_units
from lookalike.encoders.encoder import Progress
from lookalike.encoders.engines.openvino import SUITABLE_BATCH
from lookalike.encoders.pipeline import Clock, Part, Settings, stream
from lookalike.encoders.probe import check_engine
from lookalike.extraction.job import Done, Job, gathered
from lookalike.images import Place

Results: TypeAlias = Generator["tuple[Job, Done]", None, None]


class Workers(Protocol):
    """Whoever turns jobs into rows and vectors; a context manager around the work.

    What they give is held against what they were given, see `delivery.deliveries`: whoever loses a
    job, or a row of one, ends the run with a `LostRowsError`.
    """

    clock: Clock

    @property
    def name(self) -> str | None:
        """The encoder's name; None for one that was given as an object."""
        ...

    @property
    def files(self) -> tuple[str, ...] | None:
        """The files that decide the encoder's cards; None if not all are known."""
        ...

    @property
    def batch_size(self) -> int:
        """Pictures per run of the network."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said beside the numbers."""
        ...

    @property
    def origin(self) -> Origin | None:
        """What makes the vectors; None until `start`."""
        ...

    def start(self) -> tuple[tuple[Card, ...], Origin]:
        """Load the encoder; a second call changes nothing."""
        ...

    def results(self, jobs: Iterable[Job], progress: Progress | None) -> Results:
        """What became of each job, in their order: one row for each place and view, in order.

        Args:
            jobs: May be endless for all they know, so they are drawn only a few ahead.
            progress: Told how many inputs are done.
        """
        ...

    def __enter__(self) -> Workers: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Local:
    """This process makes the shards, one after the other without a pause between them.

    Args:
        model: Encoder, by name or as an object.
        runtime: Engine, precision and device, for a name.
        settings: Of the pipeline.
        exact: Whether f32 is wanted whatever the processor could do.
    """

    def __init__(
        self, model: str | Encoder, runtime: Runtime, settings: Settings, *, exact: bool
    ) -> None:
        self.clock = Clock()
        self.name = model if isinstance(model, str) else None
        self.encoder = model if isinstance(model, Encoder) else None
        self.origin: Origin | None = None
        self.notes: tuple[str, ...] = ()
        self._runtime, self._settings, self._exact = runtime, settings, exact

    @property
    def files(self) -> tuple[str, ...] | None:
        """See `Workers.files`."""
        return None if self.encoder is None else self.encoder.files

    @property
    def batch_size(self) -> int:
        """See `Workers.batch_size`."""
        assert self.encoder is not None
        return self._settings.batch_of(self.encoder)

    def start(self) -> tuple[tuple[Card, ...], Origin]:
        """See `Workers.start`."""
        if self.encoder is None or self.origin is None:
            said: tuple[str, ...] = ()
            if self.encoder is None:
                assert self.name is not None
                batch = self._settings.batch_size or SUITABLE_BATCH
                runtime = replace(self._runtime, batch=batch)
                self.encoder, check, said = load_quickest(self.name, runtime, exact=self._exact)
            else:
                check = check_engine(self.encoder)
            decoding: Decoding = "reduced" if self._settings.reduced else "full"
            self.origin = Origin(self.encoder.engine, decoding, check)
            self.notes = (*self.encoder.notes, *said)
        return self.encoder.cards, self.origin

    def results(self, jobs: Iterable[Job], progress: Progress | None) -> Results:
        """See `Workers.results`."""
        self.start()
        assert self.encoder is not None
        begun: deque[Job] = deque()

        def groups() -> Iterator[Iterable[Place]]:
            for job in jobs:
                begun.append(job)
                yield job.places

        parts: list[Part] = []
        for part in stream(self.encoder, groups(), self._settings, self.clock):
            parts.append(part)
            if progress is not None:
                progress(part.inputs)
            if part.last:
                yield begun.popleft(), gathered(self.encoder, parts)
                parts = []

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def load_quickest(
    name: str, runtime: Runtime, *, exact: bool = False
) -> tuple[Encoder, EngineCheck | None, tuple[str, ...]]:
    """An encoder in the quickest precision that agrees with f32 on the probe pictures.

    Args:
        name: Of the encoder.
        runtime: With the precision ``auto``, or the one that is wanted and is then taken.
        exact: Whether ``auto`` means f32.

    Returns:
        The encoder, how it agrees with its reference, and a sentence if bf16 was tried and did not.
    """
    plain = replace(runtime, precision="f32")
    wish = runtime
    said: tuple[str, ...] = ()
    if runtime.precision == "auto" and exact:
        wish = plain
    elif runtime.precision == "auto" and _may_take_bf16(runtime):
        quick = load_encoder(name, runtime=replace(runtime, precision="bf16"))
        if quick.engine.startswith("openvino bf16"):
            check = check_engine(quick)
            if check is None or check.ok:
                return quick, check, ()
            wish, said = plain, (f"f32 is used: {check.sentence}",)
    encoder = load_encoder(name, runtime=wish)
    return encoder, check_engine(encoder), said


def _may_take_bf16(runtime: Runtime) -> bool:
    """Whether OpenVINO would run it on a CPU that multiplies bf16 itself."""
    on_cpu = (runtime.device or "cpu").lower() == "cpu"
    return on_cpu and runtime.engine in (None, "openvino") and has_bf16_units()
