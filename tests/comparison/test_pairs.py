from pathlib import Path

import pytest
from PIL import Image

from lookalike.comparison.pairs import MOST_PAIRS, Plan, plan_pictures, plan_table
from lookalike.errors import UsageError


def ends(plan: Plan) -> list[tuple[str, str]]:
    return [(plan.places[pair.a].id, plan.places[pair.b].id) for pair in plan.pairs]


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / name)
    return folder


def test_three_pictures_make_every_pair_once() -> None:
    assert ends(plan_pictures(["a", "b", "c"])) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_the_same_file_twice_is_still_a_pair() -> None:
    assert ends(plan_pictures(["a", "a"])) == [("a", "a")]


def test_a_picture_and_a_folder_compare_the_picture_with_each(tmp_path: Path) -> None:
    folder = str(make(tmp_path / "f", "x.png", "y.png"))
    assert ends(plan_pictures(["q.jpg", folder])) == [
        ("q.jpg", f"{folder}/x.png"),
        ("q.jpg", f"{folder}/y.png"),
    ]


def test_two_folders_are_paired_by_name_and_nobody_is_lost(tmp_path: Path) -> None:
    left = make(tmp_path / "l", "same.png", "sub/stem.png", "only-left.png", "two.png")
    right = make(tmp_path / "r", "same.png", "sub/stem.jpg", "only-right.png", "two.jpg", "two.bmp")
    plan = plan_pictures([str(left), str(right)])
    pairs = {
        (Path(a).relative_to(left).as_posix(), Path(b).relative_to(right).as_posix())
        for a, b in ends(plan)
    }
    assert ("same.png", "same.png") in pairs
    assert ("sub/stem.png", "sub/stem.jpg") in pairs
    assert ("only-left.png", "only-left.png") in pairs  # with a place that holds nothing
    assert ("two.png", "two.png") in pairs  # two candidates are no partner
    seen = {end for pair in ends(plan) for end in pair}
    assert {str(file) for side in (left, right) for file in side.rglob("*.*")} <= seen


def test_folders_without_a_common_name_say_what_to_do(tmp_path: Path) -> None:
    left, right = make(tmp_path / "l", "a.png"), make(tmp_path / "r", "b.png")
    with pytest.raises(UsageError, match="--pairing all"):
        plan_pictures([str(left), str(right)])
    assert len(plan_pictures([str(left), str(right)], pairing="all").pairs) == 1


def test_one_picture_is_no_pair_and_too_many_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="makes no pair"):
        plan_pictures(["a"])
    count = int((2 * MOST_PAIRS) ** 0.5) + 2
    with pytest.raises(UsageError, match="--pairs"):
        plan_pictures([[f"{n}.jpg" for n in range(count)]])


def test_the_first_with_each_of_the_others() -> None:
    plan = plan_pictures(["a", ["b", "c"]], pairing="first")
    assert ends(plan) == [("a", "b"), ("a", "c")]


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_table_keeps_its_spelling_and_finds_files_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "t", "a.png", "b.png")
    make(tmp_path, "c.png")
    monkeypatch.chdir(tmp_path)
    plan = plan_table(write(tmp_path / "t" / "p.csv", "a,b,same\na.png,b.png,1\nc.png,a.png,no\n"))
    assert ends(plan) == [("a.png", "b.png"), ("c.png", "a.png")]
    assert [pair.same for pair in plan.pairs] == [True, False]
    assert [place.path for place in plan.places] == [
        str(tmp_path / "t" / "a.png"),
        str(tmp_path / "t" / "b.png"),
        "c.png",
    ]


def test_two_spellings_of_a_name_are_partners_and_files(tmp_path: Path) -> None:
    nfc, nfd = "caf\u00e9", "cafe\u0301"
    make(tmp_path / "a", f"{nfc}.png", f"{nfd}2.png")
    make(tmp_path / "b", f"{nfd}.png", f"{nfc}2.jpg")
    plan = plan_pictures([tmp_path / "a", tmp_path / "b"])
    assert sorted(ends(plan)) == [
        (f"{tmp_path}/a/{nfd}2.png", f"{tmp_path}/b/{nfc}2.jpg"),
        (f"{tmp_path}/a/{nfc}.png", f"{tmp_path}/b/{nfd}.png"),
    ]
    table = plan_table(write(tmp_path / "p.csv", f"a,b\na/{nfd}.png,b/{nfc}.png\n"))
    assert ends(table) == [(f"a/{nfd}.png", f"b/{nfc}.png")]
    assert [place.path for place in table.places] == [
        f"{tmp_path}/a/{nfc}.png",
        f"{tmp_path}/b/{nfd}.png",
    ]


def test_a_file_that_has_its_very_partner_keeps_it(tmp_path: Path) -> None:
    nfc, nfd = "caf\u00e9.png", "cafe\u0301.png"
    make(tmp_path / "a", nfc)
    make(tmp_path / "b", nfc, nfd)
    plan = plan_pictures([tmp_path / "a", tmp_path / "b"])
    assert (f"{tmp_path}/a/{nfc}", f"{tmp_path}/b/{nfc}") in ends(plan)
    assert len(plan.pairs) == 2


def test_an_empty_cell_keeps_its_row(tmp_path: Path) -> None:
    plan = plan_table(write(tmp_path / "p.csv", "a,b\nx.png,\nx.png,y.png\n"))
    assert len(plan.pairs) == 2
    assert "p.csv:2:b" in ends(plan)[0][1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,c\n1,2\n", "no column 'b'"),
        ("a,b,same\n1,2,maybe\n", "row 2"),
        ("a,b\n", "no rows"),
        ("", "no column 'a'"),
    ],
)
def test_a_wrong_table_says_where(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan_table(write(tmp_path / "p.csv", text))
    with pytest.raises(UsageError, match="can't be read"):
        plan_table(str(tmp_path / "absent.csv"))
