import gzip
import io
import pickle
import zipfile

import pytest

from lookalike.encoders.foreign_file import refuse_foreign
from lookalike.errors import WeightsError


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
        (b"version https://git-lfs.github.com/spec/v1\noid", "LFS pointer", "git lfs pull"),
        (b"\n <!DOCTYPE HTML><html>", "web page", "again"),
        (zipped(), "zip", "weights=some.file"),
        (pickle.dumps({"a": 1}), "pickle", "weights=some.file"),
        (gzip.compress(b"a", mtime=0), "gzip", "gunzip some.file"),
        ((2).to_bytes(8, "little") + b"{}", "safetensors", "weights=some.file"),
        (b'<?xml version="1.0"?><net>', "XML", "made from"),
    ],
)
def test_what_is_no_onnx_file_is_called_by_its_name(content: bytes, kind: str, cure: str) -> None:
    with pytest.raises(WeightsError, match=kind) as caught:
        refuse_foreign(content, "some.file")
    assert cure in caught.value.cure
