import builtins
import pickle

import pytest

from lookalike import errors
from lookalike.errors import LookalikeError, UnknownNameError, UsageError, WeightsError

# class → its exit code, and the built-in exception a caller would expect
PROMISED: dict[str, tuple[int, type[BaseException]]] = {
    "LookalikeError": (2, Exception),
    "UsageError": (2, ValueError),
    "UnknownNameError": (2, LookupError),
    "VectorError": (2, ValueError),
    "MissingExtraError": (3, ImportError),
    "MissingWeightsError": (3, FileNotFoundError),
    "MissingDeviceError": (3, RuntimeError),
    "DeviceMemoryError": (3, MemoryError),
    "StoreError": (2, ValueError),
    "WeightsError": (2, ValueError),
    "CardError": (2, ValueError),
    "FingerprintError": (4, ValueError),
    "OverwriteError": (4, FileExistsError),
    "NotEnoughDataError": (4, ValueError),
    "StrictError": (4, ValueError),
    "LostRowsError": (4, RuntimeError),
}


CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, LookalikeError)
]


def test_every_error_is_promised_here() -> None:
    assert {one.__name__ for one in CLASSES} == set(PROMISED)


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_has_its_exit_code_and_its_built_in_class(error: type[LookalikeError]) -> None:
    code, base = PROMISED[error.__name__]
    assert error.exit_code == code
    assert issubclass(error, base)
    assert base.__name__ in vars(builtins)


@pytest.mark.parametrize(
    ("where", "cure", "text"),
    [
        ("", "", "it broke"),
        ("a.jpg", "", "it broke (a.jpg)"),
        ("", "mend it", "it broke. Cure: mend it"),
        ("a.jpg", "mend it", "it broke (a.jpg). Cure: mend it"),
    ],
)
def test_a_message_has_what_where_and_cure(where: str, cure: str, text: str) -> None:
    for error in (LookalikeError, UsageError, WeightsError, errors.MissingWeightsError):
        raised = error("it broke", where=where, cure=cure)
        assert str(raised) == text
        assert (raised.what, raised.where, raised.cure) == ("it broke", where, cure)


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_an_error_travels_between_processes(error: type[LookalikeError]) -> None:
    made = (
        UnknownNameError("metric", "cosin", NAMES)
        if error is UnknownNameError
        else error("it broke", where="a.jpg", cure="mend it")
    )
    again = pickle.loads(pickle.dumps(made))
    assert type(again) is error
    assert str(again) == str(made)


NAMES = ["cosine", "euclidean", "hamming"]


def test_an_unknown_name_lists_the_nearest() -> None:
    error = UnknownNameError("metric", "cosin", NAMES)
    assert error.near == ["cosine"]
    assert str(error) == "unknown metric 'cosin'. Cure: did you mean cosine?"


def test_the_nearest_name_comes_first_and_five_are_enough() -> None:
    known = [f"resnet{n}" for n in range(100)]
    error = UnknownNameError("model", "resnet5O", known)
    assert error.near[0] in {"resnet5", "resnet50"}
    assert len(error.near) == 5


def test_a_name_like_no_other_lists_all_if_they_are_few() -> None:
    assert (
        "known: cosine, euclidean, hamming" in UnknownNameError("metric", "zzz", NAMES[::-1]).cure
    )
    assert UnknownNameError("model", "zzz", [f"model{n}" for n in range(41)]).cure == ""


def test_an_unknown_name_keeps_a_cure_of_its_own() -> None:
    error = UnknownNameError("metric", "cosin", NAMES, cure="see lookalike models")
    assert error.cure == "did you mean cosine?; see lookalike models"
    assert UnknownNameError("metric", "zzz", [], cure="see models").cure.endswith("see models")
