"""``onnx:FILE``: any network in an ONNX file, with its card beside it or in its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lookalike.embeddings import Card
from lookalike.embeddings.card import read_yaml
from lookalike.encoders.catalogue import Entry
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Engine, OnnxFile, Runtime, open_engine
from lookalike.encoders.families.network import network_encoder
from lookalike.encoders.file_kind import refuse_foreign
from lookalike.encoders.name import EncoderName
from lookalike.encoders.onnx_metadata import (
    FORM,
    carried_card,
    external_files,
    metadata,
    other_outputs,
    output_names,
)
from lookalike.encoders.pooling import POOLINGS
from lookalike.errors import (
    CardError,
    MissingWeightsError,
    UnknownNameError,
    UsageError,
    WeightsError,
)
from lookalike.images import PRESETS, Preprocess
from lookalike.images.presets import OPTIONS, from_options
from lookalike.images.validation import validated

DESCRIPTION = ("licence", "params", "gflops", "acc1", "acc5", "source", "figures", "weights_tag")
IR_VERSION = b"\x08"
"""The first byte of every ONNX file: the tag of its first field."""


class Onnx:
    """The family; see `load`."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """An encoder from an ONNX file.

        Options: ``output`` (one name, or several with commas; needed if the file has several),
        ``pooling``, and those of the preprocessing. What the options leave open is taken from
        ``FILE.yaml`` (see `Stated`). A file that `export` made carries its encoder's card, and is
        the same encoder again, with the same fingerprint; only its preprocessing can be changed.

        Raises:
            MissingWeightsError: No such file.
            CardError: The card says something impossible, or names other weights.
            WeightsError: The file is something else, can't be run, or gives no row for a picture.
            UsageError: Neither options nor card state the preprocessing; it is never guessed.
        """
        name.allow({"output", "pooling", *OPTIONS})
        path = Path(name.rest)
        if not path.is_file():
            raise MissingWeightsError(f"there is no ONNX file {name.rest!r}", where=name.text)
        content = path.read_bytes()
        refuse_foreign(content, str(path))
        carried = carried_card(content, str(path))
        if carried is not None:
            return _exported(name, path, content, carried, runtime)
        digest, outside = digest_and_files(path, content)
        beside = path.with_name(path.name + ".yaml")
        stated = _read_card(beside)
        preprocess = _preprocess(name, stated, beside)
        if stated.weights not in (None, digest):
            raise CardError(
                f"the card is of other weights: {stated.weights}, the file has {digest}",
                where=str(beside),
            )
        _check_arrays(name, stated, content)
        names = tuple(sorted(external_files(content)))
        engine = open_engine(OnnxFile(path, names, output_names(content)), runtime)
        outputs = _outputs(name, stated, engine)
        card = Card(
            algorithm="onnx",
            weights=digest,
            layer="",
            pooling=name.choice("pooling", POOLINGS, stated.pooling),
            preprocess=preprocess,
            dim=0,
            name=name.text,
            **{key: getattr(stated, key) for key in DESCRIPTION},
        )
        files = (str(path), str(beside), *map(str, outside))
        return network_encoder(card, engine, outputs, outputs, files=files, trial=True)

    def entries(self) -> Iterable[Entry]:
        """One line: any file can be loaded, none is known by name."""
        return [Entry(name="onnx:FILE", source="any ONNX file, with FILE.yaml beside it")]


def encoder_of(
    path: Path, options: dict[str, str] | None = None, runtime: Runtime | None = None
) -> Encoder:
    """The encoder of a file, whatever signs stand in its path.

    Args:
        path: Of the file.
        options: As in an encoder's name.
        runtime: Engine, precision, device.
    """
    told = "&".join(f"{key}={value}" for key, value in (options or {}).items())
    text = f"onnx:{path}" + f"?{told}" * bool(told)
    return FAMILY.load(EncoderName(text, "onnx", str(path), options or {}), runtime or Runtime())


def _exported(
    name: EncoderName,
    path: Path,
    content: bytes,
    carried: dict[str, Any],
    runtime: Runtime,
) -> Encoder:
    """An encoder from a file that carries its card, and is whole: none of it lies outside."""
    form = metadata(content).get(FORM, "")
    if form not in ("embed", "embed-1"):
        raise UsageError(
            f"the file compares pictures (form {form}) and gives no vectors",
            where=name.text,
            cure="export the encoder with --form embed",
        )
    name.allow(OPTIONS)
    card = Card.from_dict(carried, where=str(path))
    preprocess = from_options(name.options, card.preprocess)
    assert preprocess is not None
    engine = open_engine(OnnxFile(path, outputs=output_names(content)), runtime)
    outputs = list(engine.outputs)
    told = replace(card, name=name.text)
    if preprocess != card.preprocess:  # nothing is known of what its numbers say then
        told = replace(told, preprocess=preprocess, verdict=None, acc1=None, acc5=None)
    return network_encoder(
        told, engine, outputs, [card.layer], files=(str(path),), whole=True, trial=True
    )


@dataclass(frozen=True)
class Stated:
    """What ``FILE.yaml`` may say about a network.

    Attributes:
        preprocess: A preset's name, or the fields of a `Preprocess`.
        output: Name of the output, or several.
        pooling: As in an encoder's name.
        weights: ``sha256:...`` of the file it describes; another file is then refused.
        licence: And what follows: as in a `Card`.
    """

    preprocess: str | dict[str, Any] | None = None
    output: str | list[str] | None = None
    pooling: str = "auto"
    weights: str | None = None
    licence: str = ""
    params: int | None = None
    gflops: float | None = None
    acc1: float | None = None
    acc5: float | None = None
    source: str = ""
    figures: str = ""
    weights_tag: str = ""


def _read_card(path: Path) -> Stated:
    if not path.exists():
        return Stated()
    try:
        return validated(Stated, read_yaml(path), where=str(path))
    except UsageError as error:
        raise CardError(error.what, where=error.where, cure=error.cure) from error


def _preprocess(name: EncoderName, stated: Stated, beside: Path) -> Preprocess:
    start = None
    if isinstance(stated.preprocess, str):
        start = from_options({"preprocess": stated.preprocess}, None)
    elif stated.preprocess is not None:
        start = Preprocess.from_dict(stated.preprocess, where=str(beside))
    preprocess = from_options(name.options, start)
    if preprocess is None:
        raise UsageError(
            "nothing says how pictures are prepared for this network",
            where=name.text,
            cure=f"add ?preprocess=NAME (one of {', '.join(PRESETS)}), and &output=NAME if it has "
            f"several outputs; or write {beside}",
        )
    return preprocess


def _outputs(name: EncoderName, stated: Stated, engine: Engine) -> list[str]:
    asked = name.options.get("output", stated.output)
    if not engine.outputs:
        raise WeightsError("the network has no output", where=name.text, cure="export it again")
    if asked is None:
        if len(engine.outputs) > 1:
            raise UsageError(
                "the network has several outputs",
                where=name.text,
                cure="add output=NAME, one of " + ", ".join(engine.outputs),
            )
        return list(engine.outputs)
    outputs = _listed(asked)
    for output in outputs:
        if output not in engine.outputs:
            raise UnknownNameError(f"output of {name.rest}", output, engine.outputs)
    return outputs


def _listed(outputs: str | list[str]) -> list[str]:
    return outputs.split(",") if isinstance(outputs, str) else outputs


def _check_arrays(name: EncoderName, stated: Stated, content: bytes) -> None:
    """Raise `WeightsError` where what is asked for is no array, before an engine stumbles."""
    asked = name.options.get("output", stated.output)
    wanted = output_names(content) if asked is None else _listed(asked)
    others = [one for one in other_outputs(content) if one in wanted]
    if others and (asked is not None or len(wanted) == 1):
        raise WeightsError(
            f"the output {', '.join(others)} is a sequence, a map or an "
            "optional value, and not an array",
            where=name.text,
            cure="take another output, or export the network with an array",
        )


def file_digest(path: Path) -> str:
    """``sha256:...`` over an ONNX file and the external weights files that it names."""
    return digest_and_files(path, path.read_bytes())[0]


def digest_and_files(path: Path, content: bytes) -> tuple[str, list[Path]]:
    """See `file_digest`; and the external weights files, by one reading of each."""
    refuse_foreign(content, str(path))
    if not content.startswith(IR_VERSION):
        raise WeightsError(
            "this is no ONNX file", where=str(path), cure="export the network to ONNX first"
        )
    digest = hashlib.sha256(content)
    files = []
    for location in sorted(external_files(content)):
        if Path(location).is_absolute() or ".." in Path(location).parts:
            raise WeightsError(
                f"the ONNX file keeps weights in {location!r}, outside of its folder",
                where=str(path),
                cure="save it again with its external data beside it",
            )
        outside = path.parent / location
        files.append(outside)
        if not outside.is_file():
            raise MissingWeightsError(
                f"the ONNX file keeps weights in {location!r}, which is not beside it",
                where=str(path),
                cure=f"put that file at {outside}, under this very name",
            )
        digest.update(location.encode())
        with outside.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}", files


FAMILY = Onnx()
