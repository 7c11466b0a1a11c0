from typing import Any

import pytest

from lookalike.errors import UnknownNameError
from lookalike.exporting import FORMS
from lookalike.exporting.form import Port, form_named

PICTURE, FEATURE, SIMILARITY = "picture", "feature", "similarity"

# R24. Where the published files call an axis of known size by a symbol ("1", "D"), it is a number
# here: a count of one, and the length of a vector.
EXPECTED: dict[str, tuple[str, list[Any], list[Any]]] = {
    "embed": ("N", [("base_images", "N", PICTURE)], [("features", "N", FEATURE)]),
    "embed-1": ("1", [("base_image", "1", PICTURE)], [("feature", "1", FEATURE)]),
    "1:1": (
        "11",
        [("base_image", "1", PICTURE), ("target_image", "1", PICTURE)],
        [("similarity", "1", SIMILARITY, "1")],
    ),
    "1:N": (
        "1N",
        [("base_image", "1", PICTURE), ("target_images", "N", PICTURE)],
        [("similarities", "1", SIMILARITY, "N")],
    ),
    "N:M": (
        "NM",
        [("base_images", "N", PICTURE), ("target_images", "M", PICTURE)],
        [("similarities", "N", SIMILARITY, "M")],
    ),
    "features-1:1": (
        "11_feature_only",
        [("base_image", "1", PICTURE), ("target_feature", "1", FEATURE)],
        [("base_feature", "1", FEATURE), ("similarity", "1", SIMILARITY, "1")],
    ),
    "features-1:N": (
        "1N_feature_only",
        [("base_image", "1", PICTURE), ("target_features", "N", FEATURE)],
        [("base_feature", "1", FEATURE), ("similarities", "1", SIMILARITY, "N")],
    ),
    "features-N:M": (
        "NM_feature_only",
        [("base_images", "N", PICTURE), ("target_features", "M", FEATURE)],
        [("base_features", "N", FEATURE), ("similarities", "N", SIMILARITY, "M")],
    ),
}


def test_the_forms_are_those_that_were_published() -> None:
    assert {name: (form.published, form.inputs, form.outputs) for name, form in FORMS.items()} == {
        name: (
            published,
            tuple(Port(*port) for port in inputs),
            tuple(Port(*port) for port in outputs),
        )
        for name, (published, inputs, outputs) in EXPECTED.items()
    }


def test_a_form_knows_its_name_and_whether_it_compares() -> None:
    assert [name for name, form in FORMS.items() if form.name != name] == []
    assert [name for name, form in FORMS.items() if not form.compares] == ["embed", "embed-1"]


def test_an_unknown_form_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean features-N:M"):
        form_named("feature-N:M")
    assert form_named("N:M") is FORMS["N:M"]


def test_which_forms_take_one_picture() -> None:
    alone = {name for name, form in FORMS.items() if form.one_picture}
    assert alone == {"embed-1", "features-1:1", "features-1:N"}
