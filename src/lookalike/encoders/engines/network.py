"""What an engine is given: a network in one of two forms, and the wishes for running it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    """A network in an ONNX file.

    Attributes:
        path: Of the file.
        outside: Names of the external data files beside it.
        outputs: Names of its outputs, in order; empty to call them as the engine does.
    """

    path: Path
    outside: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


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
        shape: Of that output with the batch axis, if it is known from a run; a file may say
            nothing about it, or something else.
        singly: Whether it gives the right vectors for one picture at a time only.
    """

    network: Network
    output: int
    pooling: str
    shape: tuple[int, ...] | None = None
    singly: bool = False


def check_inputs(count: int, path: Path) -> None:
    """Raise `WeightsError` for a file that takes more than pictures to be embedded.

    Args:
        count: How many inputs it has.
        path: Of the file.
    """
    if count == 0:
        raise WeightsError(
            "the network has no input for a picture", where=str(path), cure="export it again"
        )
    if count != 1:
        raise WeightsError(
            f"the network has {count} inputs, and an encoder has one: it seems to compare",
            where=str(path),
            cure="take an export that gives vectors",
        )


def run_error(
    engine: str, count: int, outputs: Sequence[str], reason: str, network: OnnxFile
) -> WeightsError:
    """What to raise where an engine fails on some pictures.

    Args:
        engine: Its name.
        count: How many pictures.
        outputs: Names of the outputs that were asked for.
        reason: What the engine says.
        network: What it ran.
    """
    pictures = f"{count} picture{'s' * (count > 1)}"
    return WeightsError(
        f"{engine} can't make {', '.join(outputs)} from {pictures}: {reason}",
        where=str(network.path),
        cure="export the network for pictures of this size, with a row for each in what it gives",
    )


def as_floats(output: Array, name: str) -> Array:
    """An output in float32, whatever numbers a network gives.

    Raises:
        WeightsError: Text or complex numbers.
    """
    if output.dtype.kind not in "biuf":
        raise WeightsError(
            f"the output {name} holds {output.dtype.name}, and a vector holds numbers",
            cure="take another output",
        )
    with np.errstate(over="ignore"):  # what does not fit is not finite, and has its reason
        return np.array(output, np.float32)


def in_batches_of(
    size: int,
    run: Callable[[Array], list[Array]],
    batch: Array,
    names: Sequence[str],
    *,
    singly: bool = False,
) -> list[Array]:
    """Run a network on a batch of any length, and make sure that each picture gets its row.

    Args:
        size: The fixed length of its batch axis; -1 for a network that takes any.
        run: Takes exactly ``size`` inputs, bytes or floats.
        batch: (N, ...); the last part is filled up with zeros, whose outputs are dropped.
        names: Of the outputs, for the message.
        singly: Whether each input runs without others; a fixed length is filled with copies.

    Raises:
        WeightsError: An output that does not have one row for each input.

    Example:
        >>> import numpy as np
        >>> double = lambda part: [part[:, None] * 2]
        >>> in_batches_of(2, double, np.arange(3), ["f"])[0].ravel().tolist()
        [0, 2, 4]
    """
    if not singly and size in (-1, len(batch)):
        return _rows(run(batch), len(batch), names)
    step = 1 if singly else size
    parts = []
    for start in range(0, len(batch), step):
        part = batch[start : start + step]
        if singly:
            whole = np.repeat(part, max(size, 1), axis=0)
        else:
            filling = np.zeros((size - len(part), *batch.shape[1:]), batch.dtype)
            whole = np.concatenate([part, filling])
        outputs = _rows(run(whole), len(whole), names)
        parts.append([output[: len(part)] for output in outputs])
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def _rows(outputs: list[Array], count: int, names: Sequence[str]) -> list[Array]:
    """Outputs with a first axis of pictures, where they are right but for axes of one.

    What a network gives for one picture is that picture's, whatever axes it has left out.
    """
    found = []
    for output, name in zip(outputs, names, strict=True):
        if output.ndim == 1 and len(output) == count > 1:
            output = output[:, None]
        elif output.ndim < 2 and count == 1:
            output = output.reshape(1, -1)
        if output.ndim < 2 or len(output) != count:
            raise WeightsError(
                f"the output {name} has the shape {spoken(output.shape)} for {count} "
                f"picture{'s' * (count > 1)}, and has to have one row for each",
                cure="take another output, or export the network with the batch as first axis "
                "of what it gives",
            )
        found.append(output)
    return found


def spoken(shape: Sequence[int]) -> str:
    """A shape in words.

    Example:
        >>> spoken((-1, 3, 224, 224)), spoken(())
        ('N x 3 x 224 x 224', '() (a single number)')
    """
    told = " x ".join(
        "N" if size == -1 and not at else "?" if size == -1 else str(size)
        for at, size in enumerate(shape)
    )
    return told or "() (a single number)"


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
    def input_type(self) -> str:
        """What the input holds, by NumPy's names: ``float32``, ``uint8``, ..."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said of how it was opened."""
        ...

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """Output name → shape with the batch axis, unknown sizes as -1, in order."""
        ...

    def take(self, preprocess: Preprocess, *, singly: bool = False) -> None:
        """Make it ready for pictures that are sized, and still have to be normalised.

        Args:
            preprocess: How they are normalised; what comes out fits `input_type`.
            singly: Whether each picture runs without others, whatever batches come.
        """
        ...

    def run(self, batch: Array, outputs: tuple[str, ...]) -> list[Array]:
        """(N, H, W, 3) uint8 RGB → the named outputs (N, ...), float32.

        Raises:
            DeviceMemoryError: The batch does not fit into the device's memory.
            WeightsError: The network can't be run on it, or does not give a row per picture.
        """
        ...
