"""What a file is that was given for an ONNX network and is none."""

from __future__ import annotations

from lookalike.errors import WeightsError

_AGAIN = "fetch it again"

_SIGNS: tuple[tuple[int, bytes, str, str], ...] = (
    (
        4,
        b"TFL3",
        "a TensorFlow Lite network",
        "convert it with the package tf2onnx: python -m tf2onnx.convert --tflite {path} --output "
        "NET.onnx, and use onnx:NET.onnx",
    ),
    (
        4,
        b"ORTM",
        "a network in ONNX Runtime's own format",
        "use the .onnx file that it was made from",
    ),
    (
        0,
        b"version https://git-lfs",
        "a Git LFS pointer, and not the network that it points to",
        "run git lfs pull, or download the file itself",
    ),
    (
        0,
        b"PK\x03\x04",
        "a zip archive: a torch checkpoint, a Keras network, or a packed one",
        "unpack an archive; a checkpoint goes into its family, as in "
        "torchvision:NAME?weights={path}; a whole network has to be exported to ONNX first",
    ),
    (
        0,
        b"\x80",
        "a pickle, such as an old torch checkpoint",
        "a checkpoint goes into its family, as in torchvision:NAME?weights={path}; a whole network "
        "has to be exported to ONNX first",
    ),
    (
        0,
        b"\x89HDF",
        "an HDF5 file, as Keras writes them",
        "convert the network with the package tf2onnx, and use the .onnx file that it writes",
    ),
    (0, b"\x1f\x8b", "compressed by gzip", "unpack it: gunzip {path}"),
    (0, b"GGUF", "a GGUF file, which holds a language model", "use the network's .onnx file"),
)
"""Where a sign stands, the sign, what the file is, and what to do."""


def refuse_foreign(content: bytes, path: str) -> None:
    """Raise `WeightsError` for a file that is known to be something other than an ONNX network.

    Args:
        content: Of the file.
        path: For the message.

    Raises:
        WeightsError: Says what the file is, and what to do.

    Example:
        >>> refuse_foreign(bytes([8, 8]), "net.onnx")  # as every ONNX file begins
    """
    found = _kind(content)
    if found is not None:
        kind, cure = found
        raise WeightsError(
            f"this is no ONNX file but {kind}", where=path, cure=cure.format(path=path)
        )


def _kind(content: bytes) -> tuple[str, str] | None:
    if not content:
        return "an empty one", _AGAIN
    for place, sign, kind, cure in _SIGNS:
        if content.startswith(sign, place):
            return kind, cure
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page", _AGAIN
    if start.startswith(b"<?xml") or start.startswith(b"<net"):
        return (
            "an XML file, perhaps a network in OpenVINO's own format",
            "use the .onnx file that it was made from",
        )
    if content[8:9] == b"{" and content[:8].endswith(b"\0\0\0\0"):
        return (
            "a safetensors file: weights without a network",
            "give it to its family, as in torchvision:NAME?weights={path}",
        )
    return None
