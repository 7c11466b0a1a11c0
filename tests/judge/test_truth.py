"""Truths laid against rows: who belongs to whom, what is left out, what is refused."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike import Embeddings, LookalikeError, Truth, truth_of
from lookalike.embeddings import Row
from lookalike.errors import UsageError
from lookalike.judge.listed import ListedPairs
from lookalike.judge.truth import Setting, folder_of
from lookalike.judge.verdicts import Verdict, remember

Pairs = dict[tuple[str, str], bool]
"""(id, id), smaller one first where nobody is a query → whether they are the same."""


def rows_of(ids: Iterable[str], **more: Any) -> tuple[Row, ...]:
    """Rows as a store has them: ids, and the paths of files or archives."""
    names = list(ids)
    store = Embeddings.from_numpy(np.zeros((len(names), 2)), names, encoder="x")
    return tuple(replace(row, path=row.id.partition("::")[0], **more) for row in store.rows)


def judged(setting: Setting, rows: tuple[Row, ...]) -> Pairs:
    """Every pair that counts."""
    trial = setting.trial
    found: Pairs = {}
    if isinstance(trial, ListedPairs):
        for a, b, same in zip(trial.rows, trial.columns, trial.same, strict=True):
            key = min(rows[a].id, rows[b].id), max(rows[a].id, rows[b].id)
            assert key not in found
            found[key] = bool(same)
        return found
    relations = trial.relations(slice(0, len(trial.rows)))
    kinds = {
        (int(row), int(column)): None if ignored else True
        for row, column, ignored in zip(
            relations.rows, relations.columns, relations.ignored, strict=True
        )
    }
    for row, column in itertools.product(range(len(trial.rows)), range(len(trial.columns))):
        same = False if column == trial.own[row] else kinds.get((row, column), False)
        if same is None or column == trial.own[row]:
            continue
        a, b = rows[trial.rows[row]].id, rows[trial.columns[column]].id
        found[(min(a, b), max(a, b)) if trial.symmetric else (a, b)] = same
    return found


def laid(truth: Any, ids: Iterable[str], *, label: str | None = None) -> tuple[Setting, Pairs]:
    rows = rows_of(ids)
    setting = truth_of(truth, label=label).setting(rows)
    return setting, judged(setting, rows)


def by_label(labels: dict[str, Any]) -> Pairs:
    """All pairs of labelled ids."""
    return {
        (min(a, b), max(a, b)): labels[a] == labels[b] for a, b in itertools.combinations(labels, 2)
    }


def table(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


# Folders


def test_the_folder_of_a_picture_is_its_label_wherever_the_folder_lies() -> None:
    ids = {
        "cats/1.jpg": "cats",
        "deep/down/cats/2.jpg": "cats",
        "animals.tar::dogs/1.png": "dogs",
        "cats/zoo.zip::dogs/2.png": "dogs",
        r"c:\pictures\dogs\3.png": "dogs",
        r"zoo.zip::in\cats\4.png": "cats",
        "Cats/5.jpg": "Cats",
    }
    setting, pairs = laid("folders", ids)
    assert pairs == by_label(ids)
    assert setting.about == "7 pictures of 3 identities, by the folder of each picture"
    assert setting.notes == ()


@pytest.mark.parametrize(
    ("id", "path", "folder"),
    [
        ("cats/a::b.jpg", "cats/a::b.jpg", "cats"),
        ("a::b/1.jpg", "a::b/1.jpg", "a::b"),
        ("x::y.tar::cats/a::b.jpg", "x::y.tar", "cats"),
        ("cats/a::b.jpg", None, "cats"),
        ("zoo.tar.gz::cats/a::b.jpg", None, "cats"),
        ("zoo.zip::dogs/1.jpg", None, "dogs"),
        ("cafe\u0301/1.jpg", None, "caf\u00e9"),
    ],
)
def test_a_colon_in_a_name_and_its_spelling_lose_no_label(
    id: str, path: str | None, folder: str
) -> None:
    assert folder_of(id, path) == folder


def test_a_picture_in_no_folder_has_no_label_and_is_counted() -> None:
    ids = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "loose.jpg", "some.tar::loose.png"]
    setting, pairs = laid("folders", ids)
    assert pairs == by_label({"a/1.jpg": "a", "a/2.jpg": "a", "b/1.jpg": "b"})
    assert setting.notes == ("left out: 2 pictures without a label",)


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["a/1", "a/2"], "only the label 'a'"),
        (["a/1", "b/1"], "no label twice"),
        (["1", "2"], "no two labels"),
        ([], "no two labels"),
    ],
)
def test_folders_that_make_no_pairs_are_refused_with_other_truths_to_name(
    ids: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        laid("folders", ids)
    assert "--truth partners" in caught.value.cure


# Labels in the order of the vectors


@given(st.lists(st.sampled_from([None, "a", "b", 3, ("a", 1), True]), min_size=2, max_size=9))
def test_labels_belong_to_the_vectors_in_their_order(labels: list[Any]) -> None:
    ids = [f"{n}" for n in range(len(labels))]
    known = {id: label for id, label in zip(ids, labels, strict=True) if label is not None}
    counts = [list(known.values()).count(label) for label in known.values()]
    if len(set(known.values())) < 2 or max(counts) < 2:
        with pytest.raises(UsageError, match="the labels given"):
            laid(labels, ids)
        return
    setting, pairs = laid(labels, ids)
    assert pairs == by_label(known)
    assert bool(setting.notes) == (None in labels)


def test_labels_may_come_as_an_array() -> None:
    _, pairs = laid(np.array([1, 2, 1]), ["x", "y", "z"])
    assert pairs == {("x", "y"): False, ("x", "z"): True, ("y", "z"): False}


def test_as_many_labels_as_vectors_are_needed() -> None:
    with pytest.raises(UsageError, match="2 labels for 3 vectors"):
        laid(["a", "b"], ["x", "y", "z"])


def test_pictures_of_one_id_are_told_apart() -> None:
    # two views or two stores joined: the id is the same, the vectors are not
    setting = truth_of(["a", "b", "a"]).setting(rows_of(["x", "x", "x"]))
    assert not isinstance(setting.trial, ListedPairs)
    assert sorted(setting.trial.rows.tolist()) == [0, 1, 2]
    assert setting.trial.units == 2


# Tables of labels


def test_a_table_of_labels_is_found_by_its_columns(tmp_path: Path) -> None:
    labels = {"x": "1", "y": "2", "z": "1"}
    for id in ("id", "path", "picture", "file", "image"):
        for label in ("label", "class", "identity", "person", "category"):
            lines = [f"{label},{id}", *(f"{said},{name}" for name, said in labels.items())]
            setting, pairs = laid(table(tmp_path / "t.csv", "\n".join(lines)), labels)
            assert pairs == by_label(labels)
            assert f"column {label!r} of" in setting.about


def test_another_column_is_named_by_label(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "id,label,maker\nx,1,a\ny,2,a\nz,1,b\n")
    assert laid(path, "xyz", label="maker")[1] == by_label({"x": "a", "y": "a", "z": "b"})
    assert laid(path, "xyz")[1] == by_label({"x": "1", "y": "2", "z": "1"})
    pairs = table(tmp_path / "p.csv", "id,a,b,same\nx,1,1,1\ny,2,1,1\nz,1,2,1\n")
    assert laid(pairs, "xyz", label="a")[1] == by_label({"x": "1", "y": "2", "z": "1"})
    with pytest.raises(UsageError, match="columns id, label, maker are no truth"):
        laid(path, "xyz", label="painter")


def test_empty_labels_and_unknown_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "id,label\nx,1\ny,2\nz,1\ne,\nw, \nabsent,1\n")
    setting, pairs = laid(path, ["x", "y", "z", "e", "w", "unnamed"])
    assert pairs == by_label({"x": "1", "y": "2", "z": "1"})
    assert setting.notes[0] == "left out: 3 pictures without a label"


def test_rows_of_a_table_that_have_no_vector_are_told(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "id,label\nx,1\ny,2\nz,1\ngone,1\nlost,2\n")
    setting, _ = laid(path, "xyz")
    assert any("gone" in note or "2 " in note for note in setting.notes)


def test_one_picture_with_two_labels_is_refused_by_its_row(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "id,label\nx,1\ny,2\nx,1\nx,2\n")
    with pytest.raises(UsageError, match="'x' is '2' here and '1' above") as caught:
        laid(path, "xy")
    assert caught.value.where == f"{path}, row 5"


def test_one_picture_spelt_in_two_ways_can_not_have_two_labels(tmp_path: Path) -> None:
    picture = str(tmp_path / "pictures" / "x.png")
    text = f"id,label\npictures/x.png,1\n{picture},2\ny,2\nz,1\n"
    path = table(tmp_path / "t.csv", text)
    with pytest.raises(UsageError, match="row 3"):
        laid(path, [picture, "y", "z"])


def test_a_row_without_an_id_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "id,label\nx,1\n ,2\n")
    with pytest.raises(UsageError, match="column 'id' is empty") as caught:
        laid(path, "xy")
    assert caught.value.where == f"{path}, row 3"


def test_ids_may_be_relative_to_the_folder_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [str(tmp_path / "data" / "p" / name) for name in ("1.png", "2.png", "3.png")]
    path = table(tmp_path / "data" / "t.csv", "id,label\np/1.png,a\n./p/2.png,b\np/x/../3.png,a\n")
    assert laid(path, ids)[1] == by_label(dict(zip(ids, "aba", strict=True)))
    monkeypatch.chdir(tmp_path / "data")
    assert laid("t.csv", ids)[1] == by_label(dict(zip(ids, "aba", strict=True)))
    # ids of the store may be relative, too: to where one is
    relative = ["p/1.png", "p/2.png", "p/3.png"]
    absolute = table(tmp_path / "u.csv", "id,label\n" + "".join(map("{},a\n".format, ids[:2])))
    with pytest.raises(UsageError, match="only the label 'a'"):
        laid(absolute, relative)


def test_ids_and_labels_may_be_spelled_in_two_ways(tmp_path: Path) -> None:
    nfc, nfd = "caf\u00e9", "cafe\u0301"
    ids = [str(tmp_path / f"{nfd}{n}.png") for n in range(3)]
    text = f"id,label\n{nfc}0.png,{nfc}\n{nfd}1.png,{nfd}\n{tmp_path}/{nfc}2.png,b\n"
    assert laid(table(tmp_path / "t.csv", text), ids)[1] == by_label(
        dict(zip(ids, [nfc, nfc, "b"], strict=True))
    )


def test_of_two_spellings_in_the_store_each_is_itself_and_no_third_is_guessed(
    tmp_path: Path,
) -> None:
    one, two, third = "\u1e9b\u0323", "\u017f\u0323\u0307", "\u017f\u0307\u0323"
    path = table(tmp_path / "t.csv", f"id,label\n{one},a\n{two},b\n{third},c\nx,a\n")
    setting, pairs = laid(path, [one, two, "x"])
    assert pairs == by_label({one: "a", two: "b", "x": "a"})
    assert any(third in note for note in setting.notes)


def test_an_id_as_it_stands_comes_before_a_path(tmp_path: Path) -> None:
    beside = str(tmp_path / "x.png")
    path = table(tmp_path / "t.csv", "id,label\nx.png,a\ny,b\nz,a\n")
    _, pairs = laid(path, ["x.png", beside, "y", "z"])
    assert pairs == by_label({"x.png": "a", "y": "b", "z": "a"})


def test_all_rows_of_one_id_have_its_label(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "id,label\nx,1\ny,2\n")
    setting, _ = laid(path, ["x", "x", "y"])
    assert setting.about.startswith("3 pictures of 2 identities")


def test_a_table_whose_ids_nobody_has_says_what_ids_are(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "id,label\nx,1\ny,2\nz,1\n")
    with pytest.raises(UsageError, match="no two labels among 2 pictures") as caught:
        laid(path, ["p", "q"])
    assert "ids in the table have to be those of the store" in caught.value.cure


# Tables of pairs


def test_listed_pairs_are_judged_and_no_others(tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", "b,same,a\ny,1,x\nz,no,x\nw,different,y\nz,Same,w\n")
    setting, pairs = laid(path, "wxyz")
    assert pairs == {
        ("x", "y"): True,
        ("x", "z"): False,
        ("w", "y"): False,
        ("w", "z"): True,
    }
    assert setting.about == f"2 same and 2 different pairs listed in {path}"
    assert setting.notes == ()


def test_a_pair_listed_twice_counts_once_in_either_order(tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", "a,b,same\nx,y,1\ny,x,yes\nx,y,true\nx,z,0\n")
    assert laid(path, "xyz")[1] == {("x", "y"): True, ("x", "z"): False}


@pytest.mark.parametrize("again", ["x,y,0", "y,x,0"])
def test_a_pair_that_is_both_the_same_and_not_is_refused_by_its_row(
    tmp_path: Path, again: str
) -> None:
    path = table(tmp_path / "p.csv", f"a,b,same\nx,y,1\nx,z,0\n{again}\n")
    with pytest.raises(UsageError, match="or in row 2, not both") as caught:
        laid(path, "xyz")
    assert caught.value.where == f"{path}, row 4"


@pytest.mark.parametrize(("cell", "said"), [("", "is empty"), ("maybe", "neither yes nor no")])
def test_a_pair_without_a_word_is_refused_by_its_row(tmp_path: Path, cell: str, said: str) -> None:
    path = table(tmp_path / "p.csv", f"a,b,same\nx,y,1\nx,z,{cell}\n")
    with pytest.raises(UsageError, match=said) as caught:
        laid(path, "xyz")
    assert caught.value.where == f"{path}, row 3"


def test_pairs_with_a_side_that_has_no_vector_are_left_out_and_counted(tmp_path: Path) -> None:
    text = "a,b,same\nx,y,1\nx,z,0\nx,gone,1\nlost,gone,0\n"
    setting, pairs = laid(table(tmp_path / "p.csv", text), "xyz")
    assert pairs == {("x", "y"): True, ("x", "z"): False}
    assert setting.notes == ("2 pairs of 4 left out: a side has no vector",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y,1\n", "2 pairs? have|1 pair 1 can be judged, and a pair that is different is not"),
        ("x,y,0\n", "a pair that is the same is not among them"),
        ("p,q,0\np,r,1\n", "of 2 pairs 0 can be judged"),
    ],
)
def test_pairs_of_one_kind_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = table(tmp_path / "p.csv", f"a,b,same\n{text}")
    with pytest.raises(UsageError, match=said) as caught:
        laid(path, "xyz")
    assert caught.value.where == path
    assert caught.value.cure


def test_pairs_may_be_named_by_paths_beside_the_table(tmp_path: Path) -> None:
    ids = [str(tmp_path / name) for name in ("1.png", "2.png", "3.png")]
    path = table(tmp_path / "p.csv", "a,b,same\n1.png,2.png,1\n3.png,./1.png,0\n")
    assert laid(path, ids)[1] == {(ids[0], ids[1]): True, (ids[0], ids[2]): False}


# Lists of what is relevant


def gains_of(setting: Setting, rows: tuple[Row, ...]) -> dict[tuple[str, str], float]:
    trial = setting.trial
    assert not isinstance(trial, ListedPairs)
    found = trial.relations(slice(0, len(trial.rows)))
    return {
        (rows[trial.rows[row]].id, rows[trial.columns[column]].id): float(gain)
        for row, column, gain in zip(found.rows, found.columns, found.gains, strict=True)
    }


def test_a_query_is_held_against_everybody_with_gains_for_those_listed(tmp_path: Path) -> None:
    text = "query,relevant,gain\nq,x,3\nq,y,0.5\nr,y,\nr,q,0\n"
    rows = rows_of(["x", "q", "r", "y", "z"])
    setting = truth_of(table(tmp_path / "r.csv", text)).setting(rows)
    assert gains_of(setting, rows) == {("q", "x"): 3.0, ("q", "y"): 0.5, ("r", "y"): 1.0}
    pairs = judged(setting, rows)
    expected = {(a, b): False for a in "qr" for b in "xqryz" if a != b}
    assert pairs == expected | {("q", "x"): True, ("q", "y"): True, ("r", "y"): True}
    assert setting.about.startswith("2 queries against 5 pictures")


def test_without_gains_everything_listed_counts_one(tmp_path: Path) -> None:
    rows = rows_of("qxy")
    path = table(tmp_path / "r.csv", "query,relevant\nq,x\nq,q\n")
    setting = truth_of(path).setting(rows)
    assert gains_of(setting, rows) == {("q", "x"): 1.0, ("q", "q"): 1.0}
    # a picture is no answer to itself
    assert judged(setting, rows) == {("q", "x"): True, ("q", "y"): False}


def test_ids_of_lists_that_have_no_vector_are_named(tmp_path: Path) -> None:
    path = table(tmp_path / "r.csv", "query,relevant\nq,x\nq,gone\nlost,x\n")
    setting, pairs = laid(path, "qxy")
    assert pairs == {("q", "x"): True, ("q", "y"): False}
    assert setting.notes == ("left out: 2 ids of the table without a vector: gone, lost",)
    with pytest.raises(UsageError, match="none of the queries"):
        laid(path, "xyz")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("q,x,2", "another gain"),
        ("q,y,-1", "no number from 0 up"),
        ("q,y,much", "no number from 0 up"),
        ("q,y,nan", "no number from 0 up"),
        ("q,y,inf", "no number from 0 up"),
        (",y,1", "is empty"),
        ("q, ,1", "is empty"),
    ],
)
def test_a_line_of_a_list_that_says_nothing_is_refused_by_its_row(
    tmp_path: Path, line: str, said: str
) -> None:
    path = table(tmp_path / "r.csv", f"query,relevant,gain\nq,x,1\n{line}\n")
    with pytest.raises(UsageError, match=said) as caught:
        laid(path, "qxy")
    assert caught.value.where == f"{path}, row 3"


# Verdicts


def verdict(a: str, b: str, said: str, by: str = "me", when: str = "2024-01-01") -> Verdict:
    return Verdict(a, b, said, by, when)


def digested(digests: dict[str, str]) -> tuple[Row, ...]:
    return tuple(replace(row, digest=digests[row.id]) for row in rows_of(digests))


DIGESTS = {"x": "dx", "y": "dy", "z": "dz", "w": "dw"}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_last_verdict_of_a_person_counts_in_either_order(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"v.{ending}"
    remember(
        path,
        [
            verdict("dx", "dy", "different", when="2025-01-01"),
            verdict("dy", "dx", "same", when="2024-01-01"),  # later in the file
            verdict("dx", "dz", "same"),
            verdict("dx", "dz", "different"),
            verdict("dz", "dy", "different", by="card:abc"),
            verdict("dw", "dx", "same"),
            verdict("dx", "dw", "unsure"),
            verdict("dx", "unknown", "different"),
        ],
    )
    rows = digested(DIGESTS)
    setting = truth_of(str(path)).setting(rows)
    assert judged(setting, rows) == {("x", "y"): True, ("x", "z"): False}
    assert setting.notes == (
        "1 pair of 3 left out: a side has no vector",
        "left out: 1 verdict by a threshold, no truth",
    )


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_verdict_of_a_threshold_does_not_undo_that_of_a_person(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"v.{ending}"
    remember(path, [verdict("dx", "dy", "same"), verdict("dx", "dz", "different")])
    remember(path, [verdict("dx", "dy", "different", by="card:abc")])
    rows = digested(DIGESTS)
    assert judged(truth_of(path).setting(rows), rows) == {("x", "y"): True, ("x", "z"): False}


def test_verdicts_are_about_contents_not_names(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    remember(path, [verdict("dx", "dy", "same"), verdict("dx", "dz", "different")])
    moved = digested({"elsewhere/1": "dx", "elsewhere/2": "dz", "elsewhere/3": "dy"})
    assert judged(truth_of(path).setting(moved), moved) == {
        ("elsewhere/1", "elsewhere/3"): True,
        ("elsewhere/1", "elsewhere/2"): False,
    }
    with pytest.raises(UsageError, match="of 2 pairs 0 can be judged"):
        truth_of(path).setting(rows_of(["dx", "dy", "dz"]))  # no digests, whatever the ids


def test_verdicts_of_thresholds_alone_are_no_truth(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    remember(
        path, [verdict("dx", "dy", "same", "card:1"), verdict("dx", "dz", "different", "card:1")]
    )
    with pytest.raises(UsageError, match="of 0 pairs"):
        truth_of(path).setting(digested(DIGESTS))


# People and cameras


def reid(ids: list[str]) -> tuple[Setting, Pairs]:
    return laid("reid", ids)


def test_queries_are_held_against_the_gallery_only() -> None:
    ids = [
        "m/query/0001_c1s1_000001_00.jpg",
        "m/query/0002_c1s1_000001_00.jpg",
        "m/bounding_box_test/0001_c1s1_000002_00.jpg",  # same person, same camera: ignored
        "m/bounding_box_test/0001_c2s1_000001_00.jpg",
        "m/bounding_box_test/0000_c2s1_000001_00.jpg",  # distractor
        "m/bounding_box_test/0000_c2s1_000002_00.jpg",  # another one
        "m/bounding_box_test/-1_c2s1_000001_00.jpg",  # junk
        "m/bounding_box_train/0003_c2s1_000001_00.jpg",
    ]
    setting, pairs = reid(ids)
    expected = {
        (query, entry): query[8:12] == entry[20:24]
        for query in ids[:2]
        for entry in ids[2:6]
        if (query, entry) != (ids[0], ids[2])
    }
    assert pairs == expected
    assert setting.about == "2 queries of 2 people against 4 pictures"
    assert setting.notes[:2] == (
        "left out: 1 junk picture (person -1)",
        "left out: 1 picture for training",
    )


def test_distractors_are_strangers_to_each_other() -> None:
    ids = [f"0000_c{n}s1_000001_00.jpg" for n in (1, 2)]
    ids += [f"0001_c{n}s1_000001_00.jpg" for n in (1, 2)]
    setting, pairs = reid(ids)
    assert not isinstance(setting.trial, ListedPairs)
    # distractors never ask, and nobody is theirs
    assert {query for query, _ in pairs} == set(ids[2:])
    assert [pair for pair, same in pairs.items() if same] == [
        pair for pair in pairs if set(pair) == set(ids[2:])
    ]
    assert setting.trial.units == 3


def test_without_folders_every_picture_is_query_and_gallery() -> None:
    ids = ["0001_c1s1_1_00.jpg", "0001_c2s1_1_00.jpg", "0001_c2s1_2_00.jpg", "0002_c1s1_1_00.jpg"]
    setting, pairs = reid(ids)
    assert pairs == {
        (ids[0], ids[1]): True,
        (ids[0], ids[2]): True,
        (ids[0], ids[3]): False,
        (ids[1], ids[3]): False,
        (ids[2], ids[3]): False,
    }
    assert setting.about == "4 queries of 2 people against 4 pictures"


def test_pictures_for_training_are_left_out_where_the_others_have_no_side() -> None:
    # MSMT17: persons of train and test are numbered anew, so 0000 is somebody else in each
    ids = [
        "MSMT17_V1/train/0000/0000_000_01_0303morning_0015_0.jpg",
        "MSMT17_V1/test/0000/0000_000_01_0303morning_0008_0.jpg",
        "MSMT17_V1/test/0000/0000_003_02_0303morning_0015_0.jpg",
        "MSMT17_V1/test/0001/0001_003_02_0303morning_0015_0.jpg",
    ]
    setting, pairs = reid(ids)
    assert {id for pair in pairs for id in pair} == set(ids[1:])
    assert any("for training" in note for note in setting.notes)


@pytest.mark.parametrize(
    ("ids", "side"),
    [
        (["query/0001_c1s1_000001_00.jpg"], "gallery"),
        (["gallery/0001_c1s1_000001_00.jpg"], "query"),
        (["query/-1_c1s1_1_00.jpg", "gallery/0001_c1s1_1_00.jpg"], "query"),
        (["query/0001_c1s1_1_00.jpg", "gallery/-1_c1s1_1_00.jpg"], "gallery"),
    ],
)
def test_a_side_without_pictures_is_refused(ids: list[str], side: str) -> None:
    with pytest.raises(UsageError, match=f"is a {side} picture") as caught:
        reid(ids)
    assert "query" in caught.value.cure


def test_a_name_without_a_person_is_refused() -> None:
    with pytest.raises(UsageError, match="neither person nor camera"):
        reid(["query/0001_c1s1_000001_00.jpg", "gallery/holiday.jpg"])


# Partners


def test_partners_have_one_name_whatever_its_ending() -> None:
    ids = ["d/left/1.png", "d/left/sub/2.a.jpg", "d/right/1.jpg", "e/Right/sub/2.a.webp"]
    setting, pairs = laid("partners", ids)
    left, right = ids[:2], ids[2:]
    assert pairs == {(a, b): (n == m) for n, a in enumerate(left) for m, b in enumerate(right)}
    assert setting.about == "2 pairs of partners by name"
    assert setting.notes == ()
    assert not isinstance(setting.trial, ListedPairs)
    assert setting.trial.unit == "pairs"
    assert setting.trial.units == 2


def test_partners_may_lie_in_archives() -> None:
    ids = ["a.tar::left/1.png", "a.tar::right/1.png", r"b.zip::left\2.png", r"b.zip::right\2.png"]
    _, pairs = laid("partners", ids)
    assert sorted(pair for pair, same in pairs.items() if same) == [
        (ids[0], ids[1]),
        (ids[2], ids[3]),
    ]


def test_names_on_one_side_only_are_named_and_others_counted() -> None:
    ids = ["left/1.png", "right/1.png", "left/2.png", "right/3.png", "middle/1.png", "4.png"]
    setting, pairs = laid("partners", ids)
    assert pairs == {("left/1.png", "right/1.png"): True}
    assert setting.notes == (
        "left out: 2 names without a partner: 2, 3",
        "left out: 2 pictures in neither left nor right",
    )


def test_many_names_on_one_side_are_named_in_part() -> None:
    ids = ["left/0.png", "right/0.png", *(f"left/{n}.png" for n in range(1, 9))]
    setting, _ = laid("partners", ids)
    assert setting.notes == ("left out: 8 names without a partner: 1, 2, 3, 4, 5 and 3 more",)


def test_the_nearest_folder_decides_the_side() -> None:
    ids = ["left/right/1.png", "right/left/1.png"]
    assert laid("partners", ids)[1] == {("right/left/1.png", "left/right/1.png"): True}


def test_two_left_pictures_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="left has two pictures called '1'") as caught:
        laid("partners", ["left/1.png", "left/1.jpg", "right/1.png"])
    assert caught.value.where == "left/1.jpg"


def test_sides_without_a_common_name_are_refused() -> None:
    said = "1 pictures in folders called left and 2 in right have no name in common"
    with pytest.raises(UsageError, match=said) as caught:
        laid("partners", ["left/1.png", "right/2.png", "right/3.png"])
    assert "left/NAME" in caught.value.cure


# What names a truth


def test_a_truth_is_itself() -> None:
    truth = truth_of("folders")
    assert isinstance(truth, Truth)
    assert truth_of(truth) is truth


@pytest.mark.parametrize("named", ["folder", "no/such/table.csv", ""])
def test_a_word_that_is_no_truth_lists_those_there_are(named: str) -> None:
    with pytest.raises(UsageError, match="there is no such truth") as caught:
        truth_of(named)
    assert caught.value.where == named
    for word in ("folders", "partners", "reid"):
        assert word in caught.value.cure


def test_a_table_called_like_a_word_is_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(tmp_path / "folders", "id,label\nx,1\ny,2\nz,1\n")
    monkeypatch.chdir(tmp_path)
    assert laid("folders", "xyz")[1] == by_label({"x": "1", "y": "2", "z": "1"})


@pytest.mark.parametrize(
    ("text", "said"), [("", "columns of nothing"), ("name,size\nx,1\n", "columns name, size")]
)
def test_a_table_of_other_columns_says_which_there_could_be(
    tmp_path: Path, text: str, said: str
) -> None:
    path = table(tmp_path / "t.csv", text)
    with pytest.raises(UsageError, match=said) as caught:
        truth_of(path)
    assert caught.value.where == path
    assert "id,label" in caught.value.cure
    assert "a,b,same" in caught.value.cure


@pytest.mark.parametrize("named", ["t.csv", "t.parquet", "t.npy"])
def test_a_file_that_is_no_table_is_refused_in_words(tmp_path: Path, named: str) -> None:
    path = tmp_path / named
    path.write_bytes(bytes(range(1, 10)) * 40_000)
    with pytest.raises(LookalikeError, match="table") as caught:
        truth_of(str(path)).setting(rows_of("xy"))
    assert str(path) in str(caught.value)


def test_a_table_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("\ufeffid,label\r\nx,1\r\ny,2\r\nz,1\r\n".encode())
    assert laid(path, "xyz")[1] == by_label({"x": "1", "y": "2", "z": "1"})
