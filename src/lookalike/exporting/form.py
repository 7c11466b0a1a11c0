"""The forms an encoder leaves in: vectors, or similarities with the metric inside the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lookalike.errors import UnknownNameError

Side = Literal["picture", "feature"]
Count = Literal["1", "N", "M"]


@dataclass(frozen=True)
class Port:
    """One input or output of a form.

    Attributes:
        name: As in the file.
        count: Length of its first axis: one, or the symbol of any number.
        holds: ``picture`` (pixels, normalised), ``feature`` (vectors) or ``similarity``.
        across: Length of the second axis of similarities: one, or a symbol.
    """

    name: str
    count: Count
    holds: Literal["picture", "feature", "similarity"]
    across: Count = "1"


@dataclass(frozen=True)
class Form:
    """Inputs and outputs of an exported file.

    Attributes:
        name: As the option spells it.
        published: How file names of the published exports spell it.
        inputs: The first is the base; a second one is the target.
        outputs: In order.
    """

    name: str
    published: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def compares(self) -> bool:
        """Whether it gives similarities."""
        return len(self.inputs) == 2

    @property
    def one_picture(self) -> bool:
        """Whether a single picture goes in at a time."""
        return [port.count for port in self.inputs if port.holds == "picture"] == ["1"]


def _form(name: str, published: str, base: Count, target: Count, side: Side) -> Form:
    one_base, one_target = base == "1", target == "1"
    base_port = Port("base_image" if one_base else "base_images", base, "picture")
    noun = "image" if side == "picture" else "feature"
    target_port = Port(f"target_{noun}" + ("" if one_target else "s"), target, side)
    single = one_base and one_target
    similarity = Port("similarity" if single else "similarities", base, "similarity", target)
    if side == "picture":
        return Form(name, published, (base_port, target_port), (similarity,))
    feature = Port("base_feature" if one_base else "base_features", base, "feature")
    return Form(name, published, (base_port, target_port), (feature, similarity))


FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form(
            "embed",
            "N",
            (Port("base_images", "N", "picture"),),
            (Port("features", "N", "feature"),),
        ),
        Form(
            "embed-1",
            "1",
            (Port("base_image", "1", "picture"),),
            (Port("feature", "1", "feature"),),
        ),
        _form("1:1", "11", "1", "1", "picture"),
        _form("1:N", "1N", "1", "N", "picture"),
        _form("N:M", "NM", "N", "M", "picture"),
        _form("features-1:1", "11_feature_only", "1", "1", "feature"),
        _form("features-1:N", "1N_feature_only", "1", "N", "feature"),
        _form("features-N:M", "NM_feature_only", "N", "M", "feature"),
    )
}
"""Every form by name. ``N:M`` compares N base pictures with M target pictures; in the ``features-``
forms the target is vectors that were made before. Names of inputs and outputs, and of axes, are
those of the published re-identification exports."""


def form_named(name: str) -> Form:
    """A form by name.

    Raises:
        UnknownNameError: Lists the names.

    Example:
        >>> [port.name for port in form_named("features-N:M").inputs]
        ['base_images', 'target_features']
    """
    if name not in FORMS:
        raise UnknownNameError("form", name, FORMS)
    return FORMS[name]
