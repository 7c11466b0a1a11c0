import pytest

from lookalike.encoders.name import parse_name
from lookalike.errors import UnknownNameError, UsageError


def test_a_name_comes_apart_and_options_are_decoded() -> None:
    name = parse_name("onnx:dir/net.onnx?preprocess=pinto&output=a%2Fb")
    assert (name.family, name.rest) == ("onnx", "dir/net.onnx")
    assert name.options == {"preprocess": "pinto", "output": "a/b"}


def test_a_family_alone_is_a_name() -> None:
    assert parse_name("pixels").family == "pixels"
    assert parse_name("pixels").rest == ""


@pytest.mark.parametrize("text", [":x", "", "a:b?c", "a:b?=1", "a:b?c=1&c=2"])
def test_malformed_names_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_name(text)


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean preprocess"):
        parse_name("onnx:a?preproces=imagenet").allow({"preprocess", "output"})


@pytest.mark.parametrize("text", ["x?size=-1", "x?size=a", "x?size=1"])
def test_numbers_in_options_are_checked(text: str) -> None:
    with pytest.raises(UsageError):
        parse_name(text).whole("size", 8, least=2)
