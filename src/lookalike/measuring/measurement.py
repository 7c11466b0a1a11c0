"""What came of trying one model: values, times, memory, or the reason why there are none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

from lookalike.embeddings import Card
from lookalike.encoders import Runtime
from lookalike.images import Limits
from lookalike.images.place import Stamp, file_place
from lookalike.measuring.subject import Subject
from lookalike.measuring.timing import Effort, Timing
from lookalike.metrics import metric_named

Yardstick: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Task:
    """One model to be tried, as it is sent to another process.

    Attributes:
        model: The encoder's name.
        subject: The pictures and pairs.
        runtime: Engine, precision, device, threads.
        effort: How long times are measured.
        metric: A metric's name; the encoder's own if None.
        limits: What a single picture may cost.
        check: Whether only times are wanted, to be held against those of another process.
    """

    model: str
    subject: Subject
    runtime: Runtime = field(default_factory=Runtime)
    effort: Effort = field(default_factory=Effort)
    metric: str | None = None
    limits: Limits = field(default_factory=Limits)
    check: bool = False


@dataclass(frozen=True)
class Times:
    """Where the time of one picture goes; milliseconds, one picture at a time.

    Attributes:
        file: Path to vector in host memory: read, decode, preprocess, model. The file is in the
            system's cache.
        decode: The part that reads and decodes.
        preprocess: The part that makes the network's input.
        model: Prepared picture in host memory → vector in host memory. A GPU has finished by then,
            since the vector has been copied back.
        similarity: One vector against another.
        load_ms: Loading the encoder, once, with the import of its library; a network that was not
            converted before is converted.
        of_pictures: Picture's id → median of `file` for that picture.
    """

    file: Timing
    decode: Timing
    preprocess: Timing
    model: Timing
    similarity: Timing
    load_ms: float
    of_pictures: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        timings = {name: getattr(self, name).to_dict() for name in TIMINGS}
        return timings | {"load_ms": self.load_ms, "of_pictures": dict(self.of_pictures)}

    def beside(self, other: Times) -> Times:
        """These times, with the rounds of another process beside their own."""
        joined = {name: getattr(self, name).beside(getattr(other, name)) for name in TIMINGS}
        return replace(self, **joined)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Times:
        """From `to_dict`."""
        timings = {name: Timing.from_dict(plain[name]) for name in TIMINGS}
        return cls(**timings, load_ms=plain["load_ms"], of_pictures=plain["of_pictures"])


TIMINGS = ("file", "decode", "preprocess", "model", "similarity")


@dataclass(frozen=True)
class Measurement:
    """One model, tried.

    Attributes:
        model: The encoder's name.
        reason: Why there is nothing; empty if there is.
        card: The encoder's card; None if it could not be loaded.
        engine: What ran it.
        metric: What its vectors were compared with.
        notes: What must be said beside its numbers.
        values: For each pair the metric's value; None where a side has no vector.
        failures: The pictures without a vector: id, reason, detail.
        times: None where nothing could be timed.
        throughput: Pictures per second of the model alone by batch size, as far as it was tried.
        scan: Vectors per second that one vector is compared with.
        vector_bytes: Bytes of one vector.
        memory_mib: The most resident memory of its process, while loading and embedding single
            pictures, beyond what the process held before; None where it had no process of its own.
        batch_memory_mib: Likewise, with batches.
        device_memory_mib: The most memory on a CUDA device.
        files: Files that the encoder comes from: path, bytes, time of the last change.
        yardsticks: How long two fixed pieces of work took before and after, in milliseconds: one
            on a single core, one on all cores together. What differs is the machine's doing.
    """

    model: str
    reason: str = ""
    card: Card | None = None
    engine: str = ""
    metric: str = ""
    notes: tuple[str, ...] = ()
    values: tuple[float | None, ...] = ()
    failures: tuple[tuple[str, str, str], ...] = ()
    times: Times | None = None
    throughput: tuple[tuple[int, float], ...] = ()
    scan: float | None = None
    vector_bytes: int | None = None
    memory_mib: float | None = None
    batch_memory_mib: float | None = None
    device_memory_mib: float | None = None
    files: tuple[tuple[str, int, int], ...] = ()
    yardsticks: tuple[Yardstick, ...] = ()

    @property
    def current(self) -> bool:
        """Whether the encoder's files are still those that it was tried with."""
        return self.files == files_now(path for path, *_ in self.files)

    @property
    def ok(self) -> bool:
        """Whether the model could be tried."""
        return not self.reason

    @property
    def best_throughput(self) -> tuple[int, float] | None:
        """The batch size that embeds most pictures per second, and how many."""
        return max(self.throughput, key=lambda one: one[1], default=None)

    @property
    def higher_is_closer(self) -> bool:
        """Direction of its values."""
        return metric_named(self.metric).higher_is_closer

    def per_cent(self, value: float | None) -> float | None:
        """A value times 100 where its metric reaches to 1; None for the others."""
        bounded = bool(self.metric) and metric_named(self.metric).high == 1
        return None if value is None or not bounded else 100 * value

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        plain["card"] = self.card and self.card.to_dict()
        plain["times"] = self.times and self.times.to_dict()
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Measurement:
        """From `to_dict`, also by way of JSON.

        Raises:
            CardError: A card that its fingerprint contradicts.
        """
        told = dict(plain)
        told["card"] = told["card"] and Card.from_dict(told["card"], where=told["model"])
        told["times"] = told["times"] and Times.from_dict(told["times"])
        for name in ("notes", "values"):
            told[name] = tuple(told[name])
        for name in ("failures", "throughput", "files", "yardsticks"):
            told[name] = tuple(tuple(one) for one in told[name])
        return cls(**told)


def files_now(paths: Iterable[str]) -> tuple[tuple[str, int, int], ...]:
    """Files with their sizes and the times of their last change; -1 and 0 for one that is absent.

    A card beside a network is named whether it is there or not, and may be written later.
    """
    found = []
    for path in paths:
        stamp = file_place(path).stamp() or Stamp(-1, 0)
        found.append((os.path.abspath(path), stamp.bytes, stamp.mtime_ns))
    return tuple(found)
