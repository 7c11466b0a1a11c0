"""The result: models in rows, quality beside cost, what stands out, and which one to take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any

from lookalike.measuring.subject import Subject
from lookalike.report import View, amount, html_fragment
from lookalike.tables.figures import Figures
from lookalike.tables.findings import findings
from lookalike.tables.grouping import PUBLISHED_BOUNDS, grouped
from lookalike.tables.layout import published_layout
from lookalike.tables.model_row import ALIKE, ModelRow
from lookalike.tables.recommendation import Recommendation

OF_AN_ANCHOR = ("A5", "A6", "A9")
"""Findings that hold similarities of several metrics against each other or against 80 %."""

CLASSIFIERS, REID = "classifiers", "reid"
"""Published tables that a table may stand beside."""

MOVED = 0.15
"""How far the machine's own speed may move between models before the table warns of it."""


@dataclass(frozen=True, eq=False, repr=False)
class ModelTable:
    """Models tried on the same pictures.

    Attributes:
        rows: One per model, in the order asked for; a model that failed has its reason.
        subject: The pictures and pairs.
        recommendation: Which model to take under the constraints, and why.
        bounds: GFLOPs at which the groups of the published layout end.
        beside: Which published figures stand beside the measured ones: `CLASSIFIERS`, `REID`, or
            none if empty.
        selection_notes: What the filters left out.
        judge_notes: How intervals were made, which pairs were judged.
        settings: Machine, versions, engine, effort and seed, as used.
        thumbnails: Picture's id → a small JPEG.
        hardest: Positions of the pairs that are hardest for the best model.
    """

    rows: tuple[ModelRow, ...]
    subject: Subject
    recommendation: Recommendation
    bounds: tuple[float, ...] = PUBLISHED_BOUNDS
    beside: str = ""
    selection_notes: tuple[str, ...] = ()
    judge_notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    thumbnails: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    hardest: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[ModelRow]:
        return iter(self.rows)

    def __repr__(self) -> str:
        chosen = self.recommendation.name or "none"
        return f"ModelTable of {amount(len(self.rows), 'model')}, recommended: {chosen}"

    def __getitem__(self, model: str) -> ModelRow:
        """The row of a model, by its name or label, or by the only label that begins so.

        Raises:
            KeyError: There is none, or there are several.
        """
        exact = [row for row in self.rows if model in (row.name, row.label)]
        found = exact or [row for row in self.rows if row.label.startswith(model)]
        if len(found) != 1:
            names = ", ".join(row.label for row in self.rows)
            raise KeyError(f"{model!r} names {amount(len(found), 'row')}; there are {names}")
        return found[0]

    @property
    def measured(self) -> tuple[ModelRow, ...]:
        """The rows of the models that could be tried."""
        return tuple(row for row in self.rows if row.ok)

    @property
    def failed(self) -> tuple[ModelRow, ...]:
        """The rows of the others, with their reasons."""
        return tuple(row for row in self.rows if not row.ok)

    @property
    def missed(self) -> dict[str, str]:
        """Pictures without a vector under some model, with the reason."""
        failures = (one for row in self.rows for one in row.measurement.failures)
        return {id: f"{reason}: {detail}" for id, reason, detail in failures}

    @property
    def judged(self) -> bool:
        """Whether there were pairs to judge models by."""
        return any(row.measures for row in self.rows)

    @property
    def recommended(self) -> ModelRow | None:
        """The row to take; None if none meets the constraints, or has shown that it is any good."""
        return next((row for row in self.rows if row.label == self.recommendation.name), None)

    @property
    def best(self) -> ModelRow | None:
        """The row of the highest quality: ROC AUC, or the gap where nothing was judged."""
        known = [row for row in self.rows if row.quality is not None]
        return max(known, key=lambda row: row.quality or 0.0, default=None)

    @property
    def machine_moved(self) -> float:
        """How much slower the machine itself was at its slowest than at its quickest, a share."""
        return moved_of(self.rows)

    @property
    def noise(self) -> float:
        """Share by which times of two models have to differ before they are told apart.

        The machine's own movement, or what is usual between rounds of one model if that is more.
        """
        return noise_of(self.rows)

    @property
    def analysis(self) -> tuple[str, ...]:
        """What stands out, in sentences made from the numbers."""
        columns = [_meant(row) for row in self.measured]
        once = {
            (one.rule, one.labels, one.values): one.words
            for one in reversed(findings(columns, noise=round(self.noise, 2)))
            if self.subject.anchored or one.rule not in OF_AN_ANCHOR
        }  # the time of a comparison is the same for every pair, and is told of the first
        told = [self._worded(words) for words in reversed(once.values())]
        return (*self._quality_words(), *self._separation_words(), *told, *self._pareto_words())

    def _worded(self, words: str) -> str:
        """A finding in the terms of a table of pairs, if this is one: there is no positive."""
        if self.subject.anchored:
            return words
        return words.replace(" (positive)", "").replace(" (negative)", " (mean of different pairs)")

    def _quality_words(self) -> list[str]:
        best = self.best
        auc = best.roc_auc if best else None
        if best is None or auc is None or auc.value is None:
            return []
        ends = auc.interval and f" ({auc.interval.low:.3f} to {auc.interval.high:.3f})"
        words = [f"Highest ROC AUC: {best.label}, {auc.value:.3f}{ends or ''}."]
        alike = [row.label for row in self.rows if row.beside_best == ALIKE]
        if alike:
            words.append(f"Not distinguishable from it on these pairs: {', '.join(alike)}.")
        return words

    def _separation_words(self) -> list[str]:
        """The widest separation of means, in standard deviations, since metrics may differ."""
        apart = {row.label: row.separation for row in self.rows if not row.random}
        known = {label: one.d_prime for label, one in apart.items() if one and one.d_prime}
        if self.subject.anchored or not known:
            return []
        widest = max(known, key=lambda label: known[label])
        return [
            f"Widest separation of same from different pairs: {widest}, d' {known[widest]:.2f}."
        ]

    def _pareto_words(self) -> list[str]:
        kept = [row.label for row in self.rows if row.pareto]
        if not kept:
            return []
        left = sum(row.pareto is None for row in self.rows)
        quality = "ROC AUC" if self.judged else "gap"
        out = f" {amount(left, 'row')} without both figures left out." if left else ""
        return [f"No model is both quicker and of higher {quality} than: {', '.join(kept)}.{out}"]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of the models and of the pictures."""
        return (*self.selection_notes, *self.subject.notes)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must not be overlooked."""
        said = [note for row in self.rows for note in row.measurement.notes]
        random = [row for row in self.measured if row.random]
        told = [note for note in said if "RANDOM WEIGHTS" not in note]
        if random:
            told.insert(
                0,
                f"{amount(len(random), 'model')} with RANDOM WEIGHTS: similarities mean nothing, "
                "and none is recommended; accuracies are those of the published weights",
            )
        if self.machine_moved > MOVED:
            told.append(
                f"noisy: this machine itself was {self.machine_moved * 100:.0f} % slower at times, "
                "as something else used it; times of models within that are no difference"
            )
        if self.failed:
            told.append(f"{amount(len(self.failed), 'model')} could not be tried; the rows say why")
        if self.missed:
            some = "; ".join(f"{id}, {why}" for id, why in list(self.missed.items())[:3])
            told.append(f"{amount(len(self.missed), 'picture')} without a vector: {some}")
        return tuple(dict.fromkeys(told))

    def published_markdown(self) -> str:
        """The table in the published layout: models as columns, in groups by GFLOPs."""
        columns = [row.figures for row in self.rows]
        return published_layout(grouped(columns, self.bounds), noise=round(self.noise, 2))

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints, besides command and version."""
        from lookalike.tables.scatter import scatter

        return {
            "results": [row.to_dict() for row in self.rows],
            "subject": self.subject.about,
            "recommendation": {
                "model": self.recommended and self.recommended.name,
                **asdict(self.recommendation),
            },
            "analysis": list(self.analysis),
            "noise": self.noise,
            "machine_moved": self.machine_moved,
            "settings": dict(self.settings),
            "plots": [plot.to_dict() for plot in scatter(self)],
            "notes": [*self.notes, *self.judge_notes, *self.warnings],
        }

    def view(self) -> View:
        """The table as people see it."""
        from lookalike.tables.view import table_view

        return table_view(self)

    def _repr_html_(self) -> str:
        """Table and scatter, for notebooks."""
        return html_fragment(self.view())


def _meant(row: ModelRow) -> Figures:
    """The figures that mean something: of random weights those of cost alone."""
    figures = row.figures
    if not row.random:
        return figures
    pairs = {role: replace(pair, similarity=None) for role, pair in figures.pairs.items()}
    return replace(figures, pairs=pairs)


def moved_of(rows: Iterable[ModelRow]) -> float:
    """See `ModelTable.machine_moved`."""
    found = [one for row in rows for one in row.measurement.yardsticks]
    return max((max(times) / min(times) - 1 for times in zip(*found, strict=True)), default=0.0)


def noise_of(rows: Sequence[ModelRow]) -> float:
    """See `ModelTable.noise`."""
    times = [row.measurement.times for row in rows]
    drifts = [one.file.drift for one in times if one is not None]
    return max(moved_of(rows), median(drifts)) if drifts else 0.0
