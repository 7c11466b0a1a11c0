"""What an ONNX file says of itself, read without the onnx package.

Its properties, the names of its outputs, and the files that it keeps weights in. An exported
encoder carries its card there, and a digest of everything else in the file, so that a card is never
believed of another network.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lookalike.errors import CardError, WeightsError

PREFIX = "lookalike."
CARD, CONTENT, FORM, METRIC, INSTRUCTIONS = (
    PREFIX + name for name in ("card", "content", "form", "metric", "instructions")
)

_METADATA_PROPS = 14
"""Field of ONNX's ModelProto that holds key-value pairs."""

_GRAPH, _GRAPH_OUTPUT, _VALUE_NAME, _VALUE_TYPE = 7, 12, 1, 2
"""Fields of ModelProto, GraphProto and ValueInfoProto on the way to an output's name and type."""

_TENSOR_TYPE, _TYPES = 1, {1, 4, 5, 7, 8, 9}
"""Fields of TypeProto: that of an array, and those of all kinds."""

_EXTERNAL = re.compile(rb"\x0a\x08location\x12(?=([\x80-\xff]{0,4}[\x00-\x7f]))")
"""The pair whose key is ``location``, up to the length of its value: one byte in names of up to
127 bytes, more in longer ones."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Wire types of protocol buffers."""


def metadata(content: bytes) -> dict[str, str]:
    """The key-value pairs of an ONNX model.

    Args:
        content: Of the file.

    Raises:
        WeightsError: Not the encoding of an ONNX model.

    Example:
        >>> metadata(bytes([8, 8, 0x72, 6, 0x0A, 1]) + b"a" + bytes([0x12, 1]) + b"b")
        {'a': 'b'}
    """
    found = {}
    for number, _, value, end in _fields(content, 0, len(content)):
        if number == _METADATA_PROPS:
            pair = {
                part: content[first:last].decode("utf-8", "replace")
                for part, _, first, last in _fields(content, value, end)
            }
            found[pair.get(1, "")] = pair.get(2, "")
    return found


def output_names(content: bytes) -> tuple[str, ...]:
    """The names of an ONNX model's outputs, in order.

    Engines may know an output by the name of a value inside the network that it stands for.

    Args:
        content: Of the file.

    Raises:
        WeightsError: Not the encoding of an ONNX model.

    Example:
        >>> output_names(bytes([0x3A, 5, 0x62, 3, 0x0A, 1]) + b"f")
        ('f',)
    """
    return tuple(name for name, _ in _outputs(content))


def other_outputs(content: bytes) -> tuple[str, ...]:
    """The names of those outputs that are declared as something else than an array.

    Args:
        content: Of the file.

    Raises:
        WeightsError: Not the encoding of an ONNX model.

    Example:
        >>> other_outputs(bytes([0x3A, 9, 0x62, 7, 0x0A, 1]) + b"f" + bytes([0x12, 2, 0x22, 0]))
        ('f',)
    """
    return tuple(name for name, kinds in _outputs(content) if kinds - {_TENSOR_TYPE})


def _outputs(content: bytes) -> Iterator[tuple[str, set[int]]]:
    """Of each output the name, and the fields of its type."""
    for graph, _, start, end in _fields(content, 0, len(content)):
        for value, _, begin, stop in _fields(content, start, end) if graph == _GRAPH else ():
            if value != _GRAPH_OUTPUT:
                continue
            name, kinds = "", set()
            for part, _, first, last in _fields(content, begin, stop):
                if part == _VALUE_NAME:
                    name = content[first:last].decode("utf-8", "replace")
                elif part == _VALUE_TYPE:
                    kinds |= {kind for kind, *_ in _fields(content, first, last)}
            yield name, kinds & _TYPES


def external_files(content: bytes) -> set[str]:
    r"""Names of the external data files in the bytes of an ONNX model.

    Found by the encoding of the key-value pair ``location`` (tag, length, name) in the protobuf,
    wherever in the model it stands.

    Example:
        >>> external_files(b"...\n\x08location\x12\x06w.data...")
        {'w.data'}
        >>> external_files(b"...\n\x08location\x12\x80\x01" + b"w" * 128) == {"w" * 128}
        True
    """
    names = set()
    for found in _EXTERNAL.finditer(content):
        length, start = _varint(content, found.end(), len(content))
        names.add(content[start : start + length].decode("utf-8", "replace"))
    return names


def content_digest(content: bytes) -> str:
    """``sha256:...`` over a model without its key-value pairs, which may then name the digest."""
    digest = hashlib.sha256()
    for number, begin, _, end in _fields(content, 0, len(content)):
        if number != _METADATA_PROPS:
            digest.update(memoryview(content)[begin:end])
    return f"sha256:{digest.hexdigest()}"


def properties(
    card: Mapping[str, Any],
    form: str,
    metric: str,
    digest: str,
    instructions: str | None = None,
) -> dict[str, str]:
    """The key-value pairs of an exported encoder.

    Args:
        card: As plain values.
        form: Which form it was exported in.
        metric: Of the similarities that it gives; empty if it gives vectors.
        digest: `content_digest` of the model.
        instructions: Name of the instruction set that it was judged on; None is left out.
    """
    text = json.dumps(card, sort_keys=True)
    found = {CARD: text, CONTENT: digest, FORM: form, METRIC: metric}
    return found if instructions is None else {**found, INSTRUCTIONS: instructions}


def carried_card(content: bytes, where: str) -> dict[str, Any] | None:
    """The card in an exported file as plain values; None if the file carries none.

    Raises:
        CardError: The network in the file is not the one that the card came with.
        WeightsError: Not the encoding of an ONNX model.
    """
    found = metadata(content)
    if CARD not in found:
        return None
    if found.get(CONTENT) != content_digest(content):
        raise CardError(
            "the file was changed since it was exported, and the card in it is of another network",
            where=where,
            cure="export it anew, or take the card out of its metadata and state preprocess=NAME",
        )
    try:
        card = json.loads(found[CARD])
    except ValueError as error:
        raise CardError(f"the card in the file can't be read: {error}", where=where) from error
    if not isinstance(card, dict):
        raise CardError("the card in the file holds no keys and values", where=where)
    return card


def _fields(content: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Fields of a message: number, where the field begins, where its value does, where it ends."""
    position = start
    while position < end:
        begin = position
        tag, position = _varint(content, position, end)
        value = position
        kind = tag & 7
        if kind == _VARINT:
            _, position = _varint(content, position, end)
        elif kind == _BYTES:
            length, value = _varint(content, position, end)
            position = value + length
        elif kind in (_FIXED32, _FIXED64):
            position += 4 if kind == _FIXED32 else 8
        else:
            raise _broken()
        if position > end:
            raise _broken()
        yield tag >> 3, begin, value, position


def _varint(content: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 64:
        byte = content[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
    raise _broken()


def _broken() -> WeightsError:
    return WeightsError("this is no ONNX file, or one that is cut off", cure="export it again")
