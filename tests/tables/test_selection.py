from pathlib import Path

import pytest

from lookalike.encoders import Entry, models
from lookalike.errors import UnknownNameError, UsageError
from lookalike.tables.published import published_columns
from lookalike.tables.selection import Filters, catalogue_entry, select


def test_the_published_list_is_all_columns_in_order_with_their_weights_and_embedding() -> None:
    expected = [
        f"torchvision:{one.model}/{one.weights}?embedding=published" for one in published_columns()
    ]
    assert list(select(["@published"]).models) == expected
    assert len(expected) == 49


@pytest.mark.parametrize("own", ["embedding=auto", "layer=features", "weights=random&pooling=max"])
def test_an_embedding_that_is_asked_for_takes_the_place_of_the_published_one(own: str) -> None:
    names = select([f"@published?{own}"]).models
    assert len(names) == 49
    assert all(isinstance(name, str) and name.endswith(f"?{own}") for name in names)


def test_other_options_stand_beside_the_published_embedding() -> None:
    first = select(["@published?weights=random"]).models[0]
    assert first == "torchvision:alexnet/IMAGENET1K_V1?weights=random&embedding=published"


def test_all_of_a_family_is_each_architecture_once_with_its_default_weights() -> None:
    names = select(["@all-torchvision"]).models
    assert len(names) == len(set(names)) == 80
    assert "torchvision:resnet50/IMAGENET1K_V2" in names
    assert "torchvision:resnet50/IMAGENET1K_V1" not in names


def test_a_pattern_gives_what_the_catalogue_lists_for_it() -> None:
    names = select(["torchvision:regnet_*"]).models
    assert list(names) == [entry.name for entry in models("torchvision:regnet_*")]
    assert len(names) > 20


def test_a_model_named_twice_is_tried_once_and_the_order_is_kept() -> None:
    names = select(["pixels", "torchvision:alexnet*", "pixels", "hash:phash"]).models
    assert names == ("pixels", "torchvision:alexnet/IMAGENET1K_V1", "hash:phash")


@pytest.mark.parametrize(
    ("filters", "keeps"),
    [
        (Filters(max_gflops=1), lambda one: one.gflops <= 1),
        (Filters(min_acc1=83), lambda one: one.acc1 is not None and one.acc1 >= 83),
        (Filters(max_dim=512), lambda one: one.dim <= 512),
        (Filters(max_params=5), lambda one: one.params <= 5e6),
    ],
)
def test_filters_keep_what_fits_and_count_what_does_not(filters: Filters, keeps: object) -> None:
    found = select(["torchvision:*"], filters)
    expected = [one.name for one in models("torchvision:*") if keeps(one)]  # type: ignore[operator]
    assert list(found.models) == expected
    assert expected
    left = sum(int(note.rpartition(" ")[2]) for note in found.notes)
    assert left + len(expected) == len(models("torchvision:*"))


def test_the_bound_itself_is_within_and_an_unknown_figure_is_not() -> None:
    entry = Entry("x", gflops=1.0)
    assert Filters(max_gflops=1.0).refuses(entry) == ""
    assert Filters(max_gflops=0.999).refuses(entry) == "max_gflops=0.999"
    assert "no figure" in Filters(min_acc1=1.0).refuses(entry)


def test_filters_alone_choose_among_torchvision_and_never_touch_what_is_named() -> None:
    alone = select([], Filters(max_gflops=0.1)).models
    assert alone
    assert all(str(name).startswith("torchvision:") for name in alone)
    named = select(["torchvision:vgg19", "torchvision:vgg*"], Filters(max_gflops=0.1)).models
    assert named == ("torchvision:vgg19",)


@pytest.mark.parametrize(
    "spec", ["@publishd", "@all-torchvison", "torchvision:nothing_*", "nope:x"]
)
def test_a_misspelling_is_said_before_any_work(spec: str) -> None:
    with pytest.raises(UnknownNameError):
        select([spec])


def test_no_model_at_all_is_an_error_with_the_cure() -> None:
    with pytest.raises(UsageError, match="@all-torchvision"):
        select([])
    with pytest.raises(UsageError, match="leave no model"):
        select(["torchvision:vgg*"], Filters(max_gflops=0.1))


def test_the_catalogue_knows_default_and_named_weights_and_not_what_is_not_in_it() -> None:
    default, named = (
        catalogue_entry("torchvision:resnet50?weights=random"),
        catalogue_entry("torchvision:resnet50/IMAGENET1K_V1"),
    )
    assert default is not None
    assert named is not None
    assert (default.weights, named.weights) == ("IMAGENET1K_V2", "IMAGENET1K_V1")
    assert catalogue_entry("onnx:some.onnx") is None
    assert catalogue_entry("nope:x") is None


def test_a_table_in_the_place_of_a_model_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("a,b,same\n")
    with pytest.raises(UsageError, match=r"no model.*before the models"):
        select(["pixels", str(tmp_path / "pairs.csv")])


def test_a_pattern_of_files_gives_every_network_in_order(tmp_path: Path) -> None:
    for name in ("b.onnx", "a.onnx", "[c].onnx"):
        (tmp_path / name).write_bytes(b"")
    found = select([f"onnx:{tmp_path}/?.onnx?size=8", f"onnx:{tmp_path}/[ab].onnx?squash=1"]).models
    assert found == (
        f"onnx:{tmp_path}/?.onnx?size=8",  # a question mark begins the options, as everywhere
        f"onnx:{tmp_path}/a.onnx?squash=1",
        f"onnx:{tmp_path}/b.onnx?squash=1",
    )
    assert select([f"onnx:{tmp_path}/[c].onnx"]).models == (f"onnx:{tmp_path}/[c].onnx",)
    assert len(select([f"onnx:{tmp_path}/*.onnx"], Filters(max_dim=1)).models) == 3
    with pytest.raises(UsageError, match="matches nothing"):
        select([f"onnx:{tmp_path}/no*.onnx"])
