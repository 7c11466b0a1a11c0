"""Every error a user can meet: what is wrong, where, and what to do now.

The exit code of the command line is an attribute of the error's class: 2 wrong use, 3 something
needed is missing, 4 refused. Each class is also the built-in exception a caller would expect.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class LookalikeError(Exception):
    """An error with three parts, shown to users without a traceback.

    Args:
        what: What is wrong, a sentence without a full stop.
        where: The file, row or option it is about; may be empty.
        cure: What to do now; may be empty.

    Example:
        >>> print(LookalikeError("the size is negative", where="size=-1", cure="give a size >= 1"))
        the size is negative (size=-1). Cure: give a size >= 1
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", cure: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.cure = cure

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        cure = f". Cure: {self.cure}" if self.cure else ""
        return f"{self.what}{where}{cure}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travels between processes whole, whatever its class asks for when it is made."""
        return _restored, (type(self), self.__dict__)


def _restored(kind: type[LookalikeError], state: Any) -> LookalikeError:
    parts = {"where": state["where"], "cure": state["cure"]}
    if kind.__init__ is LookalikeError.__init__:
        error = kind(state["what"], **parts)
    else:  # a class that asks for other things when it is made
        error = kind.__new__(kind, state["what"])
        LookalikeError.__init__(error, state["what"], **parts)
    error.__dict__.update(state)
    return error


class UsageError(LookalikeError, ValueError):
    """An option, a name or an argument is not what the call takes."""


class UnknownNameError(UsageError, LookupError):
    """A name that nothing answers to; lists the nearest ones that exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, cure: str = "") -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=5, cutoff=0.5)
        if near:
            hint = "did you mean " + " or ".join(near) + "?"
        elif 0 < len(names) <= 40:
            hint = "known: " + ", ".join(names)
        else:
            hint = ""
        super().__init__(f"unknown {kind} {name!r}", cure="; ".join(filter(None, (hint, cure))))
        self.near = near


class VectorError(UsageError):
    """Vectors of the wrong shape, of unequal length, or with values that are not finite."""


class MissingExtraError(LookalikeError, ImportError):
    """An optional package is not installed, or does not load."""

    exit_code = 3


class MissingWeightsError(LookalikeError, FileNotFoundError):
    """Weights are not on this machine, and may not or could not be fetched."""

    exit_code = 3


class MissingDeviceError(LookalikeError, RuntimeError):
    """The device or precision asked for does not exist on this machine."""

    exit_code = 3


class DeviceMemoryError(LookalikeError, MemoryError):
    """A network does not fit into the memory of its device together with its input."""

    exit_code = 3


class WeightsError(LookalikeError, ValueError):
    """A weights file that does not fit the network it was given for."""


class CardError(LookalikeError, ValueError):
    """A card or preprocessing file that says something impossible."""


class FingerprintError(LookalikeError, ValueError):
    """Vectors of different encoders were brought together."""

    exit_code = 4


class OverwriteError(LookalikeError, FileExistsError):
    """A file would have been overwritten."""

    exit_code = 4


class StoreError(LookalikeError, ValueError):
    """A store that is none, is damaged, is in use by another process, or can't be written."""


class EngineWarning(UserWarning):
    """Vectors were made by an engine that did not agree with its reference."""


class NotEnoughDataError(LookalikeError, ValueError):
    """A rate or a threshold that so few pairs, or such pairs, can't tell."""

    exit_code = 4


class LostRowsError(LookalikeError, RuntimeError):
    """Inputs went in, and not exactly one row came out for each; whole shards stay as they are."""

    exit_code = 4


class StrictError(LookalikeError, ValueError):
    """Some inputs have no vector, and ``strict`` was asked for."""

    exit_code = 4
