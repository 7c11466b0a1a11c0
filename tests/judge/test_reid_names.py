import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import UsageError
from lookalike.judge.reid_names import ReidName, Role, reid_form, reid_name

ENDINGS = st.sampled_from([".jpg", ".JPG", ".jpeg", ".png", ".PNG", ".bmp", ".Tiff", ".webp"])
FOLDERS = st.sampled_from(
    [
        "",
        "query/",
        "a b/",
        "12_c3/",
        "0007_c2s1_x/",
        "C:\\sets\\12_c3\\",
        "x.tar::",
        "x.tar::12_c3/",
    ]
)
MARKET_PEOPLE: st.SearchStrategy[tuple[str, int]] = st.one_of(
    st.tuples(st.just("-1"), st.just(-1)),
    st.integers(0, 99_999).map(lambda person: (f"{person:04}", person)),
)


@pytest.mark.parametrize(
    ("name", "person", "camera", "role"),
    [
        ("0001_c1s1_001051_00.jpg", "1", 0, "ordinary"),
        ("1501_c6s4_001902_01.jpg", "1501", 5, "ordinary"),
        ("0000_c6s4_000001_03.jpg", "0", 5, "distractor"),
        ("-1_c3s2_000123_01.jpg", "-1", 2, "junk"),
        ("0005_c8_f0046985.jpg", "5", 7, "ordinary"),
    ],
)
def test_r37_market_and_duke_names(name: str, person: str, camera: int, role: Role) -> None:
    assert reid_name(name) == ReidName(person, camera, role)


@pytest.mark.parametrize(
    ("name", "person", "camera"),
    [
        ("0000/0000_003_07_0303morning_0015_0.jpg", "0", 6),
        ("MSMT17_V1/test/0114/0114_019_10_0303afternoon_0083_0_ex.jpg", "114", 9),
        ("0002_001_15_0113noon_0001_0.jpg", "2", 14),
        ("1_003_2_01.png", "1_003", 1),
        ("labeled\\5_120_1_10.png", "5_120", 0),
        ("image_test/0002_c002_00030600_0.jpg", "2", 1),
        ("0000_c020_00030600_12.jpg", "0", 19),
    ],
)
def test_the_other_data_sets_know_neither_junk_nor_distractors(
    name: str, person: str, camera: int
) -> None:
    assert reid_name(name) == ReidName(person, camera, "ordinary")


@given(
    FOLDERS,
    MARKET_PEOPLE,
    st.integers(1, 6),
    st.from_regex(r"s[0-9](_[a-z0-9_]*)?", fullmatch=True),
    ENDINGS,
)
def test_market_names_come_back(
    folder: str, person: tuple[str, int], camera: int, rest: str, ending: str
) -> None:
    read = reid_name(f"{folder}{person[0]}_c{camera}{rest}{ending}")
    roles: dict[int, Role] = {-1: "junk", 0: "distractor"}
    assert read == ReidName(str(person[1]), camera - 1, roles.get(person[1], "ordinary"))


@given(
    FOLDERS, st.integers(1, 10**6), st.integers(0, 6), st.integers(1, 8), st.integers(0), ENDINGS
)
def test_duke_names_come_back_whatever_the_number_of_leading_zeros(
    folder: str, person: int, zeros: int, camera: int, frame: int, ending: str
) -> None:
    read = reid_name(f"{folder}{'0' * zeros}{person}_c{camera}_f{frame:07}{ending}")
    assert read == ReidName(str(person), camera - 1, "ordinary")


@given(
    FOLDERS, st.integers(1, 5), st.integers(0, 999), st.integers(1, 2), st.integers(0, 99), ENDINGS
)
def test_cuhk03_names_come_back_with_the_pair_in_the_person(
    folder: str, pair: int, person: int, view: int, index: int, ending: str
) -> None:
    read = reid_name(f"{folder}{pair}_{person:03}_{view}_{index:02}{ending}")
    assert read == ReidName(f"{pair}_{person:03}", view - 1, "ordinary")


@given(
    st.integers(0, 9999),
    st.booleans(),
    st.integers(0, 999),
    st.integers(1, 15),
    st.sampled_from(["0113morning", "0302noon", "0303afternoon"]),
    ENDINGS,
)
def test_msmt17_names_come_back_with_and_without_their_folder(
    person: int, folder: bool, index: int, camera: int, time: str, ending: str
) -> None:
    name = f"{person:04}_{index:03}_{camera:02}_{time}_0015_0{ending}"
    read = reid_name(f"MSMT17_V1/train/{person:04}/{name}" if folder else name)
    assert read == ReidName(str(person), camera - 1, "ordinary")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        ".jpg",
        "0001_c1s1_001051_00.jpg/",
        "0001_c1s1_001051_00.jpg/holiday.jpg",
        "set_12_c3/holiday.jpg",
        "12_c3/holiday.jpg",
        "0001_c1s1.tar::holiday.jpg",
        "array[3]",
        "0001_c1s1_001051_00",  # no ending
        "0001_c1s1_001051_00.txt",
        "0001_c1s1_001051_00.jpg.part",
        "0001_c1s1_001051_00jpg",
        "0001_c0s1_001051_00.jpg",
        "0001_c7s1_001051_00.jpg",  # Market has six cameras
        "0001_c9_f0046985.jpg",
        "0001_c12_f0046985.jpg",  # one digit, so neither camera 1 nor 12
        "0001_c12s1_001051_00.jpg",
        "0001_cs1_001051_00.jpg",
        "0001c1s1_001051_00.jpg",
        "0001_C1s1_001051_00.jpg",
        "x0001_c1s1_001051_00.jpg",
        " 0001_c1s1_001051_00.jpg",
        "-2_c1s1_001051_00.jpg",
        "-0_c1s1_001051_00.jpg",
        "--1_c1s1_001051_00.jpg",
        "+1_c1s1_001051_00.jpg",
        "1.5_c1s1_001051_00.jpg",
        "_c1s1_001051_00.jpg",
        "\u0661_c1s1_001051_00.jpg",  # a digit, but not of ours
        "0001_c\u0661s1_001051_00.jpg",
        "0001_c1s1_001051_00.t\u0131f",  # a dotless i is no i
        "0_003_2_01.png",
        "6_003_2_01.png",
        "1_03_2_01.png",
        "1_003_0_01.png",
        "1_003_3_01.png",
        "1_003_2_1.png",
        "1_003_2_01_copy.png",
        "1_003_2_01\n.png",
        "0000_003_00_0303morning_0015_0.jpg",
        "0000_003_16_0303morning_0015_0.jpg",
        "0000_003_7th_0303morning_0015_0.jpg",
        "-1_003_07_0303morning_0015_0.jpg",
        "0000_003_07_0303_0015_0.jpg",
        "2024_003_07_holiday.jpg",
        "0002_c000_00030600_0.jpg",
        "0002_c021_00030600_0.jpg",  # VeRi has twenty cameras
        "0002_c0020_00030600_0.jpg",
        "-1_c002_00030600_0.jpg",
        "0002_c002_holiday.jpg",
    ],
)
def test_a_name_of_no_data_set_is_refused_with_the_forms_that_are_known(path: str) -> None:
    with pytest.raises(UsageError) as caught:
        reid_name(path)
    assert caught.value.where == path
    for form in ("0001_c1s1_001051_00.jpg", "0005_c2_f0046985", "1_003_2_01.png", "0303morning"):
        assert form in caught.value.cure


@given(st.text() | st.text("01278-_cs/:.").map(lambda text: text + ".jpg"))
def test_any_text_is_either_read_or_refused(path: str) -> None:
    with contextlib.suppress(UsageError):
        assert reid_name(path).camera in range(20)


def test_the_forms_named_in_the_refusal_are_read() -> None:
    with pytest.raises(UsageError) as caught:
        reid_name("holiday.jpg")
    forms = [word for word in caught.value.cure.split() if "_" in word]
    assert [reid_name(form).person for form in forms] == ["1", "5", "1_003", "0", "2"]


def test_numbers_longer_than_python_converts_are_read() -> None:
    assert reid_name("0" * 5000 + "1" * 5000 + "_c2_f1.jpg").person == "1" * 5000


def test_an_msmt17_picture_in_the_folder_of_another_person_is_refused() -> None:
    path = "train/0007/0000_003_07_0303morning_0015_0.jpg"
    with pytest.raises(UsageError, match="name says person 0, the folder says person 7") as caught:
        reid_name(path)
    assert caught.value.where == path
    assert reid_name("0007/train/0000_003_07_0303morning_0015_0.jpg").person == "0"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("0001_c1s1_001051_00.jpg", "market"),
        ("0005_c2_f0046985.jpg", "duke"),
        ("1_003_2_01.png", "cuhk"),
        ("0003_c1_23.png", "cuhk"),
        ("0000_003_07_0303morning_0015_0.jpg", "msmt"),
        ("query/0002_c002_00030600_0.jpg", "veri"),
        ("0001_c1s1_001051_00/holiday.jpg", ""),
    ],
)
def test_the_form_of_a_name_is_its_data_set(name: str, form: str) -> None:
    assert reid_form(name) == form
