"""The published layout: written, read back, and read as the original is written."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lookalike.errors import UsageError
from lookalike.tables.figures import Figures, PairFigures
from lookalike.tables.findings import findings
from lookalike.tables.grouping import Group, grouped
from lookalike.tables.layout import published_layout
from lookalike.tables.layout_reader import read_layout
from lookalike.tables.published import NEGATIVES, published_columns

PUBLISHED = [one.figures for one in published_columns()]
GROUPS = grouped(PUBLISHED)
TEXT = published_layout(GROUPS, NEGATIVES)


def blocks(text: str) -> list[list[str]]:
    """The lines of the table of each block, after header and delimiter."""
    return [
        [line for line in block.splitlines() if line.startswith("|")][2:]
        for block in text.split("<details>")[1:]
    ]


def pair(similarity: float | None = None) -> PairFigures:
    return PairFigures(1.0, 2.0, similarity)


# ---------------------------------------------------------------------------------- published


def test_the_published_figures_are_the_same_49_columns_when_read_back() -> None:
    # M47; the one tag in capitals is written as the others are
    back = read_layout(TEXT)
    expected = [replace(one, label=one.label.replace("(V2)", "(v2)")) for one in PUBLISHED]
    assert [one for group in back for one in group.columns] == expected
    assert [(group.number, group.range) for group in back] == [
        ("1", "0"), ("1.1", "0"), ("2", "1-3"), ("3", "4-6"), ("4", "7-8"), ("5", "9-ongoing")
    ]  # fmt: skip
    assert [len(rows) for rows in blocks(TEXT)] == [16, 16, 16, 12, 12, 12]


def test_the_published_figures_fall_into_the_published_tables() -> None:
    tables = {one.label: one.table for one in published_columns()}
    for group in GROUPS:
        assert {tables[one.label] for one in group.columns} == {group.number}
    assert [len(group.columns) for group in GROUPS] == [11, 9, 9, 8, 7, 5]
    corrected = grouped(one.corrected for one in published_columns())
    assert [len(group.columns) for group in corrected] == [11, 9, 9, 8, 7, 5]


def test_every_row_has_as_many_cells_as_there_are_columns() -> None:
    # E8
    for group, block in zip(GROUPS, TEXT.split("<details>")[1:], strict=True):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert {line.count("|") for line in rows} == {len(group.columns) + 2}


def test_slips_of_the_original_are_put_right() -> None:
    # E4, E5, E7
    assert "|0.71|0.39|0.69|0.10|0.21|0.31|0.53|0.30|" in TEXT
    assert "(V2)" not in TEXT
    assert "regnet_x_3_2gf(v2)" in TEXT
    labels = {line.split("**")[1] for rows in blocks(TEXT) for line in rows}
    assert labels == {
        "Positive Similarity",
        "Negative Similarity (n)",
        "Negative Similarity (n1)",
        "Embedding Inference Time (ms)",
        "Similarity Inference Time (ms)",
        "Anchor & Positive Similarity (%)",
        "Anchor & Negative Similarity (%)",
        "Embedded Vectors Dimension (numbers)",
        "GFLOPs (multiply–accumulates)",  # noqa: RUF001
        "acc1 (%)",
        "acc5 (%)",
    }


def test_the_line_after_a_summary_is_blank_and_cells_are_trimmed() -> None:
    lines = TEXT.splitlines()
    for number, line in enumerate(lines):
        if "<summary>" in line:
            assert lines[number + 1] == ""
            assert lines[number + 2].startswith("|**NN Architecture**|")
        if line.startswith("|"):
            assert not re.search(r"\| | \|", line)
    assert TEXT.endswith("</details>\n")


def test_summaries_are_numbered_as_the_published_ones_are() -> None:
    assert re.findall(r"<summary>(.*)</summary>", TEXT) == [
        "1. GFLOPs Range (0)",
        "1.1 GFLOPs Range (0)",
        "2. GFLOPs Range (1-3)",
        "3. GFLOPs Range (4-6)",
        "4. GFLOPs Range (7-8)",
        "5. GFLOPs Range (9-ongoing)",
    ]


def test_equal_input_gives_equal_bytes() -> None:
    assert published_layout(grouped(list(PUBLISHED)), list(NEGATIVES)) == TEXT
    assert published_layout(GROUPS) == TEXT


def test_each_block_has_its_own_findings() -> None:
    for group, block in zip(GROUPS, TEXT.split("<details>")[1:], strict=True):
        bullets = [line[2:] for line in block.splitlines() if line.startswith("- ")]
        expected = [one.words.replace("(V2)", "(v2)") for one in findings(group.columns)]
        assert bullets == expected
        assert block.index("### **Analysis:**") < block.index("- Smallest")


# ------------------------------------------------------------------------------------ grouping


def test_a_bound_belongs_to_the_group_above_it() -> None:
    rows = [Figures(f"{g}", {}, gflops=g) for g in (0.49, 0.5, 1.99, 2.0, 9.99, 10.0, 500.0)]
    found = grouped(rows, (0.5, 2, 10))
    assert [(group.range, [one.label for one in group.columns]) for group in found] == [
        ("below 0.5", ["0.49"]),
        ("0.5 to below 2", ["0.5", "1.99"]),
        ("2 to below 10", ["2.0", "9.99"]),
        ("10 and up", ["10.0", "500.0"]),
    ]


def test_whole_bounds_are_named_as_the_published_ones_are() -> None:
    rows = [Figures("", {}, gflops=g) for g in (0.0, 0.99, 1.0, 3.99, 4.0, 6.99, 7, 8.99, 9, 999)]
    ranges = [group.range for group in grouped(rows)]
    assert ranges == ["0", "1-3", "4-6", "7-8", "9-ongoing"]
    assert [group.range for group in grouped(rows, (0, 1, 4, 7, 9))] == ranges
    assert [group.range for group in grouped(rows, (5,))] == ["0-4", "5-ongoing"]
    assert [group.range for group in grouped(rows, ())] == ["0-ongoing"]
    assert [group.range for group in grouped(rows, (0, 9.5))] == ["below 9.5", "9.5 and up"]


def test_groups_without_models_are_not_there_and_take_no_number() -> None:
    rows = [Figures("a", {}, gflops=20), Figures("b", {}), Figures("c", {}, gflops=5)]
    found = grouped(rows)
    assert [(one.number, one.range) for one in found] == [
        ("1", "4-6"), ("2", "9-ongoing"), ("3", "unknown")
    ]  # fmt: skip
    assert grouped([]) == ()
    assert published_layout(grouped([])) == ""


def test_a_wide_group_is_cut_into_parts() -> None:
    rows = [Figures(f"{n}", {}, gflops=n % 2) for n in range(10)]
    found = grouped(rows, most_columns=2)
    assert [one.number for one in found] == ["1", "1.1", "1.2", "2", "2.1", "2.2"]
    assert [one.label for one in found[1].columns] == ["4", "6"]
    assert [len(one.columns) for one in found] == [2, 2, 1, 2, 2, 1]


@given(
    st.lists(st.none() | st.floats(0, 20)),
    st.sets(st.floats(0, 20) | st.integers(0, 20), max_size=6),
    st.integers(1, 5),
)
def test_grouping_loses_nothing_and_keeps_the_order(
    gflops: list[float | None], bounds: set[float], most: int
) -> None:
    rows = [Figures(f"{n}", {}, gflops=g) for n, g in enumerate(gflops)]
    found = grouped(rows, sorted(bounds), most_columns=most)
    back = [one for group in found for one in group.columns]
    assert sorted(back, key=lambda one: int(one.label)) == rows
    assert all(1 <= len(group.columns) <= most for group in found)
    assert len({one.number for one in found}) == len(found)
    edges = [-math.inf, *sorted(bounds), math.inf]
    for name in {group.range for group in found}:
        same = [one for group in found if group.range == name for one in group.columns]
        assert [int(one.label) for one in same] == sorted(int(one.label) for one in same)
        places = {
            None if one.gflops is None else sum(edge <= one.gflops for edge in edges)
            for one in same
        }
        assert len(places) == 1
    known = [one.gflops for one in back if one.gflops is not None]
    assert len(known) == len(back) or None not in [one.gflops for one in back[: len(known)]]


@pytest.mark.parametrize("bounds", [(2, 1), (1, 1), (-1, 2), (math.nan,), (1, math.inf)])
def test_bounds_that_do_not_ascend_are_refused(bounds: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="ascend"):
        grouped([], bounds)


def test_a_table_without_room_is_refused() -> None:
    with pytest.raises(UsageError, match="most_columns=0"):
        grouped([], most_columns=0)


# ------------------------------------------------------------------------------------- writing


def test_missing_figures_are_a_dash_and_roles_without_any_have_no_rows() -> None:
    rows = (
        Figures("a", {"positive": pair(90), "near": pair(), "far": pair(-1)}, acc1=70.1),
        Figures("b", {"far": PairFigures()}, dim=3),
    )
    text = published_layout([Group("1", "0", rows), Group("2", "1-3", rows[1:])], ["near", "far"])
    assert [len(rows) for rows in blocks(text)] == [16, 8]
    assert "|**Anchor & Positive Similarity (%)**|90.0000|–|" in text  # noqa: RUF001
    assert "|**acc1 (%)**|70.1|–|" in text  # noqa: RUF001
    assert text.index("(near)") < text.index("(far)")
    back = read_layout(text)
    assert back[0].columns[1] == Figures("b", {}, dim=3)
    assert back[0].columns[0].pairs["near"] == PairFigures(1.0, 2.0)


def test_figures_have_the_published_decimals() -> None:
    row = Figures("a", {"positive": pair(-0.00001)}, dim=12, gflops=0.1, acc1=75.0, acc5=90.1235)
    text = published_layout([Group("1", "0", (row,))])
    cells = [line.split("|")[2] for line in blocks(text)[0]]
    assert cells == ["-", "1.0000", "2.0000", "0.0000", "12", "0.10", "75", "90.124"]


def test_a_block_in_which_nothing_stands_out_has_no_analysis() -> None:
    text = published_layout([Group("1", "unknown", (Figures("a", {}),))])
    assert "Analysis" not in text
    assert read_layout(text)[0].columns == (Figures("a", {}),)


def test_roles_that_are_not_asked_for_are_nowhere() -> None:
    rows = (Figures("a", {"positive": pair(90), "near": pair(), "far": pair(-1)}),)
    text = published_layout([Group("1", "0", rows)], ["near"])
    assert "far" not in text
    assert "(near)" in text


def test_a_role_loses_surplus_blanks_but_not_its_figures() -> None:
    rows = (Figures("a", {" far\n off": pair(-1)}),)
    [group] = read_layout(published_layout([Group("1", "0", rows)], [" far\n off"]))
    assert group.columns[0].pairs == {"far off": pair(-1)}


def test_noise_is_told_in_the_bullets() -> None:
    assert "not distinguishable from it within 50 %" in published_layout(GROUPS, noise=0.5)


def test_labels_cannot_break_the_table_or_the_page() -> None:
    label = "a|b\\|c\\ *x* </details> [l](u) `c`\nd & e"
    rows = (Figures(label, {"positive": pair(99)}), Figures("plain", {"positive": pair(99)}))
    text = published_layout([Group("1", "0", rows)])
    assert re.findall(r"(?<!\\)</details>", text) == ["</details>"]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in blocks(text)[0]}) == 1
    back = read_layout(text)[0].columns
    assert [one.label for one in back] == [label.replace("\n", " "), "plain"]
    bullet = next(line for line in text.splitlines() if line.startswith("- Similarity above"))
    assert "\\*x\\* \\</details>" in bullet


@pytest.mark.parametrize(
    ("label", "roles", "said"),
    [(" \n", ["n"], "no name"), ("a", [" "], "no name"), ("a", ["positive"], "one role"),
     ("a", ["n", " n"], "one role")],
)  # fmt: skip
def test_names_that_would_be_lost_are_refused(label: str, roles: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        published_layout([Group("1", "0", (Figures(label, {}),))], roles)


# ------------------------------------------------------------------------------ there and back


def plain(text: str) -> str:
    return " ".join(text.replace("V", "v").split())


NAMES = (
    st.text(min_size=1) | st.text("|\\*_ ()-<>&`Vv12\n", min_size=1)
).map(plain).filter(bool)  # fmt: skip


def decimals(count: int) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(-1e5, 1e5).map(lambda value: round(value, count))


PAIRS = st.builds(PairFigures, decimals(4), decimals(4), decimals(4))


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[Figures]]:
    roles = draw(st.lists(NAMES.filter(lambda name: name != "positive"), max_size=3, unique=True))
    rows = draw(
        st.lists(
            st.builds(
                Figures,
                NAMES,
                st.dictionaries(st.sampled_from(["positive", *roles]), PAIRS),
                dim=st.none() | st.integers(0, 10**9),
                gflops=st.none() | st.floats(0, 20).map(lambda value: round(value, 2)),
                acc1=decimals(3),
                acc5=decimals(3),
            ),
            max_size=8,
        )
    )
    return roles, rows


@given(tables(), st.integers(1, 4))
@example((["a)-(b", "n"], [Figures("-", {"a)-(b": PairFigures(1.0)}), Figures("**", {})]), 4)
@example((["NN Architecture"], [Figures("a\\", {"positive": PairFigures(0.0)}, acc1=-0.0)]), 4)
def test_what_is_written_is_read_back(table: tuple[list[str], list[Figures]], most: int) -> None:
    roles, rows = table
    filled = [
        replace(one, pairs={role: held for role, held in one.pairs.items() if not held.empty})
        for one in rows
    ]
    groups = grouped(filled, most_columns=most)
    text = published_layout(groups, roles)
    assert (read_layout(text) if rows else ()) == groups
    assert published_layout(grouped(rows, most_columns=most), roles) == text


# ------------------------------------------------------------------------- the original's style

ORIGINAL = """# A README

## Input data

|Anchor (a)|Source (s)|
|:---:|:---:|
|![a](a.jpg)|![s](s.jpg)|

<details>
  <summary>1.1 GFLOPS Range (0)</summary>
\x20\x20
|**NN Architecture**|tinynet0_5| slim_v2 (V2)|widenet(v1)|
|:---:|:---:|:---:|:---:|
|**Positive Similarity**|-|-|-|-|-|-|
|**Embedding Inference Time(ms)**|10.5000| 20.25 |30.1234
|**Similarity Inference Time(ms)***|1.1000|2.5|0.9|
|**Anchor & Positive Similarity**|81.2500|79.5|-3.25|
|**Negative Similarity (n)**|-|-|-|-|-|-|
|**Embedding Inference Time(ms)**|40.5|50.5|60.5|
|**Similarity Inference Time**|1.0|1.25|1.5|
|**Anchor & Negative Similarity**|-1.5|12.25|3.5|
|**Negative Similarity (n1)-resized**|-|-|-|-|-|-|
|**Embedding Inference Time(ms)**|11.5|21.5|31.5|
|**Similarity Inference Time**|1.75|2.25|\u2013|
|**Anchor & Negative Similarity**|-2.5|13.25|4.5|7.7|
|**Embedded Vectors Dimension**|512|62720|1280|
  |**GFLOPS (Giga Floating Point Operations Per Second)**|0.1|0.35|0.80|
|**acc1**|60.5|70.123|75|
|**acc5**|80.5|90|92.25|

### **Analysis:**
- tinynet0_5 is quick | and small

</details>

<details>
<summary>2. GFLOPS Range (1-3)</summary>

|**NN Architecture**|big|
|-|-|
|**Positive Similarity**|-|
|**Embedding Inference Time(ms)**|99.5|
|**Similarity Inference Time(ms)**|3.5|
|**Anchor & Positive Similarity**|88.5|
|**GFLOPS (Giga Floating Point Operations Per Second)**|2.05|
|**acc1**|77.7
|**acc5**|93.3

</details>
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_original_style_is_read(newline: str) -> None:
    first, second = read_layout(ORIGINAL.replace("\n", newline))
    assert (first.number, first.range, second.number, second.range) == ("1.1", "0", "2", "1-3")
    assert first.columns == (
        Figures(
            "tinynet0_5",
            {
                "positive": PairFigures(10.5, 1.1, 81.25),
                "n": PairFigures(40.5, 1.0, -1.5),
                "n1": PairFigures(11.5, 1.75, -2.5),
            },
            dim=512,
            gflops=0.1,
            acc1=60.5,
            acc5=80.5,
        ),
        Figures(
            "slim_v2 (v2)",
            {
                "positive": PairFigures(20.25, 2.5, 79.5),
                "n": PairFigures(50.5, 1.25, 12.25),
                "n1": PairFigures(21.5, 2.25, 13.25),
            },
            dim=62720,
            gflops=0.35,
            acc1=70.123,
            acc5=90,
        ),
        Figures(
            "widenet(v1)",
            {
                "positive": PairFigures(30.1234, 0.9, -3.25),
                "n": PairFigures(60.5, 1.5, 3.5),
                "n1": PairFigures(31.5, None, 4.5),
            },
            dim=1280,
            gflops=0.8,
            acc1=75,
            acc5=92.25,
        ),
    )
    assert second.columns == (
        Figures(
            "big", {"positive": PairFigures(99.5, 3.5, 88.5)}, gflops=2.05, acc1=77.7, acc5=93.3
        ),
    )


def test_the_original_style_is_our_style_after_a_turn() -> None:
    once = read_layout(ORIGINAL)
    assert read_layout(published_layout(once)) == once


HEADER = "|**NN Architecture**|a|b|\n|:-:|:-:|:-:|\n"


@pytest.mark.parametrize(
    ("text", "said", "where"),
    [
        ("# nothing\n|a|b|\n|-|-|\n", "no table", ""),
        (HEADER + "|**Charm**|1|2|", "'Charm'", "line 3"),
        (HEADER + "|**acc1**|1|high|", "'high' is no figure", "line 3, b"),
        (HEADER + "|**acc1**|1|nan|", "'nan'", "line 3, b"),
        (HEADER + "|**acc1**|1_0|2|", "'1_0'", "line 3, a"),
        (HEADER + "|**acc1**|1|2|\n|**acc1**|1|2|", "twice", "line 4"),
        (HEADER + "|**Anchor & Positive Similarity**|1|2|", "heading", "line 3"),
        (HEADER + "|**Embedded Vectors Dimension**|1|2.5|", "'2.5'", "line 3, b"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, said: str, where: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read_layout(text)
    assert caught.value.where == where


def test_missing_cells_have_no_figure_and_surplus_ones_are_ignored() -> None:
    header = HEADER.replace("|a|b|", "|a|b||  |")
    [group] = read_layout(header + "|**acc1**|1|\n|**acc5**|1|2|3|none|\n\n|**acc1**|7|7|\n")
    assert group == Group("", "", (Figures("a", {}, acc1=1, acc5=1), Figures("b", {}, acc5=2)))


# --------------------------------------------------------------------------------------- labels
