import numpy as np
import pytest

from lookalike.encoders.engines.intake import FLOATS, INTEGERS, check_type, fed
from lookalike.errors import UsageError, WeightsError
from lookalike.images import Preprocess
from lookalike.images.presets import PRESETS, from_options
from lookalike.testing import noise_picture

BYTES = Preprocess(scale=1)


@pytest.mark.parametrize("kind", [*FLOATS, *INTEGERS])
def test_pictures_become_the_type_that_is_declared(kind: str) -> None:
    preprocess = Preprocess(scale=1, mean=(128.0,) * 3) if kind == "int8" else BYTES
    check_type(preprocess, kind, "net")
    batch = noise_picture(1, 4, 5)[None]
    found = fed(preprocess, batch, kind)
    assert found.dtype == kind
    np.testing.assert_array_equal(found.astype(np.float64), preprocess.normalise(batch))


@pytest.mark.parametrize("kind", INTEGERS)
@pytest.mark.parametrize("name", PRESETS)
def test_what_would_be_cut_off_is_refused_and_the_cure_cures(kind: str, name: str) -> None:
    with pytest.raises(UsageError, match=f"takes {kind}") as caught:
        check_type(PRESETS[name], kind, "net")
    told = caught.value.cure.split()[1]
    options = dict(part.split("=") for part in told.split("&"))
    cured = from_options({"preprocess": name} | options, None)
    assert cured is not None
    check_type(cured, kind, "net")


def test_numbers_out_of_range_are_refused_though_they_are_whole() -> None:
    with pytest.raises(UsageError, match="from 0 to 255"):
        check_type(BYTES, "int8", "net")
    with pytest.raises(UsageError, match="float16"):
        check_type(Preprocess(scale=1000), "float16", "net")


@pytest.mark.parametrize("kind", ["bool", "text", "bfloat16", "complex64"])
def test_what_no_picture_can_be_is_refused(kind: str) -> None:
    with pytest.raises(WeightsError, match=kind):
        check_type(BYTES, kind, "net")
