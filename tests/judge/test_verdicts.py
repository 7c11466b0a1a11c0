from pathlib import Path

import pytest

from lookalike.errors import UsageError
from lookalike.judge.verdicts import COLUMNS, Verdict, latest_verdicts, read_verdicts, remember

WHEN = "2026-01-02T03:04:05+00:00"


def said(a: str, b: str, verdict: str, by: str = "me") -> Verdict:
    return Verdict(a, b, verdict, by, WHEN)


both = pytest.mark.parametrize("name", ["labels.csv", "labels.parquet"])


@both
def test_what_is_remembered_is_read_again_in_order(tmp_path: Path, name: str) -> None:
    first, second = said("a", "b", "same", 'Ann, "the first"'), said("b", "c", "unsure", "card:1")
    remember(tmp_path / name, [first])
    remember(tmp_path / name, [second, first])
    assert list(read_verdicts(tmp_path / name)) == [first, second, first]
    assert {one.name for one in tmp_path.iterdir()} <= {name, f".{name}.lock"}


@both
def test_the_last_word_of_a_person_holds_whatever_the_order_of_the_pair(
    tmp_path: Path, name: str
) -> None:
    remember(tmp_path / name, [said("a", "b", "same"), said("c", "d", "same")])
    remember(tmp_path / name, [said("b", "a", "different"), said("c", "d", "same", "card:12")])
    latest, machine = latest_verdicts(tmp_path / name)
    assert {(one.key, one.verdict) for one in latest} == {
        (("a", "b"), "different"),
        (("c", "d"), "same"),
    }
    assert machine == 1


def test_a_file_that_somebody_edited_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"note,by,when,verdict,digest_b,digest_a\nhm,Ann,{WHEN},same,b,a")
    remember(path, [said("c", "d", "different")])
    assert list(read_verdicts(path)) == [said("a", "b", "same", "Ann"), said("c", "d", "different")]
    assert path.read_text().splitlines()[2] == f",me,{WHEN},different,d,c"


def test_an_empty_file_gets_its_header(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.touch()
    remember(path, [said("a", "b", "same")])
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert len(list(read_verdicts(path))) == 1


def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    table = tmp_path / "notes.csv"
    table.write_text("id,label\n1,cat\n")
    with pytest.raises(UsageError, match="digest_a"):
        remember(table, [said("a", "b", "same")])
    assert table.read_text() == "id,label\n1,cat\n"
    with pytest.raises(UsageError, match=r"\.csv or \.parquet"):
        remember(tmp_path / "labels.txt", [said("a", "b", "same")])
    with pytest.raises(UsageError, match="no such folder"):
        remember(tmp_path / "no" / "labels.csv", [said("a", "b", "same")])
    broken = tmp_path / "labels.parquet"
    broken.write_bytes(b"PAR1 and no more")
    with pytest.raises(UsageError, match="can't be read"):
        remember(broken, [said("a", "b", "same")])


def test_a_word_that_is_no_verdict_is_refused_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    remember(path, [said("a", "b", "same")])
    with pytest.raises(UsageError, match="maybe"):
        remember(path, [said("a", "c", "maybe")])
    with pytest.raises(UsageError, match="can't be kept"):
        remember(path, [said("a", "c", "same", "two\nlines")])
    with open(path, "a") as stream:
        stream.write(f"a,c,maybe,me,{WHEN}\n")
    with pytest.raises(UsageError, match="maybe") as raised:
        list(read_verdicts(path))
    assert "row 3" in raised.value.where
