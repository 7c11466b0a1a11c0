import base64
from pathlib import Path

import numpy as np
import pytest

from lookalike.images import ImageSource, Picture
from lookalike.testing import scene_picture

pytest.importorskip("pi_heif", reason="the extra heif is not installed")

HEIC = (
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAA"
    "AAAAACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAAQ8AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAA"
    "AA5waXRtAAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNw"
    "AAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFz"
    "wIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAA"
    "Av////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAARdtZGF0AAABCygBrwngPfuMukJB"
    "5wyhKcCK8F66zY0yuGS/VvLZFc/lRipmf1p5PgLOEmTHFWf7Td2l+KLGI6xW2lhu6c2o5ivM7rJx0G6g45Cvg8mpNW9PXYas"
    "QIQqB0QYtB6sad+mG2dkjcdu5n20g4C5d8gvgj8l+1Q+NsbdvKcU/aRbTAyZwmr8AxMGgXNUm7VZHyfK4QJTn4wizF/Ejcvn"
    "sCnl0dqpMFHvZkmpqfr4ydHT/KuzwaR+6j6Bt7HzmubzHHt5fXgFlyMSJjGOHQjNIWmeYrpMODLakpYxQo6Ln8lt9JmPQ0jB"
    "zfdnnDBwu1bJtAHh5HQY38ROshW57W5Yf0guuLoMpa5ESz3OHK16nA=="
)
"""``scene_picture(1, 48, 64)`` as HEIC, quality 60."""


def test_heic_pictures_are_read_where_the_extra_is_installed(tmp_path: Path) -> None:
    (tmp_path / "phone.heic").write_bytes(base64.b64decode(HEIC))
    (outcome,) = ImageSource(tmp_path)
    assert isinstance(outcome, Picture)
    difference = np.asarray(outcome.rgb()).astype(int) - scene_picture(1, 48, 64)
    assert np.abs(difference).mean() < 6
