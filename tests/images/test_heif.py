from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.images import ImageSource, Picture
from lookalike.testing import scene_picture

pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heif is not installed")


def test_heic_pictures_are_read_where_the_extra_is_installed(tmp_path: Path) -> None:
    scene = scene_picture(1)
    heif = pillow_heif.from_pillow(Image.fromarray(scene))
    heif.save(tmp_path / "phone.heic", quality=95)
    (outcome,) = ImageSource(tmp_path)
    assert isinstance(outcome, Picture)
    difference = np.asarray(outcome.rgb()).astype(int) - scene
    assert np.abs(difference).mean() < 3
