"""The published columns: every figure as printed, and what the numbers are known to say."""

import csv
import math
from collections import Counter
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from lookalike import Embeddings, evaluate
from lookalike.encoders.catalogue import PublishedRow, published_row
from lookalike.measuring.subject import POSITIVE
from lookalike.tables.figures import Figures, PairFigures, difference, roles_of
from lookalike.tables.grouping import grouped
from lookalike.tables.published import NEGATIVES, published_column, published_columns

COLUMNS = published_columns()
# the lengths of vectors that are feature maps laid out flat, not pooled ones
FLATTENED = {9216, 62720, 50176, 100352, 86528, 81536, 94080, 108192, 25088}


def values(role: str, name: str) -> list[float]:
    found = (getattr(one.figures.pair(role), name) for one in COLUMNS)
    return [value for value in found if value is not None]


def entry(model: str, weights: str) -> PublishedRow:
    found = published_row("torchvision", model, weights)
    assert found is not None
    return found


def ranks(numbers: list[float]) -> list[float]:
    """From 1; equal ones share the mean of theirs."""
    return [
        sum(other < one for other in numbers) + (sum(other == one for other in numbers) + 1) / 2
        for one in numbers
    ]


# ------------------------------------------------------------------------------ as printed


def test_every_figure_is_that_of_the_specification(shared: Path) -> None:
    with open(shared / "specs" / "model-tables-published.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(COLUMNS)
    for row, column in zip(rows, COLUMNS, strict=True):
        assert len(row) == 18
        figures = column.figures
        found: dict[str, object] = {
            "column": figures.label,
            "model": column.model,
            "weights": column.weights,
            "table": column.table,
        }
        numbers = {name: getattr(figures, name) for name in ("gflops", "acc1", "acc5", "dim")}
        for role, prefix in {
            "positive": "positive",
            "n": "negative_n",
            "n1": "negative_n1",
        }.items():
            pair = figures.pair(role)
            numbers |= {
                f"{prefix}_similarity": pair.similarity,
                f"{prefix}_embed_ms": pair.embed_ms,
                f"{prefix}_sim_ms": pair.similarity_ms,
            }
        for name, text in row.items():
            if name in numbers:
                assert numbers[name] == (float(text) if text else None), (figures.label, name)
            elif name != "gflops_range":
                assert found[name] == text
        assert set(row) == {*found, *numbers, "gflops_range"}
    ranges = {
        one.label: group.range
        for group in grouped(c.figures for c in COLUMNS)
        for one in group.columns
    }
    assert [row["gflops_range"] for row in rows] == [ranges[one.label] for one in COLUMNS]


def test_there_are_49_columns_of_48_models() -> None:
    # M1
    assert len(COLUMNS) == 49
    assert len({one.model for one in COLUMNS}) == 48
    without_n = [one for one in COLUMNS if "n" not in one.figures.pairs]
    assert {one.table for one in without_n} == {"3", "4", "5"}
    assert len(without_n) * 3 == 60
    assert all({POSITIVE, "n1"} <= set(one.figures.pairs) for one in COLUMNS)


def test_tables_and_weights_have_the_columns_they_should() -> None:
    # M2, M3
    assert list(Counter(one.table for one in COLUMNS).items()) == [
        ("1", 11), ("1.1", 9), ("2", 9), ("3", 8), ("4", 7), ("5", 5)
    ]  # fmt: skip
    assert Counter(one.weights for one in COLUMNS) == {"IMAGENET1K_V1": 35, "IMAGENET1K_V2": 14}


@pytest.mark.parametrize(
    ("role", "similarity", "embed_ms", "similarity_ms", "count"),
    [
        ("positive", 3112.6055, 4311.2312, 185.7640, 49),
        ("n", 596.5037, 3113.3751, 37.2427, 29),
        ("n1", 1153.6767, 4459.2228, 238.0486, 49),
    ],
)
def test_the_figures_of_a_role_have_their_sums(
    role: str, similarity: float, embed_ms: float, similarity_ms: float, count: int
) -> None:
    # M4, M5, M6
    expected = {"similarity": similarity, "embed_ms": embed_ms, "similarity_ms": similarity_ms}
    for name, total in expected.items():
        assert len(values(role, name)) == count
        assert math.fsum(values(role, name)) == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "total"),
    [("gflops", 188.54), ("acc1", 3715.018), ("acc5", 4528.002), ("dim", 1168248)],
)
def test_the_figures_of_models_have_their_sums(name: str, total: float) -> None:
    # M7
    found = math.fsum(getattr(one.figures, name) for one in COLUMNS)
    assert found == pytest.approx(total, abs=1e-6)


def test_the_extremes_are_where_they_should_be() -> None:
    # M8
    def extremes(name: str) -> list[tuple[float, str]]:
        found = [(getattr(one.figures.pair(POSITIVE), name), one.label) for one in COLUMNS]
        return [min(found), max(found)]

    assert extremes("embed_ms") == [(22.9452, "alexnet"), (214.0138, "swin_v2_s")]
    assert extremes("similarity") == [(23.7270, "squeezenet1_0"), (90.6283, "resnet50(v1)")]


# --------------------------------------------------------------------- against the catalogue


def test_accuracies_are_those_of_the_catalogue() -> None:
    # M11
    for one in COLUMNS:
        row = entry(one.model, one.weights)
        assert (one.figures.acc1, one.figures.acc5) == (row.acc1, row.acc5), one.label


def test_gflops_are_those_of_the_catalogue_but_for_the_corrected_ones() -> None:
    # M12
    wrong = {}
    for one in COLUMNS:
        gflops = entry(one.model, one.weights).gflops
        assert one.corrected.gflops == float(f"{gflops:.2f}"), one.label
        if one.figures.gflops != one.corrected.gflops:
            wrong[one.label] = one.figures.gflops, gflops
    assert wrong == {"resnext50_32x4d(v2)": (5.71, 4.230)}


def test_a_correction_names_the_printed_figure() -> None:
    corrected = [one for one in COLUMNS if one.corrections]
    assert [one.label for one in corrected] == ["resnext50_32x4d(v2)"]
    for one in corrected:
        for correction in one.corrections:
            assert getattr(one.figures, correction.field) == correction.printed
            assert getattr(one.corrected, correction.field) == correction.actual
            assert correction.why
    others = [one for one in COLUMNS if not one.corrections]
    assert all(one.corrected == one.figures for one in others)


def test_a_column_is_found_by_model_and_weights_together() -> None:
    for one in COLUMNS:
        assert published_column(one.model, one.weights) is one
    assert published_column("resnet50", "IMAGENET1K_V3") is None
    assert published_column("vit_b_16", "IMAGENET1K_V1") is None


def test_the_column_whose_weights_cannot_be_told_says_so() -> None:
    noted = [one for one in COLUMNS if one.note]
    assert [one.label for one in noted] == ["regnet_x_16gf"]
    assert "IMAGENET1K_V2" in noted[0].note
    assert published_column("regnet_x_16gf", "IMAGENET1K_V2") is None


# ---------------------------------------------------------------------- what the numbers say


def test_flattened_maps_score_below_all_pooled_vectors() -> None:
    # M29
    flat = [one.figures for one in COLUMNS if one.figures.dim in FLATTENED]
    pooled = [one.figures for one in COLUMNS if one.figures.dim not in FLATTENED]
    assert (len(flat), len(pooled)) == (18, 31)
    assert max(one.pair(POSITIVE).similarity or 0 for one in flat) == 54.0608
    assert min(one.pair(POSITIVE).similarity or 0 for one in pooled) == 58.7266


def test_the_large_negative_costs_its_decoding() -> None:
    # M30
    found = [
        difference(one.figures.pair("n").embed_ms, one.figures.pair("n1").embed_ms)
        for one in COLUMNS
    ]
    extra = [value for value in found if value is not None]
    assert len(extra) == 29
    assert (median(extra), min(extra), max(extra)) == (34.2353, 18.5055, 43.4635)


def test_two_timings_of_one_size_differ() -> None:
    # M31
    shares = {}
    for one in COLUMNS:
        first, second = one.figures.pair(POSITIVE).embed_ms, one.figures.pair("n1").embed_ms
        assert first is not None
        assert second is not None
        shares[one.label] = abs(second - first) / ((first + second) / 2) * 100
    assert round(median(shares.values()), 3) == 5.946
    assert round(max(shares.values()), 3) == 19.481
    assert max(shares, key=lambda label: shares[label]) == "vgg11_bn"


def test_resizing_the_negative_moves_its_similarity() -> None:
    # M32
    moved = {}
    for one in COLUMNS:
        by = difference(one.figures.pair("n1").similarity, one.figures.pair("n").similarity)
        if by is not None:
            moved[one.label] = abs(by)
    assert median(moved.values()) == 1.0706
    assert max(moved.items(), key=lambda item: item[1]) == ("resnet18", 5.8267)


def test_time_hardly_follows_gflops() -> None:
    # M33
    times = ranks(values(POSITIVE, "embed_ms"))
    costs = ranks([one.corrected.gflops or 0 for one in COLUMNS])
    assert float(np.corrcoef(times, costs)[0, 1]) == pytest.approx(0.5035, abs=5e-5)


def test_one_positive_above_one_negative_is_an_auc_of_1_without_an_interval(
    tmp_path: Path,
) -> None:
    # M40
    assert all((one.figures.margin("n1") or 0) > 0 for one in COLUMNS)
    table = tmp_path / "pairs.csv"
    table.write_text("a,b,same\na,s,1\na,n1,0\n")
    for one in COLUMNS:
        cosines = [(one.figures.pair(role).similarity or 0) / 100 for role in (POSITIVE, "n1")]
        vectors = np.array([[1, 0], *([cosine, math.sqrt(1 - cosine**2)] for cosine in cosines)])
        store = Embeddings.from_numpy(vectors, ["a", "s", "n1"], encoder="x")
        auc = evaluate(store, truth=table, resamples=100)["roc_auc"]
        assert (auc.value, auc.interval) == (1.0, None)


# ------------------------------------------------------------------------------- the common form


def test_a_margin_is_the_difference_of_the_decimals() -> None:
    figures = Figures(
        "a", {"positive": PairFigures(similarity=0.3), "n": PairFigures(similarity=0.1)}
    )
    assert figures.margin("n") == 0.2
    assert figures.margin("n1") is None
    assert Figures("a", {"n": PairFigures(similarity=0.1)}).margin("n") is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["embed_ms", "similarity_ms", "similarity"])
def test_a_figure_is_finite(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        PairFigures(**{name: value})
    with pytest.raises(ValueError, match="gflops"):
        Figures("a", {}, gflops=value)


def test_roles_begin_with_the_positive_and_leave_out_empty_ones() -> None:
    pair, none = PairFigures(similarity=1.0), PairFigures()
    rows = [
        Figures("a", {"n1": pair, "positive": pair}),
        Figures("b", {"n": pair, "n1": pair, "positive": pair, "n2": none}),
    ]
    assert roles_of(rows) == ("positive", "n", "n1")
    assert roles_of([Figures("a", {"n": pair})]) == ("n",)
    assert roles_of(one.figures for one in COLUMNS) == ("positive", *NEGATIVES)
