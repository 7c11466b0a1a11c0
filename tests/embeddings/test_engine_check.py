import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.embeddings import EngineCheck, Origin
from lookalike.embeddings.engine_check import TOLERANCE

CHECK = EngineCheck("openvino bf16 on CPU", "torch f32 on CPU", 8, 0.9998)


def test_an_engine_is_ok_from_the_tolerance_upwards() -> None:
    below = float(np.nextafter(TOLERANCE, 0))
    assert [replace(CHECK, agreement=value).ok for value in (1.0, TOLERANCE, below, -1.0)] == [
        True,
        True,
        False,
        False,
    ]


def test_another_tolerance_decides_for_itself() -> None:
    assert not replace(CHECK, tolerance=0.9999).ok
    assert replace(CHECK, agreement=0.5, tolerance=0.5).ok


def test_an_agreement_that_is_no_number_is_not_ok() -> None:
    assert not replace(CHECK, agreement=float("nan")).ok


def test_the_sentence_names_both_engines_and_every_number() -> None:
    for part in ("openvino bf16 on CPU", "torch f32 on CPU", "0.999800", "8 probe", "0.999 "):
        assert part in CHECK.sentence
    assert "is within" in CHECK.sentence
    assert "NOT WITHIN" in replace(CHECK, agreement=0.9).sentence


def test_the_sentence_does_not_contradict_itself_close_to_the_tolerance() -> None:
    close = replace(CHECK, agreement=0.9989999)
    assert not close.ok
    assert "0.999000" not in close.sentence


@given(
    st.builds(
        EngineCheck,
        st.text(max_size=8),
        st.text(max_size=8),
        st.integers(0, 99),
        st.floats(-1, 1),
        st.floats(0, 1),
    )
)
def test_plain_values_survive_json(check: EngineCheck) -> None:
    assert EngineCheck.from_dict(json.loads(json.dumps(check.to_dict()))) == check
    origin = Origin("engine", "reduced", check)
    assert Origin.from_dict(json.loads(json.dumps(origin.to_dict()))) == origin


def test_an_origin_warns_with_the_sentence_exactly_when_its_check_is_not_ok() -> None:
    bad = replace(CHECK, agreement=0.5)
    assert Origin("e", check=bad).warnings == (bad.sentence,)
    assert Origin("e", check=CHECK).warnings == ()
    assert Origin("e").warnings == ()


@pytest.mark.parametrize("origin", [Origin(), Origin("torch f32 on CPU", "reduced")])
def test_an_origin_without_a_check_survives_json(origin: Origin) -> None:
    assert Origin.from_dict(json.loads(json.dumps(origin.to_dict()))) == origin


def test_an_origin_of_which_nothing_is_known_is_empty() -> None:
    assert Origin.from_dict({}) == Origin("", "full", None)
