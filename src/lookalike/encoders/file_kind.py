"""What a file is that should hold weights, or a network, and does not, from its first bytes."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from lookalike.errors import WeightsError

READ = 4096
"""Bytes looked at."""

PAGE = (b"<!doctype", b"<html", b"<head", b"<error", b"<script")
"""How web pages and the messages of servers begin, in lower case."""

CHECKPOINT = "give a checkpoint that torch.save wrote, or a .safetensors file"
EXPORT = "export the network to ONNX first"
ORIGINAL = "use the .onnx file that it was made from"
_FAMILY = (
    "a checkpoint goes into its family, as in torchvision:NAME?weights={path}; a whole network has "
    "to be exported to ONNX first"
)


@dataclass(frozen=True)
class Kind:
    """A kind of file that is known by its beginning.

    Attributes:
        sign: Its bytes.
        name: What it is.
        weights: What to do where weights are wanted; None if such a file may hold them.
        network: What to do where an ONNX network is wanted.
        place: Where the sign stands.
    """

    sign: bytes
    name: str
    weights: str | None = CHECKPOINT
    network: str = EXPORT
    place: int = 0


KINDS = (
    Kind(
        b"version https://git-lfs",
        "a pointer of Git LFS, which stands for a file and does not hold it",
        "fetch the file itself, e.g. by git lfs pull",
        "fetch the file itself, e.g. by git lfs pull",
    ),
    Kind(
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file, as Keras writes it",
        network="convert it with the package tf2onnx, and use the .onnx file that it writes",
    ),
    Kind(
        b"\x1f\x8b",
        "a compressed file (gzip)",
        "unpack it: gunzip {path}",
        "unpack it: gunzip {path}",
    ),
    Kind(b"7z\xbc\xaf\x27\x1c", "a compressed file (7z)", "unpack it first", "unpack it first"),
    Kind(b"Rar!", "a compressed file (RAR)", "unpack it first", "unpack it first"),
    Kind(
        b"\x28\xb5\x2f\xfd", "a compressed file (Zstandard)", "unpack it first", "unpack it first"
    ),
    Kind(b"\x93NUMPY", "an array of NumPy"),
    Kind(b"%PDF", "a PDF document"),
    Kind(b"GGUF", "a GGUF file, which holds a language model", network=ORIGINAL),
    Kind(
        b"TFL3",
        "a network of TensorFlow Lite",
        network="convert it with the package tf2onnx: python -m tf2onnx.convert --tflite {path} "
        "--output NET.onnx, and use onnx:NET.onnx",
        place=4,
    ),
    Kind(b"ORTM", "a network in ONNX Runtime's own format", network=ORIGINAL, place=4),
    Kind(
        b"PK\x03\x04",
        "a ZIP archive: a torch checkpoint, a Keras network, or a packed file",
        None,
        f"unpack an archive; {_FAMILY}",
    ),
    Kind(b"\x80", "a pickle, such as an old torch checkpoint", None, _FAMILY),
)
"""Kinds of files, the first that fits is what a file is."""


def foreign_kind(path: Path) -> tuple[str, str] | None:
    """What a file is, and a cure, where its first bytes say that it holds no torch weights.

    Args:
        path: A file.

    Returns:
        None if nothing speaks against weights.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = Path(folder) / "resnet18.pth"
        ...     _ = page.write_text("<!DOCTYPE html><html>")
        ...     print(foreign_kind(page)[0])
        a web page, and not a file of a network
    """
    with path.open("rb") as stream:
        start = stream.read(READ)
    found = _known(start)
    if isinstance(found, Kind):
        found = None if found.weights is None else (found.name, found.weights.format(path=path))
    elif found is None and _is_openvino(start):
        found = "a network in OpenVINO's own format", CHECKPOINT
    if found is None and start.startswith(b"PK\x03\x04"):
        return _archive(path)
    return found


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
    found = _known(content[:READ])
    if isinstance(found, Kind):
        found = found.name, found.network.format(path=path)
    elif found is None and _is_openvino(content[:READ]):
        found = "an XML file, perhaps a network in OpenVINO's own format", ORIGINAL
    elif found is None and content[8:9] == b"{" and content[:8].endswith(b"\0\0\0\0"):
        found = (
            "a safetensors file: weights without a network",
            f"give it to its family, as in torchvision:NAME?weights={path}",
        )
    if found is not None:
        kind, cure = found
        raise WeightsError(f"this is no ONNX file but {kind}", where=path, cure=cure)


def _known(start: bytes) -> Kind | tuple[str, str] | None:
    """A kind, or what a file is and a cure for whatever was wanted."""
    if not start:
        return "an empty file", "copy or download it again"
    text = _text(start)
    if text.startswith(PAGE) or (text.startswith(b"<?xml") and not _is_openvino(start)):
        return (
            "a web page, and not a file of a network",
            "download the file itself: a hub's page about a file has another address than its "
            "download",
        )
    return next((kind for kind in KINDS if start.startswith(kind.sign, kind.place)), None)


def _is_openvino(start: bytes) -> bool:
    text = _text(start)
    return text.startswith(b"<net") or (text.startswith(b"<?xml") and b"<net" in text)


def _text(start: bytes) -> bytes:
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()


def _archive(path: Path) -> tuple[str, str] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return "only the beginning of a checkpoint, or a damaged one", "copy or download it again"
    if any(name.endswith("/constants.pkl") for name in names):
        return (
            "a TorchScript archive, which is a program and not only weights",
            "save its weights: "
            'torch.save(torch.jit.load("FILE").state_dict(), "weights.pth"), if you know its maker',
        )
    if names and all(name.endswith(".npy") for name in names):
        return "an archive of NumPy's arrays (.npz)", CHECKPOINT
    if not any(name.endswith("data.pkl") for name in names):
        return "a ZIP archive without weights in it", "unpack it, and give the checkpoint"
    return None


def is_text(path: Path) -> bool:
    """Whether a file begins like text.

    Example:
        >>> is_text(Path(__file__))
        True
    """
    with path.open("rb") as stream:
        start = stream.read(READ)
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # not a sign that the last byte read cuts in two
            return False
        text = start[: error.start].decode("utf-8")
    return all(sign.isprintable() or sign in "\t\n\r\f" for sign in text)


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as a whole ``.safetensors`` file does, whatever its name."""
    with path.open("rb") as stream:
        start = stream.read(9)
    length = int.from_bytes(start[:8], "little")
    return len(start) == 9 and start[8:] == b"{" and 2 <= length <= path.stat().st_size - 8
