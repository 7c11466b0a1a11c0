from pathlib import Path

import pytest

import lookalike
from lookalike.diagnosis import doctor as doctor_room
from lookalike.diagnosis.doctor import Diagnosis
from lookalike.encoders.cache import keep
from lookalike.extras import EXTRAS


def by_name(diagnosis: Diagnosis, area: str) -> dict[str, str]:
    return {check.name: check.status for check in diagnosis.checks if check.area == area}


def test_it_looks_at_every_extra_engine_and_the_default() -> None:
    diagnosis = lookalike.doctor()
    assert set(by_name(diagnosis, "extra")) == set(EXTRAS)
    assert by_name(diagnosis, "engine") == dict.fromkeys(
        ("openvino", "onnxruntime", "torch", "torchvision"), "ok"
    )
    assert by_name(diagnosis, "encoder")["builtin"] == "ok"
    assert diagnosis.healthy


def test_a_missing_part_has_its_cure_and_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    module = __import__("sys").modules[doctor_room.__module__]
    monkeypatch.setattr(module, "installed", lambda name: name != "onnxruntime")
    diagnosis = lookalike.doctor()
    (check,) = [one for one in diagnosis.checks if one.name == "onnxruntime"]
    assert check.status == "missing"
    assert check.cure == "pip install 'lookalike[onnx]'"
    assert diagnosis.healthy


def test_a_broken_part_is_a_problem_with_a_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    module = __import__("sys").modules[doctor_room.__module__]

    def broken() -> str:
        raise RuntimeError("libcuda is of another age")

    monkeypatch.setattr(module, "_torch_devices", broken)
    diagnosis = lookalike.doctor()
    (check,) = [one for one in diagnosis.checks if one.area == "engine" and one.name == "torch"]
    assert (check.status, check.detail) == ("problem", "libcuda is of another age")
    assert check.cure
    assert not diagnosis.healthy


def test_the_cache_is_tried_and_its_damage_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = __import__("sys").modules[doctor_room.__module__]
    stem = tmp_path / "entry"

    def write(draft: Path) -> None:
        draft.with_suffix(".bin").write_bytes(b"weights")

    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    keep(stem, (".bin",), write)
    sound = module._cache()
    assert (sound.status, "damaged" in sound.detail) == ("ok", False)
    stem.with_suffix(".bin").write_bytes(b"weighty")
    assert "1 damaged" in module._cache().detail
    monkeypatch.setenv("LOOKALIKE_CACHE", str(stem.with_suffix(".bin")))
    useless = module._cache()
    assert useless.status == "problem"
    assert "LOOKALIKE_CACHE" in useless.cure
