"""What an export wrote: the file, how it was checked, and what fewer bits change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lookalike.embeddings import Card
from lookalike.exporting.check import Checked
from lookalike.images import Preprocess
from lookalike.judge import DecisionChanges
from lookalike.report import Column, Table, View, html_fragment


def _prepared(preprocess: Preprocess) -> str:
    """What has to be done to a picture before it goes into the file."""
    steps = ["turned as EXIF says"] if preprocess.exif else []
    steps.append(preprocess.order.upper())
    size = preprocess.resize
    if isinstance(size, int):
        steps.append(f"shorter side to {size} by {preprocess.kernel}")
    elif size is not None:
        steps.append(f"stretched to {size[0]} x {size[1]} (height x width) by {preprocess.kernel}")
    if preprocess.crop not in (None, size):
        steps.append("centre cut to {} x {}".format(*preprocess.crop or ()))
    scale = f"(byte * {preprocess.scale:.6g} - {list(preprocess.mean)}) / {list(preprocess.std)}"
    return ", ".join([*steps, scale])


@dataclass(frozen=True)
class Exported:
    """An encoder in one ONNX file.

    Attributes:
        path: The file.
        form: Name of the form.
        metric: Of the similarities; empty in forms that give vectors alone.
        precision: ``f32``, ``f16`` or ``int8``.
        opset: Version of ONNX's operators.
        card: The card in the file.
        inputs: Name → shape, symbols where any number goes.
        outputs: Likewise.
        bytes: Size of the file.
        nodes: Of the graph.
        checks: The runs that it was held against the encoder by.
        calibrated: Pictures that the ranges of int8 were taken from.
        decisions: What fewer bits change; None if no pictures were given to tell.
        notes: What has to be said beside the numbers.
        instructions: The instruction set of the CPU that ran the checks and made the vectors of
            `decisions`, such as ``AVX2``; None where the system does not tell.
    """

    path: str
    form: str
    metric: str
    precision: str
    opset: int
    card: Card
    inputs: Mapping[str, tuple[int | str, ...]]
    outputs: Mapping[str, tuple[int | str, ...]]
    bytes: int
    nodes: int
    checks: tuple[Checked, ...]
    calibrated: int = 0
    decisions: DecisionChanges | None = None
    notes: tuple[str, ...] = ()
    instructions: str | None = None

    @property
    def agreement(self) -> float:
        """The smallest cosine of any check."""
        return min(one.cosine for one in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints; ``results`` has a row per check."""
        return {
            "results": [asdict(one) for one in self.checks],
            "path": self.path,
            "form": self.form,
            "metric": self.metric or None,
            "precision": self.precision,
            "opset": self.opset,
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "outputs": {name: list(shape) for name, shape in self.outputs.items()},
            "bytes": self.bytes,
            "nodes": self.nodes,
            "agreement": self.agreement,
            "instructions": self.instructions,
            "calibrated": self.calibrated,
            "decisions": self.decisions and self.decisions.to_dict(),
            "card": self.card.to_dict(),
            "notes": list(self.notes),
        }

    def view(self) -> View:
        """What is in the file, how it was checked, and the decision report."""
        ports = [
            {"port": kind, "name": name, "shape": " x ".join(map(str, shape))}
            for kind, shapes in (("input", self.inputs), ("output", self.outputs))
            for name, shape in shapes.items()
        ]
        columns = (Column("port", ""), Column("name", "name"), Column("shape", "shape"))
        runs = (
            Column("engine", "checked on"),
            Column("base", "base", "whole"),
            Column("target", "target", "whole"),
            Column("cosine", "smallest cosine", "number", digits=6),
            Column("deviation", "similarity off by", "number", digits=8),
        )
        report = None if self.decisions is None else self.decisions.view()
        checks = [asdict(one) | {"target": one.target or None} for one in self.checks]
        metric = f", {self.metric} inside" if self.metric else ""
        said = [
            f"form {self.form}{metric}, {self.precision}, operator set {self.opset}, "
            f"{self.nodes:,} nodes, {self.bytes:,} bytes",
            f"fingerprint {self.card.fingerprint[:12]}: {self.identity}",
        ]
        said.append(f"pictures have to come prepared: {_prepared(self.card.preprocess)}")
        unit = self.instructions or "an instruction set that the system does not tell"
        said.append(f"judged on a CPU with {unit}")
        if self.calibrated:
            said.append(f"ranges of int8 from {self.calibrated:,} pictures")
        return View(
            title=f"{self.card.name} in {self.path}",
            answer=() if report is None else report.answer,
            tables=(
                Table(columns, ports, self.path),
                Table(runs, checks, "checks against the encoder, on pictures of the package"),
            ),
            after=() if report is None else (*report.tables, *report.after),
            notes=(*said, *(() if report is None else report.notes)),
            warnings=(*self.notes, *(() if report is None else report.warnings)),
        )

    @property
    def identity(self) -> str:
        """Whether its vectors may stand beside those of the encoder."""
        if self.precision == "int8":
            return "its own, since int8 changes decisions; vectors are comparable with no other"
        return "the encoder's, so vectors of both may stand together"

    def _repr_html_(self) -> str:
        return html_fragment(self.view())
