"""What an engine is given: a network in one of two forms, and the wishes for running it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UnknownNameError, WeightsError
from lookalike.images import Preprocess

if TYPE_CHECKING:
    import torch

Array: TypeAlias = "NDArray[Any]"
EngineName = Literal["openvino", "onnxruntime", "torch"]
ENGINES: tuple[str, ...] = get_args(EngineName)
Precision = Literal["auto", "f32", "bf16", "f16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)


@dataclass(frozen=True)
class Runtime:
    """Wishes for running a network, as options and commands spell them.

    Attributes:
        engine: One of `ENGINES`; None for the family's default on the device.
        precision: One of `PRECISIONS`. ``auto`` is f32 on a CPU, so that numbers are the same on
            every machine, and bf16 on a CUDA device that has it.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ``GPU`` (OpenVINO); None to choose.
        threads: CPU threads of the engine; None for all.
        offline: Whether touching a network, to fetch weights, is forbidden.
        batch: Pictures per run that the network is made ready for, which is quicker on long work;
            shorter runs are filled up. None for any number.

    Raises:
        UnknownNameError: No such engine or precision.
    """

    engine: str | None = None
    precision: str = "auto"
    device: str | None = None
    threads: int | None = None
    offline: bool = False
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.engine is not None and self.engine not in ENGINES:
            raise UnknownNameError("engine", self.engine, ENGINES)
        if self.precision not in PRECISIONS:
            raise UnknownNameError("precision", self.precision, PRECISIONS)


@dataclass(frozen=True)
class OnnxFile:
    """A network in an ONNX file."""

    path: Path


@dataclass(frozen=True, eq=False)
class TorchNetwork:
    """A network as a torch module that returns a tuple of layer outputs.

    Attributes:
        module: In evaluation mode.
        input_shape: (C, H, W) of one picture.
        cache_key: Names a converted form in the cache; None keeps none (random weights).
    """

    module: torch.nn.Module
    input_shape: tuple[int, int, int]
    cache_key: str | None


Network: TypeAlias = "OnnxFile | TorchNetwork"


@dataclass(frozen=True, eq=False)
class Wiring:
    """What lies between prepared pictures and the vectors of an encoder with one layer.

    Attributes:
        network: What runs.
        output: The position of its output that is taken.
        pooling: How that becomes a vector, with nothing left to choose.
    """

    network: Network
    output: int
    pooling: str


def check_inputs(count: int, path: Path) -> None:
    """Raise `WeightsError` for a file that takes more than pictures to be embedded.

    Args:
        count: How many inputs it has.
        path: Of the file.
    """
    if count != 1:
        raise WeightsError(
            f"the network has {count} inputs, and an encoder has one: it seems to compare",
            where=str(path),
            cure="take an export that gives vectors",
        )


def in_batches_of(size: int, run: Callable[[Array], list[Array]], batch: Array) -> list[Array]:
    """Run a network whose batch axis is fixed, on a batch of any length.

    Args:
        size: The fixed length; -1 for a network that takes any.
        run: Takes exactly ``size`` inputs, bytes or floats.
        batch: (N, ...); the last part is filled up with zeros, whose outputs are dropped.

    Example:
        >>> import numpy as np
        >>> double = lambda part: [part * 2]
        >>> in_batches_of(2, double, np.arange(3))[0].tolist()
        [0, 2, 4]
    """
    if size in (-1, len(batch)):
        return run(batch)
    parts = []
    for start in range(0, len(batch), size):
        part = batch[start : start + size]
        missing = np.zeros((size - len(part), *batch.shape[1:]), batch.dtype)
        outputs = run(np.concatenate([part, missing]))
        parts.append([output[: len(part)] for output in outputs])
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


class Engine(Protocol):
    """A network ready to run.

    Its shapes are known once it is opened; `take` says how pictures become its input, and from
    then on it can `run`.
    """

    @property
    def network(self) -> Network:
        """What it runs."""
        ...

    @property
    def runtime(self) -> Runtime:
        """What it was opened with."""
        ...

    @property
    def streams(self) -> int:
        """How many threads may call `run` at once with profit; 1 if it must be one at a time."""
        ...

    @property
    def batch(self) -> int | None:
        """Pictures per run that suit it best; None if it does not matter."""
        ...

    @property
    def label(self) -> str:
        """Engine, effective precision and device, e.g. ``openvino f32 on CPU``."""
        ...

    @property
    def asked(self) -> str:
        """The precision that was asked for, ``auto`` resolved."""
        ...

    @property
    def precision(self) -> str:
        """The precision in effect, ``f32``, ``bf16`` or ``f16``."""
        ...

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the input with the batch axis, unknown sizes as -1."""
        ...

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """Output name → shape with the batch axis, unknown sizes as -1, in order."""
        ...

    def take(self, preprocess: Preprocess) -> None:
        """Make it ready for pictures that are sized, and still have to be normalised."""
        ...

    def run(self, batch: Array, outputs: tuple[str, ...]) -> list[Array]:
        """(N, H, W, 3) uint8 RGB → the named outputs, float32.

        Raises:
            DeviceMemoryError: The batch does not fit into the device's memory.
        """
        ...
