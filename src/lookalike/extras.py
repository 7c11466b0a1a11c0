"""The one door to optional packages: an import that names the extra to install when it fails."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from lookalike.errors import MissingExtraError

EXTRAS: dict[str, tuple[str, ...]] = {
    "torch": ("torch", "torchvision", "timm", "open_clip", "safetensors", "huggingface_hub"),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "hash": ("imagehash",),
    "opencv": ("cv2",),
    "heif": ("pi_heif",),
    "frames": ("pandas", "polars"),
    "plots": ("matplotlib",),
    "ray": ("ray",),
}
"""Extra → the import names of the packages it brings."""


def extra_of(module: str) -> str:
    """The extra that brings an import name.

    Example:
        >>> extra_of("cv2")
        'opencv'
    """
    root = module.partition(".")[0]
    return next(extra for extra, modules in EXTRAS.items() if root in modules)


def installed(module: str) -> bool:
    """Whether a package could be imported, found without importing it.

    Example:
        >>> installed("numpy"), installed("no_such_package")
        (True, False)
    """
    return importlib.util.find_spec(module.partition(".")[0]) is not None


def require(module: str, *, purpose: str) -> ModuleType:
    """Import an optional module, or say which extra brings it.

    Args:
        module: Import name, e.g. ``"onnxruntime"``.
        purpose: What it is needed for; opens the message.

    Raises:
        MissingExtraError: The package is absent, or its own import fails.

    Example:
        >>> require("imagehash", purpose="hash:phash").__name__
        'imagehash'
    """
    extra = extra_of(module)
    cure = f"pip install 'lookalike[{extra}]'"
    if not installed(module):
        raise MissingExtraError(f"{purpose} needs the package {module!r}", cure=cure)
    try:
        return importlib.import_module(module)
    except Exception as error:  # a broken package fails in its own ways
        raise MissingExtraError(
            f"{purpose} needs {module!r}, which is installed but does not load: {error}",
            cure=f"{cure} --force-reinstall",
        ) from error
