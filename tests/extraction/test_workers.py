from dataclasses import replace
from typing import Any

import pytest

from lookalike.embeddings import EngineCheck
from lookalike.encoders import Encoder, Runtime
from lookalike.encoders.pipeline import Settings
from lookalike.extraction import workers
from lookalike.extraction.workers import Local, load_quickest

from .conftest import PIXELS


class Machine:
    """A machine whose processor has bf16 units or none, and a network that stands them or not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, units: bool, agreement: float) -> None:
        self.loaded: list[str] = []

        def load(name: str, runtime: Runtime) -> Encoder:
            self.loaded.append(runtime.precision)
            ran = runtime.precision if runtime.precision != "auto" else "f32"
            return replace(PIXELS, engine=f"openvino {ran} on CPU")

        def check(encoder: Encoder) -> EngineCheck:
            worst = agreement if "bf16" in encoder.engine else 1.0
            return EngineCheck(encoder.engine, "torch f32 on CPU", 8, worst)

        monkeypatch.setattr(workers, "load_encoder", load)
        monkeypatch.setattr(workers, "check_engine", check)
        monkeypatch.setattr(workers, "has_bf16_units", lambda: units)


@pytest.mark.parametrize(
    ("units", "agreement", "runtime", "exact", "engine", "said"),
    [
        (True, 0.9995, {}, False, "bf16", False),
        (True, 0.9985, {}, False, "f32", True),
        (True, 0.9995, {}, True, "f32", False),
        (False, 0.9995, {}, False, "f32", False),
        (True, 0.9985, {"precision": "bf16"}, False, "bf16", False),
        (True, 0.9995, {"precision": "f32"}, False, "f32", False),
        (True, 0.9995, {"engine": "onnxruntime"}, False, "f32", False),
        (True, 0.9995, {"device": "GPU"}, False, "f32", False),
        (True, 0.9995, {"device": "CPU"}, False, "bf16", False),
    ],
)
def test_bf16_is_taken_where_the_processor_has_it_and_the_network_stands_it(
    monkeypatch: pytest.MonkeyPatch,
    units: bool,
    agreement: float,
    runtime: dict[str, Any],
    exact: bool,
    engine: str,
    said: bool,
) -> None:
    Machine(monkeypatch, units=units, agreement=agreement)
    encoder, _, sentences = load_quickest("a", Runtime(**runtime), exact=exact)
    assert encoder.engine == f"openvino {engine} on CPU"
    assert bool(sentences) == said
    assert all("NOT WITHIN" in sentence for sentence in sentences)


def test_what_was_checked_goes_with_the_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, units=True, agreement=0.9)
    local = Local("a", Runtime(precision="bf16"), Settings(reduced=True), exact=False)
    _, origin = local.start()
    assert origin.check is not None
    assert not origin.check.ok
    assert origin.decoding == "reduced"
    assert origin.warnings == (origin.check.sentence,)


def test_the_encoder_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, units=False, agreement=1)
    local = Local("a", Runtime(), Settings(), exact=False)
    local.start()
    local.start()
    assert machine.loaded == ["auto"]
