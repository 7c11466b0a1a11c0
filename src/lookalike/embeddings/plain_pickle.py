"""Pickles of arrays and plain containers, read without importing or calling what they name."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

MODULES = frozenset(
    {"numpy._core.multiarray", "numpy._core.numeric", "numpy.core.multiarray", "numpy.core.numeric"}
)
"""Where NumPy 1 and 2 say that their arrays are put together again."""

DEEPEST = 50
"""Containers within containers; a pickle can hold a list that holds itself."""


def load_plain(data: bytes) -> Any:
    """The arrays, numbers, text, dictionaries, lists, tuples and sets in a pickle.

    Nothing that the pickle names is imported. The few names that arrays need stand for functions
    of this module, which build arrays of numbers, text and Python objects from checked parts;
    NumPy's own could be made to read any memory.

    Raises:
        UnpicklingError: Anything else is named, or the parts of an array do not fit.

    Example:
        >>> load_plain(pickle.dumps({"a": np.arange(3)}))
        {'a': array([0, 1, 2])}
    """
    try:
        return _plain(_Unpickler(io.BytesIO(data)).load(), 0)
    except pickle.UnpicklingError:
        raise
    except (MemoryError, RecursionError) as error:
        raise pickle.UnpicklingError("it claims more than it can hold") from error
    except Exception as error:  # a damaged pickle can make its reader trip over anything
        raise pickle.UnpicklingError(f"it is damaged: {error}") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in MODULES and name in BUILDERS:
            return BUILDERS[name]
        if (module, name) in OTHERS:
            return OTHERS[module, name]
        raise pickle.UnpicklingError(f"it names {module}.{name}")


class _Kind:
    """Stands for a dtype while a pickle is read."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code: Any = code
        self.order: Any = "|"

    def __setstate__(self, state: Any) -> None:
        _, self.order, subarray, names, fields, *_ = state
        if subarray is not None or names is not None or fields is not None:
            raise pickle.UnpicklingError("it holds structured arrays")

    def dtype(self) -> np.dtype[Any]:
        """The dtype of numbers, text or objects that it stands for."""
        if not isinstance(self.code, str):
            raise pickle.UnpicklingError("it holds a dtype that is none")
        found: np.dtype[Any] = np.dtype(self.code)
        if found.kind not in "biufcSUO":
            raise pickle.UnpicklingError(f"it holds an array of {found}")
        return found if self.order in "|=" else found.newbyteorder(self.order)


class _Array:
    """Stands for an array while a pickle is read."""

    value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, content = state
        order = "F" if fortran else "C"
        if kind.dtype().hasobject:
            if not isinstance(content, list):
                raise pickle.UnpicklingError("it holds an array of objects without the objects")
            self.value = np.empty(len(content), object)
            for position, one in enumerate(content):
                self.value[position] = _plain(one, 0)
            self.value = self.value.reshape(shape, order=order)
        else:
            self.value = _numbers(content, kind, shape, order)


def _numbers(content: Any, kind: Any, shape: Any, order: Any = "C") -> Any:
    """An array from its bytes; never one of objects, which would be addresses."""
    dtype = kind.dtype()
    if dtype.hasobject or not isinstance(content, (bytes, bytearray)):
        raise pickle.UnpicklingError("it holds an array without its bytes")
    return np.frombuffer(content, dtype).reshape(shape, order=order).copy(order="K")


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _scalar(kind: Any, content: Any = None) -> Any:
    return _numbers(content, kind, (1,))[0]


def _named_only(*_: Any) -> None:
    raise pickle.UnpicklingError("it calls numpy.ndarray")


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes text as {encoding}")
    return text.encode("latin1")


BUILDERS: dict[str, Callable[..., Any]] = {
    "_reconstruct": _reconstruct,
    "scalar": _scalar,
    "_frombuffer": _numbers,
}
OTHERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _named_only,
    ("numpy", "dtype"): _Kind,
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encode,
}


def _plain(value: Any, depth: int) -> Any:
    """A value with the arrays themselves in the place of what stood for them."""
    if depth > DEEPEST:
        raise pickle.UnpicklingError("its containers lie too deep in each other")
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, dict):
        return {_plain(k, depth + 1): _plain(one, depth + 1) for k, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(_plain(one, depth + 1) for one in value)
    return value
