"""Names of checkpoints, as they are in circulation."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.encoders.reid.architectures import ARCHITECTURES
from lookalike.encoders.reid.weights_name import (
    WeightsName,
    exported_stem,
    parse_weights_name,
    training_set_of,
)

RECIPE = WeightsName(
    "osnet_x0_25",
    "market1501",
    height=256,
    width=128,
    optimiser="amsgrad",
    epochs=180,
    step=80,
    lr=0.003,
    batch=128,
    frozen=10,
    loss="softmax",
    smoothing=True,
    augmentations=("flip",),
)


def parsed(name: str | Path) -> WeightsName:
    found = parse_weights_name(name)
    assert found is not None, name
    return found


# R16
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "osnet_x0_25_market_256x128_amsgrad_ep180_stp80_lr0.003_b128_fb10_softmax"
            "_labelsmooth_flip.pth",
            RECIPE,
        ),
        (
            "osnet_x1_0_msmt17_combineall_256x128_amsgrad_ep150_stp60_lr0.0015_b64_fb10_softmax"
            "_labelsmooth_flip_jitter.pth",
            WeightsName(
                "osnet_x1_0",
                "msmt17",
                combineall=True,
                height=256,
                width=128,
                optimiser="amsgrad",
                epochs=150,
                step=60,
                lr=0.0015,
                batch=64,
                frozen=10,
                loss="softmax",
                smoothing=True,
                augmentations=("flip", "jitter"),
            ),
        ),
        (
            "osnet_ain_x1_0_market1501_256x128_amsgrad_ep100_lr0.0015_coslr_b64_fb10_softmax"
            "_labsmth_flip_jitter.pth",
            WeightsName(
                "osnet_ain_x1_0",
                "market1501",
                height=256,
                width=128,
                optimiser="amsgrad",
                epochs=100,
                lr=0.0015,
                cosine=True,
                batch=64,
                frozen=10,
                loss="softmax",
                smoothing=True,
                augmentations=("flip", "jitter"),
            ),
        ),
        (
            "osnet_ms_d_c.pth.tar",
            WeightsName(
                "osnet_x1_0", sources=("msmt17", "dukemtmcreid", "cuhk03"), target="market1501"
            ),
        ),
        (
            "osnet_ibn_d_m_c.pth.tar",
            WeightsName(
                "osnet_ibn_x1_0", sources=("dukemtmcreid", "market1501", "cuhk03"), target="msmt17"
            ),
        ),
        ("osnet_ain_x0_25_imagenet.pyth", WeightsName("osnet_ain_x0_25", "imagenet")),
        ("mlfn-9cb5a267.pth.tar", WeightsName("mlfn", "imagenet", hash="9cb5a267")),
        (
            "mobilenetv2_1.0-0f96a698.pth.tar",
            WeightsName("mobilenetv2_x1_0", "imagenet", hash="0f96a698"),
        ),
        ("mobilenetv2_1dot4_duke.pth.tar", WeightsName("mobilenetv2_x1_4", "dukemtmcreid")),
        ("resnet50_fc512_msmt_xent.pth.tar", WeightsName("resnet50_fc512", "msmt17", loss="xent")),
        ("osnet_x0_25_msmt17.pt", WeightsName("osnet_x0_25", "msmt17")),
    ],
)
def test_a_file_name_says_what_was_trained_and_how(name: str, expected: WeightsName) -> None:
    assert parse_weights_name(name) == expected


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("osnet_ain_x1_0_imagenet", "osnet_ain_x1_0"),
        ("osnet_ibn_x1_0_imagenet", "osnet_ibn_x1_0"),
        ("osnet_ain_ms_d_m", "osnet_ain_x1_0"),
        ("osnet_d_m_c", "osnet_x1_0"),
        ("resnet50_duke_xent", "resnet50"),
        ("resnet50_fc512_duke_xent", "resnet50_fc512"),
        ("mobilenetv2_1.4-bc1cc36b", "mobilenetv2_x1_4"),
        ("mobilenetv2_1dot0_market", "mobilenetv2_x1_0"),
    ],
)
def test_a_longer_name_is_not_taken_for_the_shorter_one_in_it(name: str, architecture: str) -> None:
    assert parsed(name).architecture == architecture


@pytest.mark.parametrize(
    ("sources", "target"),
    [
        ("ms_d_c", "market1501"),
        ("ms_m_c", "dukemtmcreid"),
        ("ms_d_m", "cuhk03"),
        ("d_m_c", "msmt17"),
    ],
)
def test_the_set_that_is_not_named_is_the_target(sources: str, target: str) -> None:
    found = parsed(f"osnet_{sources}.pth.tar")
    assert (found.target, found.tag) == (target, sources)
    assert target not in found.sources
    assert found.dataset is None


@pytest.mark.parametrize("end", ["", ".pth.tar", ".pth", ".pyth", ".pt", ".onnx"])
@pytest.mark.parametrize("folder", ["", "/resnet50_duke/", "C:\\weights\\", "mlfn-9cb5a267.pth/"])
def test_only_the_last_part_counts_and_any_ending_goes(folder: str, end: str) -> None:
    assert parsed(f"{folder}osnet_x0_5_imagenet{end}") == WeightsName("osnet_x0_5", "imagenet")
    assert parsed(Path(f"a/osnet_x0_5_imagenet{end}")) == WeightsName("osnet_x0_5", "imagenet")


def test_all_networks_are_known_by_their_own_names() -> None:
    assert {parsed(f"{name}_market").architecture for name in ARCHITECTURES} == set(ARCHITECTURES)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "osnet_x0_25",
        "osnet_x0_25_",
        "osnet_x0_25_msmt18",
        "osnet_x0_25_msmt17_best.pth",
        "my_osnet_x0_25_msmt17.pth",
        "osnet_x0_25_msmt17.pth.zip",
        "osnet_x0_25_msmt17.pth\n",
        "OSNet_x0_25_msmt17.pth",
        "osnet_ibn_x0_5_imagenet.pth",
        "osnet_x2_0_market.pth",
        "osnet_m_m_c.pth.tar",
        "osnet_ms_d.pth.tar",
        "osnet_x0_25_ms_d_c.pth.tar",
        "mlfn-9cb5a26.pth.tar",
        "mlfn-9cb5a26g.pth.tar",
        "model.pth.tar-150",
        "hacnn_duke_xent.pth.tar",
        "mobilenetv2_1dot2_duke.pth.tar",
        "osnet_x0_25_market_256x128_amsgrad_ep180_stp80_lr0",
        "osnet_x0_25_market_256x128_adam_ep180_stp80_lr0.003_b128_fb10_softmax_labelsmooth.pth",
        "osnet_x0_25_market_256x128_amsgrad_ep180_stp80_lr0.003_coslr_b128_fb10_softmax_labsmth",
    ],
)
def test_another_name_says_nothing(name: str) -> None:
    assert parse_weights_name(name) is None


@given(st.text())
def test_any_text_is_a_name_or_none(text: str) -> None:
    found = parse_weights_name(text)
    assert found is None or found.architecture in ARCHITECTURES


@st.composite
def recipes(draw: st.DrawFn) -> tuple[str, WeightsName]:
    """A name put together from parts, and what it says."""
    spelled = {"market": "market1501", "duke": "dukemtmcreid", "msmt": "msmt17"}
    architecture = draw(st.sampled_from(sorted(ARCHITECTURES)))
    dataset = draw(st.sampled_from([*spelled, *spelled.values(), "cuhk03"]))
    combineall, cosine = draw(st.booleans()), draw(st.booleans())
    height, width, epochs, batch, frozen = draw(st.tuples(*[st.integers(1, 999)] * 5))
    step = None if cosine else draw(st.none() | st.integers(1, 999))
    lr = draw(st.sampled_from(["0.0015", "0.003", "0.1", "1"]))
    loss = draw(st.sampled_from(["softmax", "xent"]))
    augmentations = draw(st.sampled_from([(), ("flip",), ("jitter",), ("flip", "jitter")]))
    dot = draw(st.sampled_from(["x1_", "1dot", "1."]))
    parts = [
        architecture.replace("mobilenetv2_x1_", f"mobilenetv2_{dot}"),
        dataset,
        *(["combineall"] if combineall else []),
        f"{height}x{width}_amsgrad_ep{epochs}",
        *([f"stp{step}"] if step else []),
        f"lr{lr}",
        *(["coslr"] if cosine else []),
        f"b{batch}_fb{frozen}_{loss}",
        draw(st.sampled_from(["labelsmooth", "labsmth"])),
        *augmentations,
    ]
    said = WeightsName(
        architecture,
        spelled.get(dataset, dataset),
        combineall=combineall,
        height=height,
        width=width,
        optimiser="amsgrad",
        epochs=epochs,
        step=step,
        lr=float(lr),
        cosine=cosine,
        batch=batch,
        frozen=frozen,
        loss=loss,
        smoothing=True,
        augmentations=augmentations,
    )
    return "_".join(parts), said


@given(recipes(), st.sampled_from(["", ".pth", ".pth.tar", ".onnx"]))
def test_a_recipe_put_together_comes_apart_again(recipe: tuple[str, WeightsName], end: str) -> None:
    name, said = recipe
    assert parse_weights_name(name + end) == said


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("osnet_x0_25_market.pth", "market1501"),
        ("mobilenetv2_1dot0_duke.pth.tar", "dukemtmcreid"),
        ("mobilenetv2_1dot0_msmt.pth.tar", "msmt17"),
        ("osnet_x0_25_msmt17_combineall.onnx", "msmt17_combineall"),
        ("osnet_x0_25_cuhk03.pth", "cuhk03"),
        ("osnet_x0_25_imagenet.pth", "imagenet"),
        ("mlfn-9cb5a267.pth.tar", "imagenet"),
        ("osnet_ain_ms_m_c.pth.tar", "ms_m_c"),
    ],
)
def test_the_tag_says_in_short_what_it_was_trained_on(name: str, tag: str) -> None:
    assert parsed(name).tag == tag


def test_a_stem_ends_at_the_first_dot_wherever_that_is() -> None:
    # R17
    assert exported_stem("a.b/osnet_x0_25_imagenet.pth") == "osnet_x0_25_imagenet"
    assert exported_stem(Path("mlfn-9cb5a267.pth.tar")) == "mlfn-9cb5a267"
    name = "osnet_x1_0_duke_256x128_amsgrad_ep150_stp60_lr0.0015_b64_fb10_softmax_labelsmooth.pth"
    assert exported_stem(name) == "osnet_x1_0_duke_256x128_amsgrad_ep150_stp60_lr0"


def test_two_files_of_mobilenetv2_have_one_stem() -> None:
    # R17
    narrow, wide = "mobilenetv2_1.0-0f96a698.pth.tar", "mobilenetv2_1.4-bc1cc36b.pth.tar"
    assert exported_stem(narrow) == exported_stem(wide) == "mobilenetv2_1"
    assert parsed(narrow).architecture != parsed(wide).architecture


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (751, "Market-1501, training split"),
        (702, "DukeMTMC-reID, training split"),
        (1041, "MSMT17, training split"),
        (4101, "MSMT17, all images"),
        (767, "CUHK03, new split"),
        (1000, "ImageNet"),
        (750, None),
        (0, None),
    ],
)
def test_the_number_of_identities_hints_at_the_training_set(
    classes: int, words: str | None
) -> None:
    # R18
    assert training_set_of(classes) == words
