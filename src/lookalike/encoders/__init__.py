"""Pictures to vectors: encoders by name, their families, and the engines that run them."""

from __future__ import annotations

from fnmatch import fnmatchcase

from lookalike.encoders.catalogue import Entry
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import ENGINES, PRECISIONS, Runtime
from lookalike.encoders.families.family import Family, family_named, family_names
from lookalike.encoders.listing import Listing
from lookalike.encoders.name import EncoderName, parse_name

DEFAULT_ENCODER = "builtin"
"""What commands use when no model is named: its weights are in the package."""

__all__ = [
    "DEFAULT_ENCODER",
    "ENGINES",
    "PRECISIONS",
    "Encoder",
    "EncoderName",
    "Entry",
    "Family",
    "Listing",
    "Runtime",
    "family_named",
    "family_names",
    "load_encoder",
    "models",
    "parse_name",
]


def load_encoder(
    name: str = DEFAULT_ENCODER,
    *,
    engine: str | None = None,
    precision: str = "auto",
    device: str | None = None,
    threads: int | None = None,
    offline: bool = False,
    runtime: Runtime | None = None,
) -> Encoder:
    """An encoder by name, ready to run.

    Args:
        name: ``family:name[/variant][?key=value&...]``, e.g. ``builtin``, ``hash:phash``,
            ``onnx:net.onnx?preprocess=imagenet``, ``torchvision:resnet50?layer=layer3``.
        engine: ``openvino``, ``onnxruntime`` or ``torch``; chosen by family and device if None.
        precision: ``auto``, ``f32``, ``bf16`` or ``f16``.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; chosen if None.
        threads: CPU threads of the engine; all if None.
        offline: Never touch a network; missing weights are then an error that lists them.
        runtime: All of these wishes as one value, instead of one by one.

    Raises:
        UnknownNameError: Family, name or option; lists the nearest ones.
        MissingExtraError: Names the extra to install.
        MissingWeightsError: Names the files, their sources and where to put them.

    Example:
        >>> load_encoder("pixels").card.dim
        752
    """
    parsed = parse_name(name)
    runtime = runtime or Runtime(engine, precision, device, threads, offline)
    return family_named(parsed.family).load(parsed, runtime)


def models(pattern: str = "*") -> Listing:
    """What can be loaded by name, from the catalogue; builds and imports nothing heavy.

    Args:
        pattern: A shell pattern on the whole name; without wildcards, a part of it. Case does
            not matter.

    Returns:
        Entries by family, then in the order of the family's table. Empty if nothing matches.

    Example:
        >>> [entry.name for entry in models("dhash")]
        ['hash:dhash']
    """
    wanted = pattern.lower() if any(sign in pattern for sign in "*?[") else f"*{pattern.lower()}*"
    entries = (
        entry
        for family in family_names()
        for entry in family_named(family).entries()
        if fnmatchcase(entry.name.lower(), wanted)
    )
    return Listing(tuple(entries), pattern)
