"""What a file is that should hold weights and does not, from its first bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

READ = 4096
"""Bytes looked at."""

HTML = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<error", b"<script")

MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs",
        "a pointer of Git LFS, which stands for the weights and does not hold them",
        "fetch the file itself, e.g. by git lfs pull",
    ),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it", ""),
    (b"\x1f\x8b", "a compressed file (gzip)", "unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a compressed file (7z)", "unpack it first"),
    (b"Rar!", "a compressed file (RAR)", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a compressed file (Zstandard)", "unpack it first"),
    (b"\x93NUMPY", "an array of NumPy", ""),
    (b"%PDF", "a PDF document", ""),
)
"""Beginnings of files → what they are, and what to do."""

PAGE = (
    "a web page, not weights",
    "download the file itself: a hub's page about a file has another address than its download",
)
CHECKPOINT = "give a checkpoint that torch.save wrote, or a .safetensors file"


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
        a web page, not weights
    """
    with path.open("rb") as stream:
        start = stream.read(READ)
    if not start:
        return "an empty file", "copy or download it again"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:16].lower().startswith(HTML):
        return PAGE
    for magic, kind, cure in MAGIC:
        if start.startswith(magic):
            return kind, cure or CHECKPOINT
    if start[4:8] == b"TFL3":
        return "a network of TensorFlow Lite", CHECKPOINT
    return _archive(path) if start.startswith(b"PK\x03\x04") else None


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
