"""Which models: names, patterns, published lists and filters to encoders' names."""

from __future__ import annotations

import glob
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase

from lookalike.encoders import Encoder, Entry, family_named, family_names, models, parse_name
from lookalike.errors import UnknownNameError, UsageError
from lookalike.tables.published import published_columns

PUBLISHED, ALL, FILES = "@published", "@all-", "onnx:"


@dataclass(frozen=True)
class Filters:
    """Bounds on what the catalogue says; they narrow patterns and lists, never names.

    Attributes:
        max_gflops: Most multiply-accumulates for one picture, in 10^9.
        max_params: Most parameters, in millions.
        max_dim: Longest vector.
        min_acc1: Least published ImageNet top-1 accuracy, in per cent.
    """

    max_gflops: float | None = None
    max_params: float | None = None
    max_dim: int | None = None
    min_acc1: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            bound = getattr(self, field.name)
            if bound is not None and not 0 <= bound < math.inf:
                raise UsageError(f"{field.name}={bound} is no bound", cure="a number from 0 on")

    @property
    def given(self) -> bool:
        """Whether there is any bound."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    def refuses(self, entry: Entry) -> str:
        """The bound that leaves an entry out, in words; empty if none does."""
        millions = None if entry.params is None else entry.params / 1e6
        for name, bound, figure, sign in (
            ("max_gflops", self.max_gflops, entry.gflops, 1),
            ("max_params", self.max_params, millions, 1),
            ("max_dim", self.max_dim, entry.dim, 1),
            ("min_acc1", self.min_acc1, entry.acc1, -1),
        ):
            if bound is not None and figure is None:
                return f"{name}: the catalogue has no figure"
            if bound is not None and figure is not None and sign * figure > sign * bound:
                return f"{name}={bound:g}"
        return ""


@dataclass(frozen=True)
class Selection:
    """The models of a table, in order, each once.

    Attributes:
        models: Names of encoders, or encoders.
        notes: What the filters left out.
    """

    models: tuple[str | Encoder, ...]
    notes: tuple[str, ...] = ()


def select(specs: Sequence[str | Encoder], filters: Filters | None = None) -> Selection:
    """Encoders from what names them.

    Args:
        specs: Encoders' names; patterns on the catalogue's names with ``*`` or ``[``, such as
            ``torchvision:regnet_*``, or on files, ``onnx:nets/*.onnx``; ``@published``, the 49
            columns of the published tables with the embedding taken as there; ``@all-FAMILY``,
            every architecture of a family with its default weights. Options behind a ``?`` go to
            every encoder of a pattern or list.
            Nothing stands for ``@all-torchvision`` where there are filters.
        filters: Narrow what patterns and lists give.

    Raises:
        UsageError: Nothing is named or nothing left.
        UnknownNameError: A list, a family or a pattern that matches nothing.

    Example:
        >>> select(["pixels", "torchvision:vgg13*?weights=random"]).models[1:]
        ('torchvision:vgg13/IMAGENET1K_V1?weights=random', \
'torchvision:vgg13_bn/IMAGENET1K_V1?weights=random')
    """
    filters = filters or Filters()
    if not specs and not filters.given:
        raise UsageError(
            "no model was named",
            cure="--models NAME..., a pattern, @published, @all-torchvision, or filters",
        )
    chosen: dict[str | Encoder, None] = {}
    left_out: dict[str, int] = {}
    for spec in specs or (f"{ALL}torchvision",):
        if isinstance(spec, Encoder) or not _is_wide(spec):
            if isinstance(spec, str):
                _check_named(spec)
            chosen[spec] = None
            continue
        for name, entry in _wide(spec):
            refused = filters.refuses(entry) if entry else ""
            if refused:
                left_out[refused] = left_out.get(refused, 0) + 1
            else:
                chosen[name] = None
    notes = tuple(f"left out by {bound}: {count}" for bound, count in sorted(left_out.items()))
    if not chosen:
        raise UsageError("the filters leave no model", where="; ".join(notes))
    return Selection(tuple(chosen), notes)


def _check_named(spec: str) -> None:
    """A misspelt family is said before any work, and so is a table in the place of a model."""
    if spec.lower().endswith(".csv") and os.path.isfile(spec):
        raise UsageError(
            "this is a table of pairs and no model", where=spec, cure="name it before the models"
        )
    family_named(parse_name(spec).family)


def _is_wide(spec: str) -> bool:
    """Whether a spec may stand for several encoders."""
    body = spec.partition("?")[0]
    is_file = body.startswith(FILES) and os.path.lexists(body.removeprefix(FILES))
    return spec.startswith("@") or (not is_file and bool(set("*[") & set(body)))


def _wide(spec: str) -> Iterator[tuple[str, Entry | None]]:
    body, _, options = spec.partition("?")
    if body == PUBLISHED:
        return _published(options)
    if body.startswith(ALL):
        return _family(body.removeprefix(ALL), options)
    if body.startswith("@"):
        raise UnknownNameError("list of models", body, [PUBLISHED, *_lists()])
    if body.startswith(FILES):
        return _files(body.removeprefix(FILES), options)
    return _pattern(body, options)


def _files(pattern: str, options: str) -> Iterator[tuple[str, None]]:
    """ONNX files that match, which no catalogue knows."""
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise UsageError("the pattern matches nothing", where=pattern)
    for path in found:
        yield _with_options(f"{FILES}{path}", options), None


def _lists() -> list[str]:
    return [f"{ALL}{family}" for family in family_names()]


def _published(options: str) -> Iterator[tuple[str, Entry]]:
    """The published columns; their way of taking the embedding unless the options say another."""
    if not re.search(r"(^|&)(embedding|layer|pooling)=", options):
        options = "&".join(filter(None, (options, "embedding=published")))
    entries = {entry.name: entry for entry in models("torchvision:*")}
    for column in published_columns():
        name = f"torchvision:{column.model}/{column.weights}"
        yield _with_options(name, options), entries[name]


def _family(family: str, options: str) -> Iterator[tuple[str, Entry]]:
    seen: set[str] = set()
    if family not in family_names():
        raise UnknownNameError("list of models", f"{ALL}{family}", [PUBLISHED, *_lists()])
    for entry in family_named(family).entries():
        if entry.architecture not in seen:
            seen.add(entry.architecture)
            yield _with_options(entry.name, options), entry


def _pattern(pattern: str, options: str) -> Iterator[tuple[str, Entry]]:
    found = [entry for entry in models() if fnmatchcase(entry.name.lower(), pattern.lower())]
    if not found:
        known = {entry.architecture for entry in models()}
        raise UnknownNameError("model", pattern, known, cure="lookalike models lists all")
    for entry in found:
        yield _with_options(entry.name, options), entry


def _with_options(name: str, options: str) -> str:
    return f"{name}?{options}" if options else name


def catalogue_entry(name: str) -> Entry | None:
    """What the catalogue says about an encoder, of its default weights if none are named.

    Example:
        >>> catalogue_entry("torchvision:resnet50?weights=random").weights
        'IMAGENET1K_V2'
    """
    try:
        parsed = parse_name(name)
    except UsageError:  # an encoder in hand may be called anything
        return None
    bare = name.partition("?")[0]
    if parsed.family not in family_names():
        return None
    entries = list(family_named(parsed.family).entries())
    exact = next((entry for entry in entries if entry.name == bare), None)
    return exact or next((one for one in entries if one.architecture == parsed.rest), None)
