"""What the rules find: every cell of the published results, ties, thresholds, noise."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import UsageError
from lookalike.tables.figures import Figures, PairFigures
from lookalike.tables.findings import Finding, findings
from lookalike.tables.published import published_columns

TABLES = ("1", "1.1", "2", "3", "4", "5")

# M34: what each rule finds in each table; a rule that has no such row, or finds nothing, is ""
EXPECTED = {
    ("A1", "positive"): (
        "alexnet 22.9452", "squeezenet1_0 38.1634", "resnet18 35.5673", "convnext_tiny 57.4660",
        "vgg11_bn 30.0901", "vgg16 (v1) 49.5183",
    ),
    ("A1", "n"): ("alexnet 66.6418", "squeezenet1_1 75.0432", "resnet18 80.9047", "", "", ""),
    ("A1", "n1"): (
        "alexnet 23.1783", "squeezenet1_0 34.9214", "resnet18 37.7469", "convnext_tiny 62.8245",
        "vgg11_bn 36.5844", "vgg16 (v1) 59.5284",
    ),
    ("A2", "positive"): (
        "efficientnet_b1(v2) 0.9677", "regnet_y_800mf(v2) 1.0743", "regnet_x_3_2gf(V2) 0.8409",
        "resnet50(v2) 1.3900", "convnext_small 1.4477", "regnet_x_16gf 1.4076",
    ),
    ("A2", "n"): (
        "mobilenet_v2 (v2) 0.8957", "regnet_y_800mf(v2) 0.9663", "googlenet 0.9210", "", "", "",
    ),
    ("A2", "n1"): (
        "efficientnet_b1(v2) 0.8240", "regnet_y_800mf(v2) 1.0331", "efficientnet_b2 0.8900",
        "densenet201 1.0900", "convnext_small 1.2455", "regnet_x_16gf 2.9933",
    ),
    ("A3", "positive"): ("10/11", "8/9", "9/9", "8/8", "3/7", "2/5"),
    ("A3", "n"): ("11/11", "9/9", "9/9", "", "", ""),
    ("A3", "n1"): ("11/11", "9/9", "9/9", "8/8", "3/7", "0/5"),
    ("A4", "positive, n1"): (
        "", "", "", "", "vgg11_bn 7.9021; 8.2054", "efficientnet_b5 77.7090; 108.0291",
    ),
    ("A5", "positive"): (
        "mobilenet_v3_large(v2), regnet_x_400mf (v2)",
        "regnet_x_800mf(v2), regnet_y_400mf(v2), regnet_y_800mf(v2)",
        "googlenet, regnet_x_1_6gf(v2), regnet_x_3_2gf(V2), resnet18, resnet34",
        "convnext_tiny, resnext50_32x4d(v2), resnet50(v2), resnet50(v1)",
        "efficientnet_v2_s, regnet_y_8gf(v2), resnet101(v2)",
        "wide_resnet50_2 (v2), regnet_x_16gf",
    ),
    ("A6", "positive"): (
        "mobilenet_v3_small 79.1964", "", "", "", "convnext_small 79.2268", "",
    ),
    ("A7", "n"): (
        "efficientnet_b0 -1.8293, efficientnet_b1(v2) -3.1438", "",
        "efficientnet_b2 -4.1283, efficientnet_b3 -14.1572", "", "", "",
    ),
    ("A7", "n1"): (
        "", "", "efficientnet_b2 -5.7051, efficientnet_b3 -12.9239", "",
        "efficientnet_v2_s -0.0798", "",
    ),
    ("A8-smallest", ""): (
        "regnet_x_400mf (v2) 400", "regnet_y_400mf(v2) 440", "resnet18, resnet34 512",
        "convnext_tiny, swin_t, swin_v2_t 768", "convnext_small, swin_s 768", "swin_v2_s 768",
    ),
    ("A8-largest", ""): (
        "mnasnet0_5, mnasnet0_75, mnasnet1_0, mnasnet1_3, mobilenet_v2 (v2) 62720",
        "shufflenet_v2_x2_0 100352", "densenet169 81536", "densenet201 94080",
        "densenet161 108192", "vgg16 (v1) 25088",
    ),
    ("A9", "positive, n1"): (
        "efficientnet_b1(v2) 62.1334", "regnet_y_800mf(v2) 37.2742", "efficientnet_b3 83.4697",
        "swin_t 72.5762", "efficientnet_v2_s 80.9107", "swin_v2_s 71.3743",
    ),
}  # fmt: skip


def columns_of(table: str) -> list[Figures]:
    return [one.figures for one in published_columns() if one.table == table]


def cell(finding: Finding) -> str:
    """A finding as the cells above are written."""
    labels, values = ", ".join(finding.labels), [f"{value:.4f}" for value in finding.values]
    match finding.rule:
        case "A3":
            return "/".join(f"{value:.0f}" for value in finding.values)
        case "A4":
            return f"{labels} {'; '.join(values)}"
        case "A5":
            return labels
        case "A6" | "A7":
            return ", ".join(f"{a} {b}" for a, b in zip(finding.labels, values, strict=True))
        case "A8-smallest" | "A8-largest":
            return f"{labels} {finding.values[0]:.0f}"
        case _:
            return f"{labels} {values[0]}"


def column(label: str, positive: Sequence[float | None], n: Sequence[float | None] = ()) -> Figures:
    """Figures from embedding time, similarity time and similarity of one or two pairs."""
    pairs = {"positive": PairFigures(*positive)}
    return Figures(label, pairs | ({"n": PairFigures(*n)} if n else {}))


def found(
    figures: Sequence[Figures], rule: str, role: str = "positive", noise: float = 0.0
) -> Finding | None:
    named = [one for one in findings(figures, noise=noise) if (one.rule, one.role) == (rule, role)]
    assert len(named) < 2
    return named[0] if named else None


def labels_of(figures: Sequence[Figures], rule: str, role: str = "positive") -> tuple[str, ...]:
    one = found(figures, rule, role)
    return one.labels if one else ()


# ------------------------------------------------------------------------------- published


@pytest.mark.parametrize("table", TABLES)
def test_the_rules_find_in_a_published_table_what_it_says_and_no_more(table: str) -> None:
    expected = {key: cells[TABLES.index(table)] for key, cells in EXPECTED.items()}
    actual = {(one.rule, one.role): cell(one) for one in findings(columns_of(table))}
    assert actual == {key: text for key, text in expected.items() if text}


def test_over_all_tables_19_are_above_80_and_two_almost() -> None:
    # M35
    every = [one.figures for one in published_columns()]
    assert len(labels_of(every, "A5")) == 19
    almost = found(every, "A6")
    assert almost is not None
    assert almost.labels == ("mobilenet_v3_small", "convnext_small")
    assert almost.values == (79.1964, 79.2268)
    assert [found(every, "A3", role).values for role in ("positive", "n", "n1")] == [  # type: ignore[union-attr]
        (40, 49), (29, 29), (40, 49)
    ]  # fmt: skip


def test_sentences_name_the_row_the_columns_and_the_numbers() -> None:
    assert [one.words for one in findings(columns_of("4"))] == [
        "Smallest embedding time (positive): vgg11_bn, 30.0901 ms.",
        "Smallest embedding time (n1): vgg11_bn, 36.5844 ms.",
        "Smallest similarity time (positive): convnext_small, 1.4477 ms.",
        "Smallest similarity time (n1): convnext_small, 1.2455 ms.",
        "Similarity time below 2 ms (positive): 3 of 7.",
        "Similarity time below 2 ms (n1): 3 of 7.",
        "Largest similarity time (positive and n1): vgg11_bn, 7.9021 and 8.2054 ms.",
        "Similarity above 80 % (positive): efficientnet_v2_s 80.8309, regnet_y_8gf(v2) 87.1618, "
        "resnet101(v2) 84.5940.",
        "Similarity from 79 % to 80 % (positive): convnext_small 79.2268.",
        "Similarity below 0 % (n1): efficientnet_v2_s -0.0798.",
        "Shortest vector: convnext_small, swin_s, 768 numbers.",
        "Longest vector: densenet161, 108192 numbers.",
        "Largest margin (positive less n1): efficientnet_v2_s, 80.9107 points.",
    ]


# ------------------------------------------------------------------------ ties and thresholds


def test_exact_ties_are_all_named_in_the_order_of_columns() -> None:
    rows = [
        column("c", (5.0, 3.0, 90.3), (5, 4.0, 50.1)),
        column("a", (5.0, 3.0, 60.2), (6, 4.0, 20.0)),
        column("b", (5.1, 2.9, 90.3), (5, 4.0, 50.1)),
    ]
    assert labels_of(rows, "A1") == ("c", "a")
    assert labels_of(rows, "A1", "n") == ("c", "b")
    assert labels_of(rows, "A4", "positive, n") == ("c", "a")
    # 90.3 - 50.1 and 60.2 - 20 are both 40.2, though not as binary fractions
    assert labels_of(rows, "A9", "positive, n") == ("c", "a", "b")


def test_figures_that_print_alike_tie() -> None:
    rows = [column("a", (5.00001, 1.99999, 80.00001)), column("b", (5.00004, 1.0, 80.0001))]
    assert labels_of(rows, "A1") == ("a", "b")
    assert labels_of(rows, "A3") == ("b",)
    assert labels_of(rows, "A5") == ("b",)
    assert labels_of(rows, "A6") == ("a",)


@pytest.mark.parametrize(
    ("similarity", "high", "almost"),
    [(78.9999, 0, 0), (79, 0, 1), (80, 0, 1), (80.0001, 1, 0), (100, 1, 0)],
)
def test_high_is_strictly_above_80_and_almost_takes_both_ends(
    similarity: float, high: int, almost: int
) -> None:
    rows = [column("a", (None, None, similarity))]
    assert (len(labels_of(rows, "A5")), len(labels_of(rows, "A6"))) == (high, almost)


@pytest.mark.parametrize(
    ("below", "total", "words"),
    [
        (5, 5, "5 of 5, all."),
        (4, 5, "4 of 5, almost all."),
        (3, 4, "3 of 4."),
        (7, 9, "7 of 9."),
        (8, 10, "8 of 10, almost all."),
        (0, 3, "0 of 3."),
    ],
)
def test_almost_all_begins_at_four_fifths(below: int, total: int, words: str) -> None:
    rows = [column(f"{n}", (None, 1.9999 if n < below else 2.0, None)) for n in range(total)]
    one = found(rows, "A3")
    assert one is not None
    assert one.values == (below, total)
    assert one.words.endswith(f": {words}")


def test_the_slowest_is_slowest_on_both_rows_and_not_quick_on_either() -> None:
    def slowest(*times: tuple[float, float]) -> tuple[str, ...]:
        rows = [column(f"{n}", (1, a, 1), (1, b, 1)) for n, (a, b) in enumerate(times)]
        return labels_of(rows, "A4", "positive, n")

    assert slowest((3, 1), (2, 2)) == ()
    assert slowest((3, 2), (2, 1)) == ("0",)
    assert slowest((3, 1.9), (2, 1)) == ()
    assert slowest((1.9, 3), (1, 1)) == ()
    assert slowest((2, 2)) == ("0",)


def test_zero_is_not_below_zero() -> None:
    rows = [column("a", (1, 1, -5), (1, 1, 0.0)), column("b", (1, 1, 1), (1, 1, -0.0001))]
    assert labels_of(rows, "A7", "n") == ("b",)
    assert labels_of(rows, "A7") == ()  # the positive has no such rule


def test_times_within_the_noise_are_named_beside_the_smallest() -> None:
    rows = [column(label, (ms, None, None)) for label, ms in zip("abcd", (104, 100, 105, 100.1))]  # noqa: B905
    one = found(rows, "A1", noise=0.05)
    assert one is not None
    assert (one.labels, one.alike) == (("b",), ("a", "d"))
    assert one.words == (
        "Smallest embedding time (positive): b, 100.0000 ms; "
        "not distinguishable from it within 5 %: a, d."
    )
    quiet = found(rows, "A1")
    assert quiet is not None
    assert quiet.alike == ()


@pytest.mark.parametrize("noise", [-0.1, math.nan, math.inf])
def test_a_noise_that_is_no_share_is_refused(noise: float) -> None:
    with pytest.raises(UsageError, match="no share"):
        findings([], noise=noise)


# ------------------------------------------------------------------------------ missing figures


def test_nothing_is_found_where_there_is_nothing() -> None:
    assert findings([]) == ()
    assert findings([Figures("a", {}), column("b", (None, None, None))]) == ()


def test_columns_without_a_figure_count_in_no_row() -> None:
    rows = [column("a", (None, 1.0, None)), column("b", (3.0, None, None)), Figures("c", {})]
    assert labels_of(rows, "A1") == ("b",)
    quick = found(rows, "A3")
    assert quick is not None
    assert quick.values == (1, 1)


def test_margins_are_told_against_the_last_negative_or_the_one_named() -> None:
    pairs = {
        role: PairFigures(similarity=value)
        for role, value in {"positive": 90.0, "near": 80.0, "far": 10.0}.items()
    }
    rows = [Figures("a", pairs)]
    assert [one.role for one in findings(rows) if one.rule == "A9"] == ["positive, far"]
    near = [one for one in findings(rows, negative="near") if one.rule == "A9"]
    assert [(one.role, one.values) for one in near] == [("positive, near", (10.0,))]
    assert not [one for one in findings(rows, negative="other") if one.rule == "A9"]


@given(
    st.lists(st.tuples(*[st.none() | st.integers(0, 4).map(float)] * 6), min_size=0, max_size=6),
    st.sampled_from([0.0, 0.5]),
)
def test_the_smallest_is_the_smallest_whatever_is_missing(
    rows: list[tuple[float | None, ...]], noise: float
) -> None:
    figures = [column(f"{n}", row[:3], row[3:]) for n, row in enumerate(rows)]
    for role, at in (("positive", 0), ("n", 3)):
        times = {f"{n}": row[at] for n, row in enumerate(rows) if row[at] is not None}
        one = found(figures, "A1", role, noise)
        assert (one is None) == (not times)
        if one:
            assert one.labels == tuple(k for k, ms in times.items() if ms == min(times.values()))  # type: ignore[type-var]
            assert set(one.values) == {min(times.values())}  # type: ignore[type-var]
            assert not set(one.alike) & set(one.labels)
