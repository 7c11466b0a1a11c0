import csv
import io
import json
import pickle
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.errors import OverwriteError, UnknownNameError, UsageError
from lookalike.judge import Drawing
from lookalike.measuring.measure import measure
from lookalike.measuring.measurement import Measurement, Task
from lookalike.measuring.subject import anchor_subject, example_subject, folder_subject
from lookalike.measuring.timing import Effort, Timing
from lookalike.measuring.worker import measure_apart
from lookalike.report import csv_text, html_page, json_text, markdown_text
from lookalike.tables import ModelRow, ModelTable, Separation
from lookalike.tables import assembled as assembled_module
from lookalike.tables.layout_reader import read_layout
from lookalike.tables.model_row import labels_of
from lookalike.tables.pareto import pareto
from lookalike.testing import scene_picture

QUICK = Effort(repeats=2, seconds=0.0, most_seconds=0.2, warm_up=1)
MODELS = ["pixels", "hash:phash", "hash:dhash", "onnx:no.onnx"]


ANSWERS: dict[bytes, str] = {}
"""Measurements by their tasks, so that one question is measured once."""


def tried_here(task: Task) -> Measurement:
    """As in a process of its own, which takes longer to start than to measure."""
    asked = pickle.dumps(task)
    if asked not in ANSWERS:
        ANSWERS[asked] = json.dumps(measure(task).to_dict())
    return Measurement.from_dict(json.loads(ANSWERS[asked]))


@pytest.fixture(autouse=True, scope="module")
def no_processes(judged: ModelTable) -> Iterator[None]:
    """Models are tried in this process, but for the table that most tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lookalike.measuring.trying.measure_apart", tried_here)
        yield


def made(models: Any = tuple(MODELS), **options: Any) -> ModelTable:
    return lookalike.table(models=models, effort=QUICK, resamples=200, **options)


@pytest.fixture(scope="module")
def judged(scenes: Path) -> ModelTable:
    return made(pairs=scenes / "pairs.csv")


@pytest.fixture(scope="module")
def anchored(scenes: Path) -> ModelTable:
    files = [str(scenes / name) for name in ("0-a.png", "0-b.png", "1-a.png", "2-a.png")]
    return made(anchor=files[0], positive=files[1], negative=files[2:])


def test_every_model_has_a_row_in_the_order_asked_for_and_a_failure_its_reason(
    judged: ModelTable,
) -> None:
    assert [row.name for row in judged.rows] == MODELS
    assert [row.ok for row in judged.rows] == [True, True, True, False]
    assert "no ONNX file" in judged.rows[3].measurement.reason


def test_measures_are_those_that_evaluate_gives(judged: ModelTable, scenes: Path) -> None:
    for row in judged.measured:
        store = lookalike.load_encoder(row.name).encode(sorted(map(str, scenes.glob("*.png"))))
        expected = lookalike.evaluate(store, truth=scenes / "pairs.csv", resamples=200)
        for name in ("roc_auc", "best_accuracy"):
            one, there = row.measure(name), expected[name]
            assert one is not None
            assert one.value == pytest.approx(there.value, abs=1e-12)
            assert one.interval is not None
            assert there.interval is not None
            assert one.interval.low == pytest.approx(there.interval.low, abs=1e-9)


def test_one_row_is_the_best_and_the_others_stand_beside_it(judged: ModelTable) -> None:
    best = [row for row in judged.rows if row.beside_best == "best"]
    assert best == [judged.best]
    for row in judged.measured:
        if row is not judged.best:
            assert row.lead is not None
            told = "worse" if row.lead.distinguishable else "not distinguishable"
            assert row.beside_best == told
            assert row.lead.value >= 0
    assert judged.rows[3].beside_best == ""


def test_the_pareto_set_is_of_time_and_auc_and_leaves_failures_out(judged: ModelTable) -> None:
    times = [row.file_ms for row in judged.rows]
    quality = [row.quality for row in judged.rows]
    expected = pareto([(times, "less"), (quality, "more")])
    assert tuple(row.pareto for row in judged.rows) == expected
    assert judged.rows[3].pareto is None
    assert any(expected)


def test_an_anchor_gives_similarities_and_the_gap_to_the_hardest_negative(
    anchored: ModelTable, scenes: Path
) -> None:
    row = anchored["pixels"]
    files = [str(scenes / name) for name in ("0-a.png", "0-b.png", "1-a.png", "2-a.png")]
    found = lookalike.load_encoder("pixels").encode(files).vectors
    expected = np.asarray(lookalike.similarity(found[0], found[1:]))
    assert row.measurement.values == pytest.approx(expected)
    assert row.separation is not None
    assert row.separation.gap == pytest.approx(expected[0] - max(expected[1:]))
    assert row.gap_per_cent == pytest.approx(100 * row.separation.gap)
    assert row.figures.pairs["positive"].similarity == pytest.approx(100 * expected[0])
    assert set(row.figures.pairs) == {"positive", "negative 1", "negative 2"}


def test_one_anchor_ranks_no_models_by_auc(anchored: ModelTable) -> None:
    assert not anchored.judged
    assert not any(row.measures or row.beside_best for row in anchored.rows)
    assert any("no interval" in note for note in anchored.judge_notes)


def test_distances_separate_downwards() -> None:
    subject = anchor_subject("a", "p", ["n", "m"])
    card = lookalike.load_encoder("pixels").card
    measurement = Measurement("x", card=card, metric="euclidean", values=(1.0, 4.0, 3.0))
    row = ModelRow("x", "x", measurement, subject)
    assert row.separation is not None
    assert row.separation.gap == 2.0  # the hardest negative is the nearest
    assert row.gap_per_cent is None
    assert row.quality is None


def test_with_several_positives_the_least_alike_counts() -> None:
    subject = anchor_subject("a", ["p", "q"], ["n"])
    measurement = Measurement("x", metric="cosine", values=(0.9, 0.4, 0.3))
    row = ModelRow("x", "x", measurement, subject)
    assert row.separation is not None
    assert row.separation.gap == pytest.approx(0.1)
    assert row.figures.pairs["positive"].similarity == pytest.approx(40)


def test_separation_is_that_of_the_specification() -> None:
    found = Separation.of([0.9, 0.8, 0.7], [0.3, 0.2, 0.1])
    assert found is not None
    assert found.d_prime == pytest.approx(6.0)
    assert found.gap == pytest.approx(0.4)
    assert found.margin == pytest.approx(0.6)
    assert Separation.of([], [0.3]) is None
    alone = Separation.of([0.9], [0.3])
    assert alone is not None
    assert alone.d_prime is None


def test_a_pair_that_one_model_can_not_value_is_judged_under_none(
    scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tried_here

    def lacking(task: Task) -> Measurement:
        found = real(task)
        if task.model == "pixels":
            return replace(found, values=(None, *found.values[1:]))
        return found

    monkeypatch.setattr("lookalike.measuring.trying.measure_apart", lacking)
    found = made(["pixels", "hash:phash"], pairs=scenes / "pairs.csv")
    overs = {row.measures[0].over for row in found.rows}
    assert overs == {"11 same and 12 different pairs"}
    assert any("1 pair without a value" in note for note in found.judge_notes)


def test_a_table_that_nothing_can_be_judged_by_is_refused_before_work(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    for content, told in (
        ("a,b\nx.png,y.png\n", "no pair that is same"),
        ("a,b,same\nx.png,y.png,1\n", "no pair that is different"),
    ):
        path.write_text(content)
        with pytest.raises(UsageError, match=told):
            made(["pixels"], pairs=path)


def test_a_missing_picture_is_told_and_keeps_its_pair(scenes: Path) -> None:
    found = made(
        ["pixels"],
        anchor=str(scenes / "0-a.png"),
        positive=str(scenes / "no.png"),
        negative=str(scenes / "1-a.png"),
    )
    assert list(found.missed) == [str(scenes / "no.png")]
    assert any("no.png, missing" in one for one in found.warnings)
    assert found.rows[0].separation is None


def test_a_budget_decides_what_is_recommended(scenes: Path) -> None:
    pairs = scenes / "pairs.csv"
    free = made(["pixels", "hash:phash"], pairs=pairs)
    assert free.recommended is not None
    assert free.recommended.label == free.recommendation.name
    none = made(["pixels"], pairs=pairs, budget_ms=1e-6)
    assert none.recommended is None
    assert "would let in pixels" in none.recommendation.reason
    short = made(["pixels", "hash:phash"], pairs=pairs, max_dim=64)
    assert short.recommended is not None
    assert short.recommended.name == "hash:phash"


def test_rows_that_were_saved_are_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    real = tried_here

    def counting(task: Task) -> Measurement:
        if task.check:
            return real(task)
        tried.append(task.model)
        if task.model == "hash:dhash" and len(tried) == 2:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr("lookalike.measuring.trying.measure_apart", counting)
    rows = tmp_path / "rows"
    with pytest.raises(KeyboardInterrupt):
        made(["pixels", "hash:dhash"], save=rows)
    with pytest.raises(OverwriteError):
        made(["pixels", "hash:dhash"], save=rows)
    found = made(["pixels", "hash:dhash"], save=rows, resume=True)
    assert tried == ["pixels", "hash:dhash", "hash:dhash"]
    assert [row.ok for row in found.rows] == [True, True]
    again = made(["pixels", "hash:dhash"], save=rows, resume=True)
    assert len(tried) == 3
    assert [row.to_dict() for row in again.rows] == [row.to_dict() for row in found.rows]


def test_an_encoder_in_hand_is_tried_here_and_tells_no_memory() -> None:
    found = made([lookalike.load_encoder("pixels")])
    assert found.rows[0].name == "pixels"
    assert found.rows[0].measurement.memory_mib is None


def test_a_model_in_a_process_of_its_own_tells_its_memory(judged: ModelTable) -> None:
    assert all(row.measurement.memory_mib is not None for row in judged.measured)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"anchor": "a.jpg"}, "belong together"),
        ({"anchor": "a", "positive": "b", "negative": "c", "pairs": "p.csv"}, "either"),
        ({"resume": True}, "save=FILE"),
        ({"bounds": (3, 1)}, "ascend"),
        ({"metric": "cosin"}, "unknown metric"),
        ({"budget_ms": -1}, "bound"),
    ],
)
def test_what_makes_no_table_is_said_before_a_model_is_tried(
    options: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "lookalike.measuring.trying.measure_apart", lambda task: pytest.fail("tried")
    )
    with pytest.raises(UsageError, match=told):
        made(["pixels"], **options)


def test_progress_tells_how_many_and_a_sentence_each() -> None:
    done: list[int] = []
    totals: list[int] = []
    said: list[str] = []
    made(progress=done.append, on_total=totals.append, say=said.append)
    assert totals == [len(MODELS)]
    assert sum(done) == len(said) == len(MODELS)
    assert said[0].startswith("1/4 pixels: ")
    assert "no ONNX file" in said[3]


@pytest.mark.parametrize("which", ["judged", "anchored"])
def test_every_format_has_every_model(which: str, request: pytest.FixtureRequest) -> None:
    result: ModelTable = request.getfixturevalue(which)
    view = result.view()
    plain = json.loads(json_text("table", result))
    assert [row["model"] for row in plain["results"]] == MODELS
    for text in (csv_text(view), markdown_text(view), html_page(view)):
        assert all(row.label in text for row in result.rows)
    columns = read_layout(result.published_markdown())
    labels = [one.label for group in columns for one in group.columns]
    assert sorted(labels) == sorted(row.label for row in result.rows)


def test_raw_values_and_spreads_are_in_the_csv_unrounded(anchored: ModelTable) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(anchored.view()))))
    first = anchored.rows[0].measurement
    assert first.times is not None
    assert float(rows[0]["positive"]) == first.values[0]
    assert float(rows[0]["file_q3"]) == first.times.file.q3
    assert rows[0]["model"] == "pixels"


def test_pages_hold_the_pictures(judged: ModelTable, anchored: ModelTable) -> None:
    assert set(anchored.thumbnails) == {place.id for place in anchored.subject.places}
    shown = {end for n in judged.hardest for end in _ends(judged, n)}
    assert set(judged.thumbnails) == shown
    assert len(judged.hardest) == 10
    values = judged.best.measurement.values if judged.best else ()
    same = [values[n] for n in judged.hardest[:5]]
    others = [v for n, v in enumerate(values) if judged.subject.pairs[n].same and v not in same]
    assert max(v for v in same if v is not None) <= min(v for v in others if v is not None)


def _ends(table: ModelTable, pair: int) -> tuple[str, str]:
    one = table.subject.pairs[pair]
    return table.subject.places[one.a].id, table.subject.places[one.b].id


def test_labels_are_short_and_tell_rows_apart() -> None:
    names = ["onnx:a/x.onnx", "onnx:b/x.onnx", "pixels", "hash:phash?size=8", "hash:phash?size=9"]
    labels = labels_of(names)
    assert labels == names  # nothing shorter tells them apart
    assert labels_of(["onnx:a/x.onnx?output=f", "onnx:y.onnx"]) == ["onnx:x.onnx", "onnx:y.onnx"]


def test_a_row_is_found_by_name_or_by_what_only_its_label_begins_with(judged: ModelTable) -> None:
    assert judged["hash:p"].name == "hash:phash"
    with pytest.raises(KeyError, match="names 2 rows"):
        judged["hash:"]
    with pytest.raises(KeyError, match="names 0 rows"):
        judged["nothing"]


def test_random_weights_are_shouted_and_accuracies_said_to_be_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lookalike.measuring.trying.measure_apart", measure_apart)
    name = "torchvision:squeezenet1_1?weights=random"
    found = made([name], runtime=lookalike.encoders.Runtime("torch", device="cpu"))
    assert "RANDOM WEIGHTS" in found.warnings[0]
    assert found.recommended is None
    assert "random weights" in found.recommendation.excluded[0].words
    assert found.rows[0].pareto is None
    assert not found.view().plots
    assert found.rows[0].figure_of["acc1"] == 58.178
    assert found.rows[0].figure_of["weights"] == "random(seed=0)"


def test_a_machine_that_moved_is_said(judged: ModelTable) -> None:
    steady_file = Timing(1.0, 1.0, 1.0, 1.0, 1.0, 30, (1.0, 1.0))

    def with_yardstick(*took: float) -> ModelTable:
        rows = []
        for row, one in zip(judged.measured, took, strict=True):
            assert row.measurement.times is not None
            times = replace(row.measurement.times, file=steady_file)
            measurement = replace(row.measurement, times=times, yardsticks=((1.0, one),))
            rows.append(replace(row, measurement=measurement))
        return replace(judged, rows=tuple(rows))

    steady, moved = with_yardstick(1.0, 1.05, 1.0), with_yardstick(1.0, 1.0, 1.4)
    assert not any("noisy" in one for one in steady.warnings)
    assert any("noisy: this machine itself was 40 % slower" in one for one in moved.warnings)
    assert moved.noise == pytest.approx(0.4)


@pytest.mark.parametrize(("q3", "told"), [(1.01, "1 %"), (9.0, "noisy, 800 %")])
def test_a_time_that_scatters_is_called_noisy_with_its_spread(
    judged: ModelTable, q3: float, told: str
) -> None:
    row = judged.rows[0]
    assert row.measurement.times is not None
    model = Timing(1.0, 1.0, q3, q3, 1.0, 30, (1.0, 1.0))
    times = replace(row.measurement.times, model=model)
    changed = replace(row, measurement=replace(row.measurement, times=times))
    rows = list(csv.DictReader(io.StringIO(csv_text(replace(judged, rows=(changed,)).view()))))
    assert rows[0]["model_noise"] == told


def test_unknown_models_and_numbers_of_pictures_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        made(["nope:x"])
    assert np.isfinite(made(["pixels"]).noise)
    assert example_subject().source in made(["pixels"]).to_dict()["subject"]


def test_people_see_the_best_first_and_programs_the_order_asked_for(judged: ModelTable) -> None:
    (models,) = judged.view().tables
    quality = [row["roc_auc"] for row in models.rows]
    assert quality[-1] is None  # the model that failed
    assert quality[:-1] == sorted(quality[:-1], reverse=True)
    times = [row["file_ms"] for row in models.narrow[1].rows]
    assert times == sorted(times)
    assert [row["model"] for row in judged.to_dict()["results"]] == MODELS


def test_a_plot_of_many_models_names_those_of_the_pareto_set_alone(judged: ModelTable) -> None:
    few = judged.view().plots[0].series
    assert all(one.labels for one in few if one.kind == "points")
    worst = replace(judged.measured[0], pareto=False)
    rows = (*judged.rows, *(replace(worst, label=f"m{n}") for n in range(20)))
    many = {one.label: one for one in replace(judged, rows=rows).view().plots[0].series}
    assert many["other models"].labels is None
    named = [one for label, one in many.items() if label.startswith(("Pareto", "recommended"))]
    assert named
    assert all(one.labels for one in named)


def test_a_model_that_guesses_is_not_recommended_and_the_others_are(scenes: Path) -> None:
    first = made(["pixels"], pairs=scenes / "pairs.csv").rows[0]
    assert first.roc_auc is not None
    assert first.roc_auc.interval is not None
    guessing = replace(first.roc_auc, interval=replace(first.roc_auc.interval, low=0.49))
    assert first.above_chance
    assert not replace(first, measures=(guessing,)).above_chance
    unknown = replace(first.roc_auc, interval=None)
    assert not replace(first, measures=(unknown,)).above_chance  # nothing has been shown
    anchored = anchor_subject("a", "p", "n")
    for values, above in (((0.9, 0.8), True), ((0.8, 0.9), False), ((0.8, 0.8), False)):
        row = ModelRow("x", "x", Measurement("x", metric="cosine", values=values), anchored)
        assert row.above_chance is above


def test_a_positive_behind_the_negatives_recommends_nobody(scenes: Path) -> None:
    files = [str(scenes / name) for name in ("0-a.png", "1-a.png", "0-b.png")]
    found = made(["pixels"], anchor=files[0], positive=files[1], negative=files[2])
    assert found.recommended is None
    assert found.recommendation.reason.startswith("No model has shown")
    assert "not above chance" in found.recommendation.excluded[0].words


def test_folders_of_things_become_pairs_and_their_names_the_groups(tmp_path: Path) -> None:
    for scene in range(6):
        (tmp_path / str(scene)).mkdir()
        for view in range(3):
            picture = scene_picture(scene).copy()
            picture[:, : 4 * view] = 0
            Image.fromarray(picture).save(tmp_path / str(scene) / f"{view}.png")
    found = made(["pixels"], pairs=tmp_path, draw=15, seed=1)
    places, pairs = found.subject.places, found.subject.pairs
    folders = [Path(place.id).parent.name for place in places]
    assert all((folders[pair.a] == folders[pair.b]) is pair.same for pair in pairs)
    assert len({(pair.a, pair.b) for pair in pairs}) == len(pairs)
    assert sum(not pair.same for pair in pairs) == 15
    assert {end for pair in pairs for end in (pair.a, pair.b)} == set(range(len(places)))
    assert any("bootstrap over 6 groups" in note for note in found.judge_notes)
    again = folder_subject(tmp_path, pairs=15, seed=1)
    assert again.pairs == pairs
    assert folder_subject(tmp_path, pairs=15, seed=2).pairs != pairs


def test_folders_that_make_no_pairs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such table or folder"):
        made(["pixels"], pairs=tmp_path / "absent")
    (tmp_path / "one").mkdir()
    for n in range(3):
        Image.new("RGB", (8, 8)).save(tmp_path / "one" / f"{n}.png")
    with pytest.raises(UsageError, match="no pairs of both kinds"):
        made(["pixels"], pairs=tmp_path)


def test_negatives_of_a_folder_that_holds_the_anchor_leave_it_out_and_say_so(scenes: Path) -> None:
    found = anchor_subject(str(scenes / "0-a.png"), str(scenes / "0-b.png"), str(scenes / "*.png"))
    ids = [found.places[pair.b].id for pair in found.pairs if not pair.same]
    assert len(ids) == 22
    assert not {str(scenes / "0-a.png"), str(scenes / "0-b.png")} & set(ids)
    assert len(found.notes) == 2
    with pytest.raises(UsageError, match="every negative"):
        anchor_subject(str(scenes / "0-a.png"), str(scenes / "0-b.png"), str(scenes / "0-a.png"))


def test_many_negatives_have_no_column_each_but_the_hardest_has(scenes: Path) -> None:
    found = made(
        ["pixels"],
        anchor=str(scenes / "0-a.png"),
        positive=str(scenes / "0-b.png"),
        negative=str(scenes / "*.png"),
    )
    (models,) = found.view().tables
    shown = [column.key for column in models.columns if not column.aside]
    assert "negative_most" in shown
    assert "negative 7_per_cent" not in shown
    values = found.rows[0].measurement.values
    assert models.rows[0]["negative_most"] == pytest.approx(
        100 * max(value for value in values[1:] if value is not None)
    )
    assert "negative 22" in csv_text(found.view()).splitlines()[0]


def test_a_model_that_fails_on_many_pictures_stands_aside_and_takes_no_pairs_along(
    scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(task: Task) -> Measurement:
        found = tried_here(task)
        if task.model == "hash:dhash":
            return replace(found, values=(None,) * 12 + found.values[12:])
        return found

    monkeypatch.setattr("lookalike.measuring.trying.measure_apart", lacking)
    found = made(["pixels", "hash:dhash"], pairs=scenes / "pairs.csv")
    assert found["pixels"].roc_auc is not None
    assert found["pixels"].roc_auc.over == "12 same and 12 different pairs"
    assert found["hash:dhash"].roc_auc is None
    assert any("stands aside: hash:dhash, with values for 12 of 24" in n for n in found.judge_notes)


def test_all_figures_of_quality_are_of_the_same_pairs(
    scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(task: Task) -> Measurement:
        found = tried_here(task)
        if task.model == "hash:dhash":
            return replace(found, values=(None, *found.values[1:]))
        return found

    monkeypatch.setattr("lookalike.measuring.trying.measure_apart", lacking)
    found = made(["pixels", "hash:dhash"], pairs=scenes / "pairs.csv")
    pixels = found["pixels"]
    values = [value for value in pixels.measurement.values if value is not None]
    assert pixels.separation == Separation.of(values[1:12], values[12:])
    assert any("1 pair without a value under hash:dhash" in note for note in found.judge_notes)


def test_means_and_hardest_pairs_of_distances_are_read_downwards(scenes: Path) -> None:
    found = made(["pixels"], pairs=scenes / "pairs.csv", metric="euclidean")
    row = found.rows[0]
    values = list(row.measurement.values)
    same, different = values[:12], values[12:]
    assert found.hardest[0] == values.index(max(v for v in same if v is not None))
    assert found.hardest[5] == 12 + different.index(min(v for v in different if v is not None))
    assert row.separation is not None
    assert row.separation.margin > 0  # same pairs are nearer
    cosine = made(["pixels"], pairs=scenes / "pairs.csv").rows[0]
    means = [one.similarity for one in cosine.figures.pairs.values()]
    known = [value for value in cosine.measurement.values if value is not None]
    assert means == pytest.approx([100 * np.mean(known[:12]), 100 * np.mean(known[12:])])


def test_the_page_shows_every_hard_pair_with_its_own_values(judged: ModelTable) -> None:
    hardest = next(one for one in judged.view().after if "hardest" in one.title)
    for n, row in zip(judged.hardest, hardest.rows, strict=True):
        for number, model in enumerate(judged.measured):
            assert row[f"model{number}"] == model.measurement.values[n]


def test_the_plot_has_the_ends_of_the_intervals(judged: ModelTable) -> None:
    for one in judged.view().plots[0].series:
        if one.kind == "points":
            assert one.low is not None
            assert one.high is not None
            assert all(a < y <= b for a, y, b in zip(one.low, one.y, one.high, strict=True))


@pytest.mark.parametrize(
    ("option", "bound", "kept"),
    [
        ("max_memory", 1e-9, None),
        ("max_params", 1e-9, "pixels"),  # it has none at all
        ("min_acc1", 50.0, None),
        ("licences", ("MIT",), None),
        ("budget_ms", 1e9, "pixels"),
    ],
)
def test_constraints_are_of_what_their_names_say(
    scenes: Path, option: str, bound: Any, kept: str | None
) -> None:
    found = made(["pixels"], pairs=scenes / "pairs.csv", **{option: bound})
    assert (found.recommended and found.recommended.name) == kept


def test_a_change_of_effort_is_another_question(tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    made(["pixels"], save=rows)
    with pytest.raises(UsageError, match="effort"):
        lookalike.table(models=["pixels"], effort=Effort(4, 0.0, 0.2, 1), save=rows, resume=True)


def test_an_encoder_of_the_same_name_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    pixels = lookalike.load_encoder("pixels")
    other = replace(pixels, cards=(replace(pixels.card, algorithm="another"),))
    rows = tmp_path / "rows"
    made([pixels], save=rows)
    found = made([other], save=rows, resume=True)
    assert found.rows[0].measurement.card == other.card


def test_an_encoder_may_be_called_anything() -> None:
    pixels = lookalike.load_encoder("pixels")
    odd = replace(pixels, cards=(replace(pixels.card, name="my:thing?x"),))
    assert made([odd]).rows[0].ok


def test_rows_are_not_saved_in_the_table_of_pairs(scenes: Path) -> None:
    pairs = scenes / "pairs.csv"
    before = pairs.read_text()
    with pytest.raises(UsageError, match="in the table of pairs"):
        made(["pixels"], pairs=pairs, save=pairs, force=True)
    assert pairs.read_text() == before


def test_a_picture_that_can_not_be_shown_costs_no_table(tmp_path: Path, scenes: Path) -> None:
    odd = tmp_path / "odd.tif"
    Image.fromarray(np.full((8, 8), 200.0, np.float32)).save(odd)
    found = made(
        ["pixels"],
        anchor=str(scenes / "0-a.png"),
        positive=str(scenes / "0-b.png"),
        negative=[str(odd), str(scenes / "1-a.png")],
    )
    assert str(odd) in found.missed
    assert len(found.thumbnails) == 3
    assert found.recommended is not None


def test_random_weights_are_not_held_against_models_that_mean_something(
    scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(task: Task) -> Measurement:
        found = tried_here(task)
        if task.model == "hash:dhash" and found.card is not None:
            card = replace(found.card, weights_tag="random(seed=0)")
            # better than all others, by luck
            return replace(found, card=card, values=(1.0,) * 12 + (0.0,) * 12)
        return found

    monkeypatch.setattr("lookalike.measuring.trying.measure_apart", tried)
    found = made(["pixels", "hash:dhash"], pairs=scenes / "pairs.csv")
    assert found["pixels"].beside_best == "best"
    assert found["hash:dhash"].roc_auc is None
    assert found.recommended is found["pixels"]
    alone = made(["hash:dhash"], pairs=scenes / "pairs.csv")
    assert alone.rows[0].roc_auc is not None  # among themselves they can be compared
    assert alone.recommended is None
    assert not any("hash:dhash" in words for words in found.analysis if "separation" in words)


def test_the_reason_says_among_whom_a_model_is_the_best(
    scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(["pixels", "hash:dhash"], pairs=scenes / "pairs.csv")
    assert "of those" not in found.recommendation.reason
    monkeypatch.setattr(ModelRow, "above_chance", property(lambda row: row.label == "hash:dhash"))
    other = made(["pixels", "hash:dhash"], pairs=scenes / "pairs.csv")
    assert other.recommended is other["hash:dhash"]
    assert "hash:dhash has the best ROC AUC of those that can be recommended" in (
        other.recommendation.reason
    )


def test_without_any_model_nothing_is_recommended_and_the_reason_says_so(scenes: Path) -> None:
    found = made(["onnx:no.onnx"], pairs=scenes / "pairs.csv")
    assert found.recommendation.reason == "No model could be tried."
    assert not any("stands aside" in note for note in found.judge_notes)
    assert len(found.view().tables[0].narrow) == 1  # no costs


def test_thousands_of_pairs_are_judged_at_once(tmp_path: Path, scenes: Path) -> None:
    """The work grows with the pairs, and not with their square."""
    row = made(["pixels"], pairs=scenes / "pairs.csv").rows[0]
    calls: list[int] = []

    class Watched(ModelRow):
        @property
        def common_values(self) -> dict[int, float]:
            calls.append(1)
            return super().common_values

    watched = Watched(**{one.name: getattr(row, one.name) for one in fields(row)})
    assembled_module._scored([watched], watched.subject, Drawing(100, 0.95, 0))
    assert len(calls) < len(row.subject.pairs)


def test_a_process_in_which_a_model_was_slower_makes_its_times_noisy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steady = Timing(1.0, 1.0, 1.0, 1.0, 1.0, 30, (1.0, 1.0))

    def tried(task: Task) -> Measurement:
        found = tried_here(task)
        assert found.times is not None
        model = replace(steady, rounds=(1.8,)) if task.check else steady
        return replace(found, times=replace(found.times, model=model))

    monkeypatch.setattr("lookalike.measuring.trying.measure_apart", tried)
    times = made(["pixels"]).rows[0].measurement.times
    assert times is not None
    assert times.model.rounds == (1.0, 1.0, 1.8)
    assert times.model.noisy
    assert times.model.median == 1.0
    assert len(times.file.rounds) == 3  # those of the second process, too


def test_a_second_process_that_fails_is_told_and_costs_no_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def tried(task: Task) -> Measurement:
        return Measurement(task.model, "it died") if task.check else tried_here(task)

    monkeypatch.setattr("lookalike.measuring.trying.measure_apart", tried)
    found = made(["pixels"])
    assert found.rows[0].ok
    assert any("second process: it died" in one for one in found.warnings)
