"""Roots of data sets as they are published, judged as by a loop over the right pictures."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike import Embeddings, Evaluation, evaluate
from lookalike.errors import UsageError
from lookalike.judge import calibrate
from lookalike.judge.reid_layouts import looks_like_reid, reid_side

Seen = tuple[str, int]
"""Who is on a picture, and by which camera."""


@dataclass
class Root:
    """A made-up data set: its ids, and what is to be judged, said by whoever laid it out."""

    queries: dict[str, Seen] = field(default_factory=dict)
    gallery: dict[str, Seen] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [*self.rest, *self.gallery, *self.queries]

    def vectors(self) -> NDArray[np.float64]:
        """Persons alike, so that who is asked and who is found changes every number."""
        random = np.random.default_rng(len(self.ids))
        faces: dict[str, NDArray[np.float64]] = {}
        seen = {**dict.fromkeys(self.rest, ("rest", 0)), **self.gallery, **self.queries}
        return np.stack(
            [
                faces.setdefault(seen[id][0], random.normal(size=6)) + random.normal(size=6)
                for id in self.ids
            ]
        )

    def judged(self, **options: object) -> Evaluation:
        found = Embeddings.from_numpy(self.vectors(), self.ids, encoder="x")
        rows = tuple(replace(row, path=row.id) for row in found.rows)
        return evaluate(replace(found, rows=rows), truth="reid", resamples=100, **options)  # type: ignore[arg-type]

    def reference(self, ranks: Iterable[int] = (1, 5, 10)) -> dict[str, float]:
        """mAP and CMC by the protocol, in plain loops."""
        places = dict(zip(self.ids, self.vectors(), strict=True))
        precisions, firsts = [], []
        for query, (person, camera) in self.queries.items():
            a = places[query]

            def away(id: str, a: NDArray[np.float64] = a) -> float:
                b = places[id]
                return -float(a @ b / np.sqrt((a @ a) * (b @ b)))

            kept = [id for id, seen in self.gallery.items() if seen != (person, camera)]
            right = [self.gallery[id][0] == person for id in sorted(kept, key=away)]
            hits = [n for n, one in enumerate(right, 1) if one]
            if hits:
                precisions.append(np.mean([(m + 1) / n for m, n in enumerate(hits)]))
                firsts.append(hits[0])
        assert firsts
        found = {"mAP": float(np.mean(precisions))}
        return found | {f"recall@{k}": float(np.mean([f <= k for f in firsts])) for k in ranks}


def market(root: str = "Market-1501-v15.09.15", name: str = "{0:04}_c{1}s1_{2:06}_00.jpg") -> Root:
    """Market-1501: drawn boxes, training, extra distractors and junk beside what counts."""
    made = Root()
    for person in range(1, 7):
        for camera in range(1, 4):
            seen = (str(person), camera)
            if person < 5:
                made.queries[f"{root}/query/{name.format(person, camera, 0)}"] = seen
            for n in range(1, 3):
                test = f"{root}/bounding_box_test/{name.format(person, camera, n)}"
                made.gallery[test] = seen
                made.rest.append(f"{root}/gt_bbox/{name.format(person, camera, n)}")
    for n in range(3, 9):
        made.gallery[f"{root}/bounding_box_test/{name.format(0, 2, n)}"] = (f"nobody {n}", 2)
        made.rest.append(f"{root}/bounding_box_train/{name.format(40 + n, 1, n)}")
        made.rest.append(f"{root}/images/{name.format(0, 1, n)}")
    made.rest.append(f"{root}/holiday.jpg")
    return made


def with_junk(made: Root) -> Root:
    folder = "Market-1501-v15.09.15/bounding_box_test"
    made.rest += [f"{folder}/-1_c{n}s1_000000_00.jpg" for n in range(1, 5)]
    return made


def duke() -> Root:
    return market("sets/DukeMTMC-reID", "{0:04}_c{1}_f{2:07}.jpg")


def cuhk_np() -> Root:
    """CUHK03 as others lay it out: person 0 is a person, but none there is."""
    return market("cuhk03-np/labeled", "{0:04}_c{1}_{2}.png")


def veri() -> Root:
    """VeRi-776: queries are in the gallery as well, by the same camera, under the same name."""
    made = Root()
    for vehicle in range(1, 6):
        for camera in (1, 7, 12, 20):
            name = f"{vehicle:04}_c{camera:03}_00030600_0.jpg"
            made.gallery[f"VeRi/image_test/{name}"] = (str(vehicle), camera)
            if camera != 7:
                made.queries[f"VeRi/image_query/{name}"] = (str(vehicle), camera)
            made.rest.append(f"VeRi/image_train/{name}")
    return made


def msmt(folder: Path, test: str = "test") -> Root:
    """MSMT17: its lists tell queries from the gallery; persons of training are others."""
    made = Root()
    lists: dict[str, list[str]] = {"list_query.txt": [], "list_gallery.txt": []}
    for person in range(5):
        for camera in (1, 8, 15):
            for n in range(4):
                name = f"{person:04}/{person:04}_{n:03}_{camera:02}_0303morning_0015_0.jpg"
                where = "list_query.txt" if n == 0 else "list_gallery.txt"
                side = made.queries if n == 0 else made.gallery
                made.rest.append(f"{folder}/train/{name}")
                if n == 3:  # in no list
                    made.rest.append(f"{folder}/{test}/{name}")
                    continue
                side[f"{folder}/{test}/{name}"] = (str(person), camera)
                lists[where].append(f"{name} {person}\n")
    for listed, lines in lists.items():
        (folder / listed).write_text("".join(lines))
    return made


def cuhk(folder: Path) -> Root:
    """CUHK03 with its new protocol as a split."""
    made = Root()
    split: dict[str, list[tuple[str, int, int]]] = {"train": [], "query": [], "gallery": []}
    for person in range(1, 7):
        for view in (1, 2):
            for n in range(1, 4):
                path = f"{folder}/images_labeled/1_{person:03}_{view}_{n:02}.png"
                side = "query" if n == 1 else "gallery"
                if person == 6:
                    made.rest.append(path)
                    side = "train"
                else:
                    here = made.queries if side == "query" else made.gallery
                    here[path] = (f"1_{person:03}", view)
                split[side].append((f"/elsewhere/{Path(path).name}", person, view - 1))
    (folder / "splits_new_labeled.json").write_text(json.dumps([split]))
    return made


def numbers(found: Evaluation) -> dict[str, float | None]:
    return {name: found[name].value for name in ("mAP", "recall@1", "recall@5", "recall@10")}


def check(made: Root, layout: str, *, junk: int = 0) -> Evaluation:
    found = made.judged()
    assert numbers(found) == pytest.approx(made.reference(), abs=1e-12)
    asked, shown = len(made.queries), len(made.gallery)
    assert found.truth.startswith(f"{asked} queries of ")
    assert found.truth.endswith(f" people against {shown} pictures")
    assert sum(layout in note for note in found.notes) == 1
    told = [note for note in found.notes if note.startswith("left out: ")]
    assert sum(int(note.split()[2]) for note in told) == len(made.rest)
    assert any("junk" in note for note in told) == (junk > 0)
    return found


def test_a_whole_root_of_market1501_is_judged_by_query_and_gallery_alone() -> None:
    made = with_junk(market())
    found = check(made, "layout of Market-1501: query against bounding_box_test", junk=4)
    told = next(note for note in found.notes if "neither queries nor gallery" in note)
    assert "36 in gt_bbox, 6 in images" in told
    alone = replace(made, rest=[id for id in made.rest if "-1_c" in id])
    assert alone.judged().truth == found.truth
    again = made.judged(rerank="plain")
    assert again["mAP"].value == found["mAP"].value


def test_a_whole_root_of_dukemtmc_is_judged_by_query_and_gallery_alone() -> None:
    check(duke(), "layout of DukeMTMC-reID")


def test_cuhk03_laid_out_anew_is_read_by_its_folders() -> None:
    check(cuhk_np(), "layout of CUHK03: query against bounding_box_test")


def test_vehicles_of_veri_are_judged_though_queries_lie_in_the_gallery_too() -> None:
    check(veri(), "layout of VeRi-776: image_query against image_test")


@pytest.mark.parametrize("test", ["test", "mask_test_v2"])
def test_lists_of_msmt17_tell_queries_from_the_gallery(tmp_path: Path, test: str) -> None:
    check(msmt(tmp_path, test), "layout of MSMT17: queries and gallery by list_query.txt")


def test_msmt17_is_read_from_the_folder_it_lies_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    msmt(tmp_path)
    monkeypatch.chdir(tmp_path)
    made, short = msmt(Path(".")), Root()
    short.queries = {id.removeprefix("./"): seen for id, seen in made.queries.items()}
    short.gallery = {id.removeprefix("./"): seen for id, seen in made.gallery.items()}
    short.rest = [id.removeprefix("./") for id in made.rest]
    check(short, "layout of MSMT17")


def test_a_split_of_cuhk03_tells_queries_from_the_gallery(tmp_path: Path) -> None:
    check(cuhk(tmp_path), "layout of CUHK03: queries and gallery by splits_new_labeled.json")


def test_pictures_of_the_lists_that_are_not_there_are_counted(tmp_path: Path) -> None:
    for make, whole in ((msmt, 45), (cuhk, 30)):
        made = make(tmp_path)
        assert not any("not the whole data set" in note for note in made.judged().notes)
        made.queries.popitem()
        made.gallery.popitem()
        told = [note for note in made.judged().notes if "not the whole data set" in note]
        assert len(told) == 1
        assert f"2 of {whole} pictures" in told[0]


def test_no_pictures_are_no_data_set() -> None:
    with pytest.raises(UsageError, match="none of 0 pictures"):
        evaluate(Embeddings.from_numpy(np.zeros((0, 3)), [], encoder="x"), truth="reid")


def test_without_lists_it_is_said_that_this_is_not_the_protocol(tmp_path: Path) -> None:
    for made in (msmt(tmp_path), cuhk(tmp_path)):
        for file in (*tmp_path.glob("list_*"), *tmp_path.glob("*.json")):
            file.unlink()
        found = made.judged()
        assert any("not the protocol of the data set: without" in note for note in found.notes)


def test_an_archive_has_no_lists_beside_it(tmp_path: Path) -> None:
    made = msmt(tmp_path)
    made.queries = {
        f"{tmp_path}/x.tar::test/{id.split('/test/')[1]}": seen for id, seen in made.queries.items()
    }
    made.gallery, made.rest = {}, []
    assert any("not the protocol" in note for note in made.judged().notes)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0000/0000_000_01_0303morning_0015_0.jpg 3", "is not a picture and its person"),
        ("holiday.jpg 0", "is not a picture and its person"),
        ("0000/0000_000_01_0303morning_0015_0.jpg 0", "is a query and in the gallery"),
    ],
)
def test_a_list_that_contradicts_names_or_the_other_list_is_refused(
    tmp_path: Path, line: str, said: str
) -> None:
    made = msmt(tmp_path)
    with open(tmp_path / "list_gallery.txt", "a") as stream:
        stream.write(line + "\n")
    with pytest.raises(UsageError, match=said) as caught:
        made.judged()
    assert caught.value.where == f"{tmp_path / 'list_gallery.txt'}, line 31"


def test_a_file_that_is_no_split_is_refused(tmp_path: Path) -> None:
    made = cuhk(tmp_path)
    for text in ("", "[]", '[{"query": []}]', '{"a": 1}', "[1]"):
        (tmp_path / "splits_new_labeled.json").write_text(text)
        with pytest.raises(UsageError, match="is not one split"):
            made.judged()


def test_two_data_sets_in_one_store_are_refused(tmp_path: Path) -> None:
    one, two = market(), duke()
    both = Root(one.queries | two.queries, one.gallery | two.gallery)
    with pytest.raises(UsageError, match="2 data sets") as caught:
        both.judged()
    assert "DukeMTMC" in str(caught.value)
    made = cuhk(tmp_path)
    made.rest += [id.replace("labeled", "detected") for id in made.gallery]
    with pytest.raises(UsageError, match="versions of one: images_detected, images_labeled"):
        made.judged()


def test_folders_that_all_have_in_common_are_no_side() -> None:
    made = market("train/query")
    assert made.judged().truth == market().judged().truth


@pytest.mark.parametrize("folder", ["gt_bbox", "bounding_box_train"])
def test_what_no_protocol_judges_is_judged_where_there_is_nothing_else(folder: str) -> None:
    ids = [id.split("/")[-1] for id in market().gallery]
    made = Root(rest=[f"{folder}/{name}" for name in ids if name[:4] != "0000"])
    found = made.judged()
    assert found.truth == "36 queries of 6 people against 36 pictures"
    assert not any("left out" in note for note in found.notes)


# The hint


def test_reid_names_judged_by_folders_get_a_hint() -> None:
    made = market()
    names = [*made.queries, *made.gallery]
    store = Embeddings.from_numpy(np.random.default_rng(0).normal(size=(len(names), 4)), names)
    hint = "--truth reid takes person and camera from the names"
    assert any(hint in note for note in evaluate(store, resamples=100).notes)
    assert any(hint in note for note in calibrate(store, target="tpr=0.5", resamples=100).notes)
    assert not any(hint in one for one in evaluate(store, truth="reid", resamples=100).notes)


def test_other_names_get_no_hint() -> None:
    assert not looks_like_reid(["a/1.jpg", "query/0001_c1s1_001051_00.jpg"])
    store = Embeddings.from_numpy(np.eye(4), ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"])
    assert not any("--truth reid" in note for note in evaluate(store, resamples=100).notes)


@pytest.mark.parametrize(
    ("path", "side"),
    [
        ("query/a.jpg", "query"),
        ("/data/Market-1501/bounding_box_test/a.jpg", "gallery"),
        ("gallery/a.jpg", "gallery"),
        ("bounding_box_train/a.jpg", "train"),
        ("VeRi/image_query/a.jpg", "query"),
        ("VeRi/image_test/a.jpg", "gallery"),
        ("VeRi/image_train/a.jpg", "train"),
        ("gt_bbox/a.jpg", "rest"),
        ("query/gt_query/a.jpg", "rest"),
        ("D:\\duke\\train\\a.jpg", "train"),
        ("MSMT17_V2/mask_train_v2/0000/a.jpg", "train"),
        ("x.tar::query/a.jpg", "query"),
        ("query/x.tar::a.jpg", "query"),
        ("query/x.tar::gallery/a.jpg", "gallery"),
        ("train/query/a.jpg", "query"),
        ("query/train/0001/a.jpg", "train"),
        ("Query/a.jpg", "query"),
        ("gallery/./../query/a.jpg", "query"),
        ("train/MSMT17_V1/test/0000/a.jpg", None),
        ("train/MSMT17_V2/mask_test_v2/0000/a.jpg", None),
        ("a.jpg", None),
        ("query", None),
        ("query.jpg", None),
        ("my_query/a.jpg", None),
        ("query_old/a.jpg", None),
        ("", None),
    ],
)
def test_the_nearest_folder_says_which_side_a_picture_is_on(path: str, side: str | None) -> None:
    assert reid_side(path) == side
