import csv
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lookalike.encoders.families.torchvision import torchvision
from lookalike.errors import UnknownNameError, UsageError
from lookalike.images import PRESETS, Picture, Preprocess, preset
from lookalike.images.presets import (
    at_size,
    from_open_clip,
    from_options,
    from_timm,
    from_torchvision,
)

torchvision()
import open_clip.transform  # noqa: E402
from timm.data import create_transform  # noqa: E402
from torchvision import models  # noqa: E402

RANDOM = np.random.default_rng(0)
NOISE = [
    Image.fromarray(RANDOM.integers(0, 256, size, dtype=np.uint8))
    for size in ((300, 201, 3), (120, 150, 3))
]


def agrees(preprocess: Preprocess, transform: Any) -> None:
    """Both give the same tensor, within the rounding of float32 arithmetic."""
    for image in NOISE:
        expected: NDArray[np.float32] = transform(image).numpy()
        found = preprocess.apply(Picture("noise", image))
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 2.2e-7 / min(map(abs, preprocess.std))


# torchvision


@cache
def entries() -> dict[tuple[str, str], Any]:
    """(model, name) → the transforms of every weights entry of torchvision's classifiers."""
    return {
        (model, entry.name): entry.transforms()
        for model in models.list_models(module=models)
        for entry in models.get_model_weights(model)
    }


def test_every_torchvision_entry_is_read_as_it_stands() -> None:
    found = {key: from_torchvision(transforms) for key, transforms in entries().items()}
    assert len(found) == 115
    for key, transforms in entries().items():
        assert found[key].resize == transforms.resize_size[0]
        assert found[key].crop == (transforms.crop_size[0],) * 2
        assert found[key].kernel == f"pillow-{transforms.interpolation.value}"
        assert (*found[key].mean, *found[key].std) == (*transforms.mean, *transforms.std)


def test_every_kind_of_torchvision_preprocessing_gives_its_numbers() -> None:
    kinds = {from_torchvision(transforms): transforms for transforms in entries().values()}
    assert len(kinds) > 20
    for preprocess, transforms in kinds.items():
        agrees(preprocess, transforms)


def test_published_columns_by_preprocessing(shared: Path) -> None:  # M26, M25
    table = shared / "specs" / "model-tables-published.csv"
    with table.open(encoding="utf-8", newline="") as stream:
        keys = [(row["model"], row["weights"]) for row in csv.DictReader(stream)]
    read = [from_torchvision(entries()[key]) for key in keys]
    counts = Counter((one.resize, one.output_size, one.kernel) for one in read)
    assert counts.pop((256, (224, 224), "pillow-bilinear")) == 19
    assert counts.pop((232, (224, 224), "pillow-bilinear")) == 17
    assert counts.pop((260, (256, 256), "pillow-bicubic")) == 2
    assert sorted(counts.values()) == [1] * 11
    assert sum(one.output_size != (224, 224) for one in read) == 8


# timm


@settings(max_examples=25)
@given(
    st.sampled_from([32, 60, 224]),
    st.sampled_from([None, 0.875, 0.9, 0.95, 1.0]),
    st.sampled_from(["bilinear", "bicubic"]),
    st.sampled_from([None, "center", "squash"]),
)
def test_timm_configs_give_timms_numbers(
    side: int, share: float | None, interpolation: str, mode: str | None
) -> None:
    config: dict[str, Any] = {
        "input_size": (3, side, side if mode != "squash" else side + 20),
        "crop_pct": share,
        "interpolation": interpolation,
        "crop_mode": mode,
        "mean": (0.5, 0.4, 0.3),
        "std": (0.2, 0.25, 0.3),
    }
    agrees(from_timm(config), create_transform(**config, is_training=False))


TIMM: dict[str, Any] = {"input_size": (3, 224, 224), "mean": (0.5,) * 3, "std": (0.5,) * 3}


@pytest.mark.parametrize(
    "change",
    [
        {"crop_mode": "border"},
        {"input_size": (1, 224, 224)},
        {"input_size": (3, 224, 112)},
        {"interpolation": "random"},
    ],
)
def test_timm_configs_that_cannot_be_expressed_are_refused(change: dict[str, Any]) -> None:
    assert from_timm(TIMM).crop == (224, 224)
    with pytest.raises(UsageError):
        from_timm(TIMM | change)


# open_clip


@settings(max_examples=25)
@given(
    st.sampled_from([32, 60, (48, 48), (60, 40)]),
    st.sampled_from(["bilinear", "bicubic"]),
    st.sampled_from(["shortest", "squash"]),
)
def test_open_clip_configs_give_open_clips_numbers(
    size: int | tuple[int, int], interpolation: str, mode: str
) -> None:
    config: dict[str, Any] = {
        "size": size,
        "mean": (0.5, 0.4, 0.3),
        "std": (0.2, 0.25, 0.3),
        "interpolation": interpolation,
        "resize_mode": mode,
    }
    if mode == "shortest" and size == (60, 40):
        with pytest.raises(UsageError, match="60x40"):
            from_open_clip(config)
        return
    reference = open_clip.transform.PreprocessCfg(**config)
    agrees(from_open_clip(config), open_clip.transform.image_transform_v2(reference, False))


def test_open_clips_padding_mode_is_refused() -> None:
    config = {"size": 224, "mean": (0.5,) * 3, "std": (0.5,) * 3, "resize_mode": "longest"}
    with pytest.raises(UsageError, match="longest"):
        from_open_clip(config)


def test_open_clips_defaults_are_the_clip_preset() -> None:
    reference = open_clip.transform.PreprocessCfg()
    config = {"size": 224, "mean": reference.mean, "std": reference.std}
    assert from_open_clip(config) == PRESETS["clip"]
    agrees(PRESETS["clip"], open_clip.transform.image_transform_v2(reference, False))


# presets and options


def test_presets_differ_from_each_other() -> None:
    assert len(set(PRESETS.values())) == len(PRESETS)


def test_an_unknown_preset_lists_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean imagenet") as error:
        preset("imagnet")
    assert error.value.near[0] == "imagenet"


@pytest.mark.parametrize(
    ("name", "size", "resize", "crop"),
    [
        ("imagenet", (448, 448), 512, (448, 448)),
        ("imagenet", (192, 192), 219, (192, 192)),
        ("imagenet", (256, 128), 293, (256, 128)),
        ("clip", (336, 336), 336, (336, 336)),
        ("pinto", (384, 128), (384, 128), None),
    ],
)
def test_another_size_keeps_the_recipe(
    name: str, size: tuple[int, int], resize: object, crop: object
) -> None:
    changed = at_size(preset(name), size)
    assert (changed.resize, changed.crop) == (resize, crop)
    assert replace(changed, resize=preset(name).resize, crop=preset(name).crop) == preset(name)


def test_another_size_scales_an_exact_resize_too() -> None:
    recipe = Preprocess(resize=(256, 256), crop=(224, 224))
    assert at_size(recipe, (112, 112)).resize == (128, 128)
    assert at_size(Preprocess(crop=(224, 224)), (96, 96)) == Preprocess(crop=(96, 96))
    assert at_size(Preprocess(), (96, 64)) == Preprocess(resize=(96, 64))


@given(st.tuples(st.integers(1, 400), st.integers(1, 400)))
def test_a_crop_never_leaves_the_picture(size: tuple[int, int]) -> None:
    white = Picture("white", Image.new("RGB", (40, 40), "white"))
    assert (at_size(PRESETS["zero-to-one"], size).apply(white) == 1).all()


IMAGENET = PRESETS["imagenet"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, IMAGENET),
        ({"layer": "fc"}, IMAGENET),
        ({"preprocess": "pinto"}, PRESETS["pinto"]),
        ({"size": "448"}, replace(IMAGENET, resize=512, crop=(448, 448))),
        ({"size": "448X448"}, replace(IMAGENET, resize=512, crop=(448, 448))),
        ({"squash": "1"}, replace(IMAGENET, resize=(224, 224), crop=None)),
        ({"squash": "no"}, IMAGENET),
        ({"squash": "true", "size": "64x32"}, replace(IMAGENET, resize=(64, 32), crop=None)),
        ({"resize": "236"}, replace(IMAGENET, resize=236)),
        ({"resize": "236x200"}, replace(IMAGENET, resize=(236, 200))),
        ({"resize": "none", "crop": "96"}, replace(IMAGENET, resize=None, crop=(96, 96))),
        ({"crop": "None"}, replace(IMAGENET, crop=None)),
        ({"kernel": "opencv-area"}, replace(IMAGENET, kernel="opencv-area")),
        ({"mean": "0.5"}, replace(IMAGENET, mean=(0.5,) * 3)),
        ({"mean": "0.1,0.2,0.3"}, replace(IMAGENET, mean=(0.1, 0.2, 0.3))),
        ({"std": "2", "scale": "1"}, replace(IMAGENET, std=(2.0,) * 3, scale=1.0)),
        ({"alpha": "255,0,9"}, replace(IMAGENET, alpha=(255, 0, 9))),
        ({"alpha": "255"}, replace(IMAGENET, alpha=(255, 255, 255))),
        ({"order": "bgr", "layout": "nhwc"}, replace(IMAGENET, order="bgr", layout="nhwc")),
        ({"exif": "false"}, replace(IMAGENET, exif=False)),
    ],
)  # fmt: skip
def test_options_change_what_they_name_and_nothing_else(
    options: dict[str, str], expected: Preprocess
) -> None:
    assert from_options(options, IMAGENET) == expected


def test_nothing_known_and_nothing_asked_is_nothing() -> None:
    assert from_options({"layer": "fc"}, None) is None
    assert from_options({"preprocess": "clip"}, None) == PRESETS["clip"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preprocess": "nothing"}, "unknown preprocessing"),
        ({"size": "big"}, "size=big"),
        ({"size": "1x2x3"}, "size=1x2x3"),
        ({"size": "-3"}, "size=-3"),
        ({"size": "²"}, "size=²"),
        ({"size": "0"}, "at least one pixel"),
        ({"squash": "maybe"}, "squash"),
        ({"kernel": "bilinear"}, "kernel"),
        ({"mean": "0.5,0.5"}, "mean"),
        ({"mean": "a"}, "mean"),
        ({"std": "0"}, "deviation of zero"),
        ({"exif": "perhaps"}, "exif"),
    ],
)
def test_impossible_options_are_refused_by_name(options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        from_options(options, IMAGENET)


def test_options_need_a_preprocessing_to_change() -> None:
    with pytest.raises(UsageError, match="none is stated"):
        from_options({"size": "224"}, None)
    with pytest.raises(UsageError, match="squash needs an input size"):
        from_options({"squash": "1"}, Preprocess(resize=256))
