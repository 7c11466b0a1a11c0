from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import lookalike
from lookalike.comparison.pairs import BLOCK
from lookalike.encoders import Runtime
from lookalike.errors import MissingWeightsError, StrictError, UnknownNameError, UsageError
from lookalike.testing import noise_picture, scene_picture

PICTURES = [scene_picture(1), scene_picture(2), noise_picture(3), noise_picture(4)]


def test_values_are_the_similarities_of_the_encoders_vectors() -> None:
    result = lookalike.compare(PICTURES, models="pixels")
    vectors = lookalike.load_encoder("pixels").encode(PICTURES).vectors.astype(np.float64)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = [units[a] @ units[b] for a in range(4) for b in range(a + 1, 4)]
    assert [one.value for one in result.results] == pytest.approx(expected)


def test_the_matrix_holds_the_same_values_as_the_pairs() -> None:
    result = lookalike.compare(PICTURES)
    matrix = result.matrix()
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(np.diag(matrix), np.ones(4))
    for one in result.results:
        assert matrix[result.ids.index(one.a), result.ids.index(one.b)] == one.value


def test_each_model_and_metric_has_its_rows() -> None:
    result = lookalike.compare(PICTURES[:2], models=["pixels", "hash:phash"])
    assert [(one.model, one.metric) for one in result.results] == [
        ("pixels", "cosine"),
        ("hash:phash", "hamming"),
    ]
    euclidean = lookalike.compare(PICTURES[:2], models="pixels", metric="euclidean")
    distance, cosine = euclidean.results[0].value, result.results[0].value
    assert distance is not None
    assert cosine is not None
    assert distance**2 == pytest.approx(2 - 2 * cosine, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["good", "bad", "missing"]), min_size=2, max_size=7))
def test_every_pair_has_a_row_with_a_value_or_a_reason(kinds: list[str]) -> None:
    ids: dict[str, object] = {
        "good": scene_picture(1),
        "bad": np.zeros((0, 4, 3), np.uint8),
        "missing": "no/such/file.jpg",
    }
    result = lookalike.compare([ids[kind] for kind in kinds])
    pairs = [(a, b) for n, a in enumerate(kinds) for b in kinds[n + 1 :]]
    assert len(result.results) == len(pairs)
    for one, (a, b) in zip(result.results, pairs, strict=True):
        both = a == b == "good"
        assert (one.value is not None) == both
        assert (one.error is None) == both
        if not both:
            assert (a != "good") == ("a: " in str(one.error))
            assert (b != "good") == ("b: " in str(one.error))


def test_a_pair_without_value_does_not_move_the_others() -> None:
    whole = lookalike.compare(PICTURES)
    broken = lookalike.compare([PICTURES[0], "no.jpg", *PICTURES[1:]])
    assert [one.value for one in broken.results if one.value is not None] == pytest.approx(
        [one.value for one in whole.results]
    )


def test_arrays_given_one_by_one_keep_apart() -> None:
    result = lookalike.compare(PICTURES[0], np.zeros((0, 4, 3), np.uint8), PICTURES[1])
    assert result.ids == ("array[0]", "array[1]", "array[2]")
    assert [row.id for row in result.failures] == ["array[1]"]
    diagonal = np.diag(result.matrix())
    assert np.isnan(diagonal).tolist() == [False, True, False]


def test_one_model_twice_keeps_its_results_apart() -> None:
    result = lookalike.compare(PICTURES[:3], models=["pixels", "pixels"], metric="euclidean")
    assert result.of(0) == result.of(1) == result.results[:3]
    np.testing.assert_array_equal(result.matrix(0), result.matrix(1))


def test_blocks_of_pairs_are_joined_in_order() -> None:
    count = int((2 * BLOCK) ** 0.5) + 10
    pictures = [noise_picture(seed, 8, 8) for seed in range(count)]
    result = lookalike.compare(pictures, models="pixels", thumbnails=False)
    vectors = lookalike.load_encoder("pixels").encode(pictures).vectors
    expected = np.asarray(lookalike.similarity(vectors, vectors))[np.triu_indices(count, 1)]
    assert [one.value for one in result.results] == pytest.approx(list(expected), abs=1e-9)


def test_strict_turns_a_failure_into_an_error_that_names_it() -> None:
    with pytest.raises(StrictError, match=r"no\.jpg: missing"):
        lookalike.compare(PICTURES[0], "no.jpg", strict=True)


def test_no_verdict_is_given_without_a_calibration() -> None:
    result = lookalike.compare(PICTURES[:2], models=["pixels", "hash:phash"])
    assert "verdict" not in result.to_dict()["results"][0]
    (told,) = result.verdicts
    assert told.startswith("no verdict: pixels came without a calibration, hash:phash came without")
    assert "no threshold is invented" in told
    assert "Column('words'" not in repr(result.view().tables)


def test_an_encoder_with_a_calibration_says_what_its_values_mean() -> None:
    result = lookalike.compare(PICTURES[0], PICTURES[0], "no.jpg", PICTURES[2])
    verdict = result.models[0].card.verdict
    assert verdict is not None
    equal, failed, strange = (result.results[n] for n in (0, 1, 2))
    assert failed.verdict is None
    for one in (equal, strange):
        assert one.value is not None
        assert one.verdict == verdict.of(one.value)
    assert equal.verdict is not None
    assert equal.to_dict()["verdict"]["words"] == equal.verdict.words
    assert equal.verdict.words.startswith("the same picture")
    assert result.verdicts == (f"builtin: {verdict.reading}",)
    shown = result.view().tables[-1]
    assert shown.rows[0]["same_picture"] == equal.verdict.same_picture
    assert shown.rows[0]["same_kind"] == equal.verdict.same_kind
    assert shown.rows[0]["words"] == equal.verdict.words
    assert not shown.aside


def test_a_calibration_says_nothing_of_another_metric() -> None:
    result = lookalike.compare(PICTURES[:2], metric="euclidean")
    assert result.results[0].verdict is None
    assert "builtin came with a calibration for cosine only" in result.verdicts[0]


def test_random_weights_are_said_in_every_format() -> None:
    result = lookalike.compare(
        PICTURES[:2], models="torchvision:shufflenet_v2_x0_5?weights=random&size=64"
    )
    assert "RANDOM WEIGHTS" in " ".join(result.notes)
    assert "RANDOM WEIGHTS" in result._repr_html_()
    assert "RANDOM WEIGHTS" in str(result.to_dict())


def test_notebooks_see_the_pictures(tmp_path: Path) -> None:
    Image.fromarray(PICTURES[0]).save(tmp_path / "a<b>.png")
    page = lookalike.compare(str(tmp_path / "a<b>.png"), PICTURES[1])._repr_html_()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "a&lt;b&gt;.png" in page
    assert "a<b>" not in page


def test_all_missing_weights_are_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    models = ["timm:resnet18.a1_in1k", "pixels", "torchvision:squeezenet1_1", "onnx:gone.onnx"]
    with pytest.raises(MissingWeightsError) as caught:
        lookalike.compare(PICTURES[:2], models=models, runtime=Runtime(offline=True))
    for said in ("timm/resnet18.a1_in1k", "squeezenet1_1-b8a52dc0.pth", "gone.onnx"):
        assert said in str(caught.value)


def test_a_misspelt_metric_is_said_before_any_work() -> None:
    with pytest.raises(UnknownNameError, match="cosine"):
        lookalike.compare("gone.jpg", "lost.jpg", models="onnx:gone.onnx", metric="cosin")


def test_pictures_or_a_table_not_both_and_not_neither() -> None:
    with pytest.raises(UsageError):
        lookalike.compare()
    with pytest.raises(UsageError):
        lookalike.compare("a.jpg", "b.jpg", pairs="p.csv")
