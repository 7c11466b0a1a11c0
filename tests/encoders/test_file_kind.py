"""What files are that hold no weights, or no network."""

import gzip
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lookalike.encoders.file_kind import foreign_kind, is_text, refuse_foreign
from lookalike.errors import WeightsError


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


# The same files where a network is wanted


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "kind", "cure"),
    [
        (b"", "empty", "again"),
        (b"\x1c\0\0\0TFL3" + bytes(40), "TensorFlow Lite", "tf2onnx.convert --tflite some.file"),
        (b"\x08\0\0\0ORTM" + bytes(40), "own format", "made from"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS", "git lfs pull"),
        (b"\n <!DOCTYPE HTML><html>", "web page", "download"),
        (zipped(), "ZIP", "weights=some.file"),
        (pickle.dumps({"a": 1}), "pickle", "weights=some.file"),
        (gzip.compress(b"a", mtime=0), "gzip", "gunzip some.file"),
        ((2).to_bytes(8, "little") + b"{}", "safetensors", "weights=some.file"),
        (b'<?xml version="1.0"?><net>', "XML", "made from"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey', "web page", "download"),
        (b"Rar!" + bytes(40), "RAR", "unpack"),
        (b"%PDF-1.7", "PDF", "export"),
    ],
)
def test_what_is_no_onnx_file_is_called_by_its_name(content: bytes, kind: str, cure: str) -> None:
    with pytest.raises(WeightsError, match=kind) as caught:
        refuse_foreign(content, "some.file")
    assert cure in caught.value.cure


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"\x08\0\0\0ORTM" + bytes(40), "ONNX Runtime"),
        (b'<?xml version="1.0"?>\n<net name="n">', "OpenVINO"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey', "web page"),
        (b"GGUF" + bytes(40), "language model"),
    ],
)
def test_what_is_no_network_holds_no_weights_either(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    (tmp_path / "w").write_bytes(content)
    found = foreign_kind(tmp_path / "w")
    assert found is not None
    assert kind in found[0]
    assert found[1]


def test_a_pickle_may_hold_weights(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(pickle.dumps({"a": 1}))
    assert foreign_kind(tmp_path / "w") is None
