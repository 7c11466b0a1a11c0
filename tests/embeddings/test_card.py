import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embeddings import Card, VerdictMap
from lookalike.embeddings.card import IDENTITY, read_yaml
from lookalike.errors import CardError
from lookalike.images import Preprocess
from lookalike.metrics import Likelihood

CARD = Card(
    algorithm="torchvision/resnet50",
    weights="sha256:00",
    layer="input:fc",
    pooling="none",
    preprocess=Preprocess(resize=(64, 32), mean=(0.1, 0.2, 0.3), alpha=(255, 255, 255)),
    dim=2048,
    name="torchvision:resnet50",
    settings=(("size", "16"), ("bits", "8")),
    heads=("sha256:aa", "sha256:bb"),
    weights_tag="IMAGENET1K_V2",
    licence="BSD-3-Clause",
    params=25_557_032,
    gflops=4.089,
    acc1=80.858,
    acc5=95.434,
    source="https://example.org/weights.pth",
)

VERDICT = VerdictMap(
    metric="cosine",
    same_picture=Likelihood((0.5, 0.9), (-3.0, 4.0)),
    same_kind=Likelihood((0.1, 0.8), (-2.0, 2.0)),
    share_same_picture=0.2,
    share_same_kind=0.5,
    pairs=100,
    data="photographs",
    error_same_picture=0.01,
    error_same_kind=0.02,
)

DECIDING: dict[str, Any] = {
    "algorithm": "torchvision/resnet18",
    "weights": "sha256:01",
    "layer": "layer4",
    "pooling": "avg",
    "preprocess": replace(CARD.preprocess, kernel="opencv-bilinear"),
    "settings": (("size", "16"), ("bits", "9")),
    "heads": ("sha256:bb", "sha256:aa"),
    "kind": "bits",
}
DESCRIBING: dict[str, Any] = {
    "dim": 3,
    "name": "another:name",
    "weights_tag": "V3",
    "licence": "MIT",
    "params": 1,
    "gflops": None,
    "acc1": None,
    "acc5": 1.5,
    "source": "",
    "figures": "all: preprocess=pinto",
    "verdict": VERDICT,
}


def test_every_field_either_decides_or_describes() -> None:
    names = {field.name for field in dataclasses.fields(Card)}
    assert set(DECIDING) | set(DESCRIBING) == names
    assert set(DECIDING) == {*IDENTITY, "preprocess"}


@pytest.mark.parametrize("field", DECIDING)
def test_what_decides_numbers_changes_the_fingerprint(field: str) -> None:
    other = replace(CARD, **{field: DECIDING[field]})
    assert other.fingerprint != CARD.fingerprint
    (difference,) = CARD.differences(other)
    assert difference.startswith(field)


@pytest.mark.parametrize("field", dataclasses.fields(Preprocess), ids=lambda field: field.name)
def test_every_part_of_the_preprocessing_decides(field: dataclasses.Field[Any]) -> None:
    changes: dict[str, Any] = {
        "resize": 64,
        "kernel": "pillow-box",
        "crop": (32, 32),
        "scale": 1.0,
        "mean": (0.1, 0.2, 0.4),
        "std": (1.0, 1.0, 2.0),
        "order": "bgr",
        "layout": "nhwc",
        "alpha": "drop",
        "exif": False,
    }
    changed = replace(CARD.preprocess, **{field.name: changes[field.name]})
    other = replace(CARD, preprocess=changed)
    assert other.fingerprint != CARD.fingerprint
    before, after = getattr(CARD.preprocess, field.name), changes[field.name]
    assert CARD.differences(other) == [f"preprocess.{field.name}: {before} / {after}"]


@pytest.mark.parametrize("field", DESCRIBING)
def test_what_describes_does_not_change_the_fingerprint(field: str) -> None:
    other = replace(CARD, **{field: DESCRIBING[field]})
    assert other != CARD
    assert other.fingerprint == CARD.fingerprint
    assert CARD.differences(other) == []


def test_another_spelling_of_the_same_preprocessing_is_no_difference() -> None:
    spelled = replace(CARD.preprocess, crop=(64, 32))
    other = replace(CARD, preprocess=spelled)
    assert other.fingerprint == CARD.fingerprint
    assert CARD.differences(other) == []


def test_the_order_in_which_settings_are_written_is_no_difference() -> None:
    other = replace(CARD, settings=CARD.settings[::-1])
    assert other.fingerprint == CARD.fingerprint
    assert CARD.differences(other) == []


def test_neighbouring_fields_cannot_stand_for_each_other() -> None:
    one, other = replace(CARD, layer="ab", pooling="c"), replace(CARD, layer="a", pooling="bc")
    assert one.fingerprint != other.fingerprint
    swapped = replace(CARD, layer=CARD.pooling, pooling=CARD.layer)
    assert swapped.fingerprint != CARD.fingerprint


def test_a_fingerprint_is_32_digits() -> None:
    assert len(CARD.fingerprint) == 32
    assert set(CARD.fingerprint) <= set("0123456789abcdef")


def test_differences_are_seen_from_this_side() -> None:
    other = replace(CARD, layer="layer4", pooling="avg")
    assert CARD.differences(other) == ["layer: input:fc / layer4", "pooling: none / avg"]
    assert other.differences(CARD) == ["layer: layer4 / input:fc", "pooling: avg / none"]


def test_bits_are_compared_by_hamming() -> None:
    assert CARD.metric == "cosine"
    assert replace(CARD, kind="bits").metric == "hamming"


def test_random_weights_are_known_as_such() -> None:
    assert replace(CARD, weights_tag="random(seed=0)").random
    assert not CARD.random


# as plain values


def copies(plain: dict[str, Any]) -> list[dict[str, Any]]:
    return [yaml.safe_load(yaml.safe_dump(plain)), json.loads(json.dumps(plain))]


text = st.text(max_size=8)


@settings(max_examples=15)
@given(
    st.builds(
        replace,
        st.just(CARD),
        name=text,
        algorithm=text,
        settings=st.dictionaries(text, text, max_size=3).map(lambda pairs: tuple(pairs.items())),
        heads=st.lists(text, max_size=2).map(tuple),
        kind=st.sampled_from(["float", "bits"]),
        params=st.none() | st.integers(0, 10**12),
        acc1=st.none() | st.floats(0, 100),
        verdict=st.sampled_from([None, VERDICT]),
        preprocess=st.builds(
            Preprocess,
            resize=st.none() | st.integers(1, 9) | st.tuples(st.integers(1, 9), st.integers(1, 9)),
            scale=st.sampled_from([1.0, 1 / 255]),
            alpha=st.sampled_from(["drop", (1, 2, 3)]),
        ),
    )
)
def test_plain_values_survive_yaml_and_json(card: Card) -> None:
    for plain in copies(card.to_dict()):
        again = Card.from_dict(plain)
        assert again == card
        assert again.fingerprint == card.fingerprint
        assert again.to_dict() == card.to_dict()


@pytest.mark.parametrize(
    "change",
    [
        {"layer": "layer4"},
        {"weights": "sha256:01"},
        {"kind": "bits"},
        {"heads": []},
        {"settings": {"size": "17", "bits": "8"}},
        {"preprocess": CARD.preprocess.to_dict() | {"order": "bgr"}},
        {"fingerprint": "0" * 32},
    ],
)
def test_an_edited_card_is_refused(change: dict[str, Any]) -> None:
    for plain in copies(CARD.to_dict() | change):
        with pytest.raises(CardError, match="fingerprint") as error:
            Card.from_dict(plain, where="card.yaml")
        assert error.value.where == "card.yaml"


def test_a_card_whose_description_was_edited_still_holds() -> None:
    assert Card.from_dict(CARD.to_dict() | {"licence": "MIT"}).licence == "MIT"


def without_fingerprint() -> dict[str, Any]:
    return {key: value for key, value in CARD.to_dict().items() if key != "fingerprint"}


def test_a_card_written_by_hand_needs_no_fingerprint() -> None:
    assert Card.from_dict(without_fingerprint()) == CARD


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"preprocess": {"resiz": 3}}, "unknown key 'resiz'"),
        ({"preprocess": {"order": "grb"}}, "order"),
        ({"preprocess": {"std": [0, 1, 1]}}, "deviation of zero"),
        ({"preprocess": None}, "preprocess"),
        ({"dim": "many"}, "dim"),
        ({"kind": "words"}, "kind"),
        ({"settings": ["a"]}, "settings"),
        ({"params": "few"}, "params"),
    ],
)
def test_an_impossible_card_is_refused_by_key(change: dict[str, Any], words: str) -> None:
    with pytest.raises(CardError, match=words) as error:
        Card.from_dict(without_fingerprint() | change, where="card.yaml")
    assert error.value.where.startswith("card.yaml")


def test_a_missing_key_is_named() -> None:
    plain = without_fingerprint()
    del plain["weights"]
    with pytest.raises(CardError, match="weights"):
        Card.from_dict(plain)


# files


def test_a_card_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(CARD.to_dict()), encoding="utf-8")
    assert Card.from_dict(read_yaml(path)) == CARD


@pytest.mark.parametrize(
    "content", [b"- a\n- b\n", b"", b"just words", b"a: [1\n", b"\xff\xfe", b"a: !!python/tuple []"]
)
def test_a_file_that_is_no_card_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "card.yaml"
    path.write_bytes(content)
    with pytest.raises(CardError) as error:
        read_yaml(path)
    assert error.value.where == str(path)


def test_a_card_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"no\.yaml"):
        read_yaml(tmp_path / "no.yaml")
