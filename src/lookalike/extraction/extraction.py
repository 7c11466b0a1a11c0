"""What an extraction did: a count for every outcome, where the time went, what it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lookalike.embeddings import Card, Origin
from lookalike.extraction.plan import Counts
from lookalike.extraction.resources import Needs, spoken_bytes
from lookalike.report import Column, Table, View, html_fragment


@dataclass(frozen=True)
class Extraction:
    """What one run of `embed` did.

    Attributes:
        store: The store's folder.
        cards: Of the vectors in it.
        origin: What made this run's vectors.
        inputs: How many inputs the store has a row for now.
        embedded: Rows with a vector, further views included.
        reasons: Reason → inputs without a vector.
        counts: What was added, changed, retried, removed, and what stayed.
        encoded: Vectors that were made this time, those of further views included.
        seconds: Wall time of the whole run.
        working: Wall time of it between the first picture and the last shard, without looking at
            what there is and loading the encoder.
        steps: Step → seconds in it, summed over the threads that did it.
        expected: Memory and disk as estimated before; None if nothing had to be done.
        used: Memory and disk as measured; the memory's peak is that of the whole process.
        stopped: Whether Ctrl-C ended it before everything was done.
        notes: What has to be said beside the numbers.
    """

    store: str
    cards: tuple[Card, ...]
    origin: Origin
    inputs: int
    embedded: int
    reasons: Mapping[str, int]
    counts: Counts
    encoded: int
    seconds: float
    working: float
    steps: Mapping[str, float]
    expected: Needs | None
    used: Needs
    stopped: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def failed(self) -> int:
        """Inputs without a vector."""
        return sum(self.reasons.values())

    @property
    def rate(self) -> float:
        """Pictures per second while it was working."""
        return self.encoded / self.working if self.working else 0.0

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints; ``results`` has a row per outcome."""
        return {
            "results": self._outcomes(),
            "store": self.store,
            "fingerprints": [card.fingerprint for card in self.cards],
            "origin": self.origin.to_dict(),
            "inputs": self.inputs,
            "embedded": self.embedded,
            "counts": asdict(self.counts),
            "encoded": self.encoded,
            "seconds": self.seconds,
            "working": self.working,
            "rate": self.rate,
            "steps": dict(self.steps),
            "expected": None if self.expected is None else asdict(self.expected),
            "used": asdict(self.used),
            "stopped": self.stopped,
            "notes": list(self.notes),
        }

    def view(self) -> View:
        """Outcomes, what was done, where the time went."""
        outcomes = (Column("outcome", "outcome"), Column("rows", "rows", "whole"))
        done = [
            {"what": what, "inputs": number}
            for what, number in asdict(self.counts).items()
            if number
        ]
        tables = [Table((Column("what", "this run"), Column("inputs", "inputs", "whole")), done)]
        if self.encoded:
            tables.append(self._times())
        tables.append(Table(outcomes, self._outcomes(), self.store))
        return View(
            title=f"{self.inputs:,} inputs in {self.store}",
            tables=tuple(tables),
            notes=tuple(self._sentences()),
            warnings=self.notes,
        )

    def _outcomes(self) -> list[dict[str, Any]]:
        rows = [{"outcome": "embedded", "rows": self.embedded}]
        return rows + [{"outcome": one, "rows": count} for one, count in self.reasons.items()]

    def _times(self) -> Table:
        whole = sum(self.steps.values()) or 1.0
        rows = [
            {"step": step, "seconds": seconds, "share": 100 * seconds / whole}
            for step, seconds in self.steps.items()
        ]
        columns = (
            Column("step", "time in"),
            Column("seconds", "s, all threads", "number", digits=2),
            Column("share", "%", "number", digits=0),
        )
        return Table(columns, rows)

    def _sentences(self) -> list[str]:
        said = []
        if self.encoded:
            what = "1 vector" if self.encoded == 1 else f"{self.encoded:,} vectors"
            said.append(
                f"{what} made in {self.working:.1f} s, {self.rate:.1f} a second; "
                f"{self.seconds - self.working:.1f} s for listing and loading"
            )
        if self.expected is not None:
            said.append(
                f"memory: {spoken_bytes(self.used.memory_bytes)} at the peak, "
                f"{spoken_bytes(self.expected.memory_bytes)} expected; disk: "
                f"{spoken_bytes(self.used.disk_bytes)}, "
                f"{spoken_bytes(self.expected.disk_bytes)} expected"
            )
        said += [
            f"{card.name} [{card.layer}]: length {card.dim}, fingerprint {card.fingerprint[:12]}"
            for card in self.cards
        ]
        if self.origin.engine:
            said.append(f"engine {self.origin.engine}, decoding {self.origin.decoding}")
        if self.origin.check is not None:
            said.append(self.origin.check.sentence)
        return said

    def _repr_html_(self) -> str:
        return html_fragment(self.view())
