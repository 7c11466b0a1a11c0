"""What files are that hold no weights."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from lookalike.encoders.file_kind import foreign_kind, is_text


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["net/data.pkl", "net/version"], None),
        (["net/data.pkl", "net/constants.pkl"], "TorchScript"),
        (["a.txt", "weights.pth"], "ZIP"),
        ([], "ZIP"),
    ],
)
def test_archives_are_told_apart(tmp_path: Path, names: list[str], kind: str | None) -> None:
    with zipfile.ZipFile(tmp_path / "w", "w") as archive:
        for name in names or ["x"]:
            archive.writestr(name, b"x")
    found = foreign_kind(tmp_path / "w")
    assert (found is None) == (kind is None)
    assert found is None or str(kind) in found[0]


def test_arrays_of_numpy_are_no_torch_weights(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.ones(2))
    np.save(tmp_path / "w.npy", np.ones(2))
    for name in ("w.npz", "w.npy"):
        found = foreign_kind(tmp_path / name)
        assert found is not None
        assert "NumPy" in found[0]


def test_text_of_any_language_is_text_wherever_the_look_ends(tmp_path: Path) -> None:
    for lead in range(4):
        (tmp_path / "w").write_bytes(b" " * lead + "…".encode() * 2000)
        assert is_text(tmp_path / "w")
    (tmp_path / "w").write_bytes(b"\x80\x02text that goes on")
    assert not is_text(tmp_path / "w")
