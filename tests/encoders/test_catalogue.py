import csv
from pathlib import Path
from typing import Any

import pytest

import lookalike
from lookalike.encoders import catalogue
from lookalike.encoders.catalogue import Entry, published, published_row

models: Any = __import__("torchvision.models", fromlist=["models"])


def test_every_torchvision_entry_says_what_the_library_says() -> None:
    rows = {(row.name, row.weights): row for row in published("torchvision")}
    entries = {
        (name, entry.name): entry
        for name in models.list_models(module=models)
        for entry in models.get_model_weights(name)
    }
    assert len(rows) == 115
    assert rows.keys() == entries.keys()
    for key, entry in entries.items():
        row, meta = rows[key], entry.meta
        metrics = meta["_metrics"].get("ImageNet-1K", {})
        accuracy = metrics.get("acc@1")
        assert row.params == meta["num_params"]
        assert row.gflops == pytest.approx(meta["_ops"], abs=5e-4)
        assert row.acc1 == (accuracy if accuracy == accuracy else None)
        assert row.input == "x".join([str(entry.transforms().crop_size[0])] * 2)


def test_the_default_weights_come_first() -> None:
    for name in models.list_models(module=models):
        row = published_row("torchvision", name)
        assert row is not None
        assert row.weights == models.get_model_weights(name).DEFAULT.name


def test_the_published_comparison_has_the_accuracies_that_the_catalogue_lists(
    shared: Path,
) -> None:
    with (shared / "specs" / "model-tables-published.csv").open() as stream:
        columns = list(csv.DictReader(stream))
    assert len(columns) == 49
    for column in columns:
        row = published_row("torchvision", column["model"], column["weights"])
        assert row is not None
        assert (row.acc1, row.acc5) == (float(column["acc1"]), float(column["acc5"]))


@pytest.mark.parametrize(
    ("pattern", "some", "none"),
    [
        ("torchvision:regnet_*", "torchvision:regnet_x_16gf/IMAGENET1K_V1", "torchvision:resnet18"),
        ("DINOV2", "timm:vit_small_patch14_dinov2.lvd142m", "open_clip:RN50/openai"),
        ("open_clip:ViT-B-32/*", "open_clip:ViT-B-32/laion2b_s34b_b79k", "open_clip:RN50/openai"),
    ],
)
def test_patterns_choose_by_whole_name_and_parts_by_any(pattern: str, some: str, none: str) -> None:
    names = {entry.name for entry in lookalike.models(pattern)}
    assert some in names
    assert none not in names


def test_every_name_in_the_catalogue_is_unique() -> None:
    names = [entry.name for entry in lookalike.models()]
    assert len(names) > 2000
    assert len(names) == len(set(names))


def test_what_is_missing_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry("timm:resnet18", requires=("torch", "timm"))
    assert entry.available == "installed"
    monkeypatch.setattr(catalogue, "installed", lambda module: module != "timm")
    assert entry.available == "lookalike[torch]"
    assert Entry("pixels").available == "installed"
