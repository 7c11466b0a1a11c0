import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import lookalike
from lookalike import embed
from lookalike.embeddings import Store
from lookalike.encoders.pipeline import Array
from lookalike.errors import FingerprintError, StoreError, UsageError
from lookalike.extraction.plan import Counts
from lookalike.images import Limits, Place, Reason
from lookalike.testing import noise_picture, scene_picture

from .conftest import PIXELS, Counting, age, content

TrueRows = Callable[[Path, Path], None]


def test_one_true_row_for_every_file(folder: Path, tmp_path: Path, true_rows: TrueRows) -> None:
    done = embed(folder, store=tmp_path / "s", model="pixels", shard_inputs=5, batch_size=3)
    assert (done.inputs, done.embedded, dict(done.reasons)) == (13, 12, {"truncated": 1})
    assert done.counts == Counts(added=13)
    assert [file.name for file in Store(tmp_path / "s").shards()] == [
        "shard-000000.parquet",
        "shard-000001.parquet",
        "shard-000002.parquet",
    ]
    true_rows(tmp_path / "s", folder)


def test_rows_know_file_size_date_and_digest(folder: Path, tmp_path: Path) -> None:
    import hashlib

    embed(folder, store=tmp_path / "s", model="pixels")
    for row in lookalike.Embeddings.open(tmp_path / "s").rows:
        file = Path(row.id)
        assert row.digest == hashlib.sha256(file.read_bytes()).hexdigest()
        status = file.stat()
        assert (row.file_bytes, row.file_mtime_ns) == (status.st_size, status.st_mtime_ns)


def test_a_second_run_over_an_unchanged_folder_does_nothing(
    folder: Path, tmp_path: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(folder, store=tmp_path / "s", model=counting.encoder, shard_inputs=5)
    assert counting.taken() == 12
    before = content(tmp_path / "s")
    read = []
    from lookalike.images import place

    monkeypatch.setattr(place, "read_file", lambda path, limits: read.append(path))
    done = embed(folder, store=tmp_path / "s", model=counting.encoder)
    assert counting.taken() == 0
    assert read == []
    assert done.counts == Counts(unchanged=13)
    assert content(tmp_path / "s") == before


def test_an_unchanged_folder_does_not_even_load_the_encoder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(folder, store=tmp_path / "s", model="pixels")
    from lookalike.extraction import workers

    def never(*args: object, **options: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(workers, "load_quickest", never)
    assert embed(folder, store=tmp_path / "s", model="pixels").counts.unchanged == 13
    with pytest.raises(AssertionError, match="loaded"):
        embed(folder, store=tmp_path / "s", model="hash:phash")


def test_one_file_changed_is_one_inference(
    folder: Path, tmp_path: Path, counting: Counting, true_rows: TrueRows
) -> None:
    embed(folder, store=tmp_path / "s", model=counting.encoder, shard_inputs=5)
    counting.taken()
    Image.fromarray(noise_picture(1, 24, 32)).save(folder / "07.png")
    done = embed(folder, store=tmp_path / "s", model=counting.encoder)
    assert counting.taken() == 1
    assert done.counts == Counts(changed=1, unchanged=12)
    true_rows(tmp_path / "s", folder)


def test_a_file_that_was_only_touched_is_read_and_not_encoded(
    folder: Path, tmp_path: Path, counting: Counting
) -> None:
    embed(folder, store=tmp_path / "s", model=counting.encoder, shard_inputs=5)
    counting.taken()
    age(folder / "03.png", 7200)
    done = embed(folder, store=tmp_path / "s", model=counting.encoder)
    assert counting.taken() == 0
    assert done.counts == Counts(unchanged=13, touched=1)
    assert embed(folder, store=tmp_path / "s", model=counting.encoder).counts.touched == 0


def test_a_change_within_the_clocks_tick_is_seen(
    folder: Path, tmp_path: Path, counting: Counting, true_rows: TrueRows
) -> None:
    path = folder / "07.png"
    Image.fromarray(scene_picture(50, 24, 32)).save(path)  # just before the run
    embed(folder, store=tmp_path / "s", model=counting.encoder)
    status = path.stat()
    other = bytearray(path.read_bytes())
    Image.fromarray(scene_picture(51, 24, 32)).save(path)
    padding = status.st_size - path.stat().st_size
    path.write_bytes(path.read_bytes() + bytes(max(0, padding)))
    if path.stat().st_size != status.st_size:
        path.write_bytes(bytes(other[:-1]) + b"\0")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert embed(folder, store=tmp_path / "s", model=counting.encoder).counts.changed == 1
    true_rows(tmp_path / "s", folder)


def test_verify_finds_a_change_that_kept_size_and_date(
    folder: Path, tmp_path: Path, true_rows: TrueRows
) -> None:
    embed(folder, store=tmp_path / "s", model="pixels")
    for shard in Store(tmp_path / "s").shards():  # so that the file is surely older
        os.utime(shard)
    path = folder / "05-broken.jpg"
    status = path.stat()
    path.write_bytes(b"x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert embed(folder, store=tmp_path / "s", model="pixels").counts.unchanged == 13
    assert embed(folder, store=tmp_path / "s", model="pixels", verify=True).counts.changed == 1
    true_rows(tmp_path / "s", folder)


def test_added_and_removed_files_are_followed(
    folder: Path, tmp_path: Path, counting: Counting, true_rows: TrueRows
) -> None:
    embed(folder, store=tmp_path / "s", model=counting.encoder, shard_inputs=5)
    counting.taken()
    (folder / "00.png").unlink()
    (folder / "11.png").unlink()
    Image.fromarray(scene_picture(20)).save(folder / "00-new.png")
    done = embed(folder, store=tmp_path / "s", model=counting.encoder)
    assert counting.taken() == 1
    assert done.counts == Counts(added=1, unchanged=11, removed=2)
    true_rows(tmp_path / "s", folder)


def test_a_shard_whose_files_are_all_gone_goes_too(
    folder: Path, tmp_path: Path, true_rows: TrueRows
) -> None:
    embed(folder, store=tmp_path / "s", model="pixels", shard_inputs=4)
    for name in ("00", "01", "02", "03"):
        (folder / f"{name}.png").unlink()
    embed(folder, store=tmp_path / "s", model="pixels")
    assert "shard-000000.parquet" not in content(tmp_path / "s")
    true_rows(tmp_path / "s", folder)


def test_small_additions_fill_up_the_last_shard(
    folder: Path, tmp_path: Path, counting: Counting, true_rows: TrueRows
) -> None:
    store = tmp_path / "s"
    embed(folder, store=store, model=counting.encoder, shard_inputs=16)
    counting.taken()
    for seed in range(5):
        Image.fromarray(scene_picture(20 + seed, 24, 32)).save(folder / f"new {seed}.png")
        done = embed(folder, store=store, model=counting.encoder)
        assert (done.counts.added, counting.taken()) == (1, 1)
    assert len(content(store)) == 2
    true_rows(store, folder)
    (folder / "03.png").unlink()  # a change and an addition in the same shard
    Image.fromarray(scene_picture(30, 24, 32)).save(folder / "new 4.png")
    Image.fromarray(scene_picture(31, 24, 32)).save(folder / "newer.png")
    done = embed(folder, store=store, model=counting.encoder)
    assert (done.counts.added, done.counts.changed, done.counts.removed) == (1, 1, 1)
    true_rows(store, folder)


def test_vectors_that_stay_in_a_shard_keep_their_warning(folder: Path, tmp_path: Path) -> None:
    from lookalike.errors import EngineWarning

    def doubted(batch: Array) -> list[Array]:
        (vectors,) = PIXELS.run(batch)
        return [vectors + np.float32(0.1)]

    bad = replace(PIXELS, run=doubted, engine="doubtful", reference=lambda: PIXELS)
    store = tmp_path / "s"
    assert embed(folder, store=store, model=bad, reduced=True).origin.warnings
    age(folder / "01.png", 7200)
    Image.fromarray(scene_picture(30, 24, 32)).save(folder / "new.png")
    embed(folder, store=store, model=PIXELS)
    with pytest.warns(EngineWarning, match="doubtful is NOT WITHIN"):
        assert lookalike.Embeddings.open(store).origin.decoding == "reduced"


def test_contradictions_are_refused(folder: Path, tmp_path: Path) -> None:
    from lookalike.encoders import Runtime
    from lookalike.images import ImageSource, Limits

    store = tmp_path / "s"
    with pytest.raises(UsageError, match="exact means f32"):
        embed(folder, store=store, model="pixels", exact=True, runtime=Runtime(precision="bf16"))
    with pytest.raises(UsageError, match="loaded"):
        embed(folder, store=store, model=PIXELS, runtime=Runtime())
    with pytest.raises(UsageError, match="ImageSource"):
        embed(ImageSource(folder), store=store, model="pixels", limits=Limits())
    assert not store.exists()


def test_rows_of_files_that_are_there_stay_unless_pruned(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    embed(folder, store=store, model="pixels")
    some = [str(folder / "01.png"), str(folder / "02.png")]
    assert embed(some, store=store, model="pixels").counts == Counts(unchanged=2, kept=11)
    assert len(lookalike.Embeddings.open(store)) == 13
    done = embed(some, store=store, model="pixels", prune=True)
    assert done.counts == Counts(unchanged=2, removed=11)
    assert [row.id for row in lookalike.Embeddings.open(store).rows] == some


def test_a_disk_that_is_not_mounted_empties_no_store(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    for seed in range(30):
        Image.fromarray(scene_picture(seed, 8, 8)).save(folder / f"{seed:02}.png")
    store = tmp_path / "s"
    embed(folder, store=store, model="pixels")
    folder.rename(tmp_path / "elsewhere")
    folder.mkdir()
    done = embed(folder, store=store, model="pixels")
    assert (done.counts.removed, done.counts.vanished, done.inputs) == (0, 30, 30)
    assert any("prune" in note for note in done.notes)
    assert embed(folder, store=store, model="pixels", prune=True).inputs == 0


def test_failures_are_tried_again_when_asked_or_when_the_file_changes(
    folder: Path, tmp_path: Path, counting: Counting, true_rows: TrueRows
) -> None:
    store = tmp_path / "s"
    inputs = [str(folder), str(folder / "gone.png")]
    embed(inputs, store=store, model=counting.encoder)
    assert embed(inputs, store=store, model=counting.encoder).counts == Counts(unchanged=14)
    done = embed(inputs, store=store, model=counting.encoder, retry_failed=True)
    assert done.counts == Counts(unchanged=12, retried=2)
    counting.taken()
    shutil.copy(folder / "01.png", folder / "05-broken.jpg")
    embed(inputs, store=store, model=counting.encoder)
    assert counting.taken() == 1


def test_two_equal_files_and_one_file_named_twice_have_rows_of_their_own(
    folder: Path, tmp_path: Path, counting: Counting
) -> None:
    shutil.copy(folder / "01.png", folder / "99.png")
    inputs = [str(folder / "01.png"), str(folder / "99.png"), str(folder / "01.png")]
    embed(inputs, store=tmp_path / "s", model=counting.encoder)
    found = lookalike.Embeddings.open(tmp_path / "s")
    assert [row.id for row in found.rows] == inputs
    assert counting.taken() == 3
    again = embed(inputs, store=tmp_path / "s", model=counting.encoder)
    assert again.counts == Counts(unchanged=3)
    more = embed([*inputs, inputs[0]], store=tmp_path / "s", model=counting.encoder)
    assert more.counts == Counts(added=1, unchanged=3)


def test_members_of_an_archive_are_looked_at_again_when_the_archive_changes(
    folder: Path, tmp_path: Path, counting: Counting
) -> None:
    import tarfile

    archive = tmp_path / "a.tar"

    def pack(*names: str) -> None:
        with tarfile.open(archive, "w") as packed:
            for name in names:
                packed.add(folder / name, name)
        age(archive)

    pack("01.png", "02.png", "03.png")
    embed(archive, store=tmp_path / "s", model=counting.encoder)
    assert counting.taken() == 3
    assert embed(archive, store=tmp_path / "s", model=counting.encoder).counts.unchanged == 3
    pack("01.png", "03.png", "04.png")
    age(archive, 60)
    done = embed(archive, store=tmp_path / "s", model=counting.encoder)
    assert counting.taken() == 1
    assert (done.counts.added, done.counts.unchanged, done.counts.removed) == (1, 2, 1)
    ids = [row.id for row in lookalike.Embeddings.open(tmp_path / "s").rows]
    assert ids == [f"{archive}::{name}" for name in ("01.png", "03.png", "04.png")]


def test_another_encoder_is_refused_and_the_difference_named(folder: Path, tmp_path: Path) -> None:
    embed(folder, store=tmp_path / "s", model="pixels")
    card = replace(PIXELS.card, preprocess=replace(PIXELS.card.preprocess, kernel="pillow-box"))
    other = replace(PIXELS, cards=(card,), prepare=card.preprocess.apply)
    before = content(tmp_path / "s")
    with pytest.raises(FingerprintError, match=r"preprocess\.kernel: pillow-bilinear / pillow-box"):
        embed(folder, store=tmp_path / "s", model=other)
    assert content(tmp_path / "s") == before


def test_several_layers_are_several_columns(folder: Path, tmp_path: Path) -> None:
    first = PIXELS.card
    second = replace(first, layer="doubled")
    two = replace(
        PIXELS,
        cards=(first, second),
        run=lambda batch: [PIXELS.run(batch)[0], 2 * PIXELS.run(batch)[0]],
    )
    embed(folder, store=tmp_path / "s", model=two)
    one = lookalike.Embeddings.open(tmp_path / "s", layer="statistics")
    other = lookalike.Embeddings.open(tmp_path / "s", layer="doubled")
    np.testing.assert_array_equal(other.vectors, 2 * one.vectors)
    assert one.rows == other.rows


def test_a_layer_that_fails_on_a_picture_fails_it_in_all_layers(
    folder: Path, tmp_path: Path
) -> None:
    def run(batch: Array) -> list[Array]:
        (vectors,) = PIXELS.run(batch)
        other = vectors.copy()
        other[np.abs(batch - PIXELS.prepare(picture)).max(axis=(1, 2, 3)) == 0] = np.nan
        return [vectors, other]

    from lookalike.images import Picture

    picture = Picture("p", Image.open(folder / "03.png"))
    second = replace(PIXELS.card, layer="other")
    two = replace(PIXELS, cards=(PIXELS.card, second), run=run)
    embed(folder, store=tmp_path / "s", model=two)
    for layer in ("statistics", "other"):
        found = lookalike.Embeddings.open(tmp_path / "s", layer=layer)
        assert [Path(row.id).name for row in found.failures] == ["03.png", "05-broken.jpg"]
        assert np.isfinite(found.vectors).all()


def test_views_are_kept_linked_and_other_views_are_refused(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    done = embed(folder, store=store, model="pixels", views=["flip"], shard_inputs=5)
    assert (done.inputs, done.embedded) == (13, 24)
    whole, flipped = (lookalike.Embeddings.open(store, view=view) for view in ("", "flip"))
    assert whole.ids == flipped.ids
    assert [row.view for row in flipped.rows if row.ok] == ["flip"] * 12
    np.testing.assert_array_equal(whole.vectors, PIXELS.encode(str(folder)).vectors)
    with pytest.raises(UsageError, match="views"):
        embed(folder, store=store, model="pixels")
    Image.fromarray(noise_picture(1, 24, 32)).save(folder / "07.png")
    assert embed(folder, store=store, model="pixels", views=["flip"]).counts.changed == 1
    assert lookalike.Embeddings.open(store, view="flip").ids == whole.ids


def test_exact_decodes_in_full_whatever_else_is_asked(folder: Path, tmp_path: Path) -> None:
    for name, exact, decoding in (("a", False, "reduced"), ("b", True, "full")):
        store = tmp_path / name
        done = embed(folder, store=store, model="pixels", reduced=True, exact=exact)
        assert done.origin.decoding == decoding
        assert lookalike.Embeddings.open(store).origin.decoding == decoding


def test_a_store_among_the_pictures_does_not_embed_itself(
    folder: Path, true_rows: TrueRows
) -> None:
    store = folder / "store"
    embed(folder, store=store, model="pixels")
    assert embed(folder, store=store, model="pixels").counts == Counts(unchanged=13)
    assert len(lookalike.Embeddings.open(store)) == 13


def test_a_store_in_use_is_refused(folder: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "s").locked(), pytest.raises(StoreError, match="another process"):
        embed(folder, store=tmp_path / "s", model="pixels")


def test_nothing_to_embed_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pictures"):
        embed([], store=tmp_path / "s", model="pixels")


def test_what_will_be_needed_is_said_before_the_work_and_comes_true(
    folder: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    done = embed(folder, store=tmp_path / "s", model="pixels", say=said.append)
    assert any("13 inputs: about" in sentence for sentence in said)
    assert done.expected is not None
    assert done.expected.disk_bytes == pytest.approx(done.used.disk_bytes, rel=0.25)


def test_the_largest_files_count_in_what_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookalike.extraction import resources

    for name in ("peak_memory", "current_memory"):  # of tests before this one
        monkeypatch.setattr(resources, name, lambda: 0)
    (tmp_path / "a").mkdir()
    Image.new("1", (3000, 3000)).save(tmp_path / "a" / "large.png")  # ten kilobytes
    Image.new("RGB", (30, 30)).save(tmp_path / "a" / "small.png")
    announced = {}
    for name, limits in (("all", Limits()), ("small", Limits(max_pixels=900))):
        done = embed(
            tmp_path / "a", store=tmp_path / name, model="pixels", limits=limits, workers=1
        )
        assert done.expected is not None
        announced[name] = done.expected.memory_bytes
    assert announced["all"] > announced["small"] + 60_000_000


def test_what_has_to_be_said_of_pictures_is_said_and_kept(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    dark = np.full((20, 20), 1000, np.uint16)
    for n in range(3):
        Image.fromarray(dark + np.uint16(n)).save(tmp_path / "a" / f"{n}.png")
    Image.new("RGB", (30, 30)).save(tmp_path / "a" / "plain.png")
    done = embed(tmp_path / "a", store=tmp_path / "s", model="pixels", views=["flip"])
    (note,) = (note for note in done.notes if "nearly black" in note)
    assert "(3 pictures: " in note
    rows = lookalike.Embeddings.open(tmp_path / "s").rows
    assert ["nearly black" in row.detail for row in rows] == [True, True, True, False]
    again = embed(tmp_path / "a", store=tmp_path / "s", model="pixels", views=["flip"])
    assert not any("nearly black" in note for note in again.notes)


def test_progress_counts_every_input_whatever_happens_to_it(folder: Path, tmp_path: Path) -> None:
    for _ in range(2):
        told: list[int] = []
        totals: list[int] = []
        embed(
            folder,
            store=tmp_path / "s",
            model="pixels",
            progress=told.append,
            on_total=totals.append,
        )
        assert (sum(told), totals) == (13, [13])


# conservation


kinds = st.sampled_from(["good", "broken", "twin", "missing", "vanishing", "unreadable", "empty"])


@settings(max_examples=12)
@given(st.lists(kinds, min_size=1, max_size=14), st.integers(1, 5), st.integers(1, 6), st.data())
def test_inputs_are_rows_and_rows_are_vectors_or_reasons(
    tmp_path_factory: pytest.TempPathFactory,
    mix: list[str],
    batch_size: int,
    shard_inputs: int,
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("mix")
    inputs, expected = [], []
    for number, kind in enumerate(mix):
        path = folder / f"{number:02}-{kind}.png"
        inputs.append(str(path))
        good = kind in {"good", "twin", "vanishing"}
        if good:
            seed = 0 if kind == "twin" else number + 1
            Image.fromarray(scene_picture(seed, 16, 16)).save(path)
        elif kind == "broken":
            path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(9))
        elif kind == "unreadable":
            os.mkfifo(path)
        elif kind == "empty":
            path.write_bytes(b"")
        expected.append(good)

    def check() -> None:
        found = lookalike.Embeddings.open(folder / "s")
        assert sorted(row.id for row in found.rows) == sorted(inputs)
        assert len(found.vectors) + len(found.failures) == len(inputs)
        wanted = dict(zip(inputs, expected, strict=True))
        assert {row.id: row.ok for row in found.rows} == wanted
        for id, vector in zip(found.ids, found.vectors, strict=True):
            np.testing.assert_array_equal(vector, PIXELS.encode([id]).vectors[0])

    embed(
        inputs,
        store=folder / "s",
        model="pixels",
        batch_size=batch_size,
        shard_inputs=shard_inputs,
    )
    check()
    for number, kind in enumerate(mix):  # and again after the folder has changed
        path = Path(inputs[number])
        if kind == "vanishing":
            path.unlink()
            expected[number] = False
        elif kind == "missing" and data.draw(st.booleans()):
            Image.fromarray(scene_picture(number, 16, 16)).save(path)
            expected[number] = True
    embed(inputs, store=folder / "s", model="pixels", batch_size=batch_size)
    check()


def test_a_file_that_vanishes_while_it_waits_is_a_row(folder: Path, tmp_path: Path) -> None:
    def run(batch: Array) -> list[Array]:
        (folder / "11.png").unlink(missing_ok=True)
        return list(PIXELS.run(batch))

    slow = replace(PIXELS, run=run)
    embed(folder, store=tmp_path / "s", model=slow, batch_size=1, workers=1, shard_inputs=2)
    last = lookalike.Embeddings.open(tmp_path / "s").rows[-1]
    assert (Path(last.id).name, last.reason) == ("11.png", Reason.MISSING)


# what could go wrong and did not show


def test_an_archive_that_is_replaced_while_it_is_read_gives_nobody_anothers_vector(
    tmp_path: Path, true_rows: TrueRows
) -> None:
    import tarfile

    for seed, name in enumerate(("a", "b")):
        Image.fromarray(noise_picture(seed, 24, 24)).save(tmp_path / f"{name}.bmp")
    archive = tmp_path / "t.tar"

    def pack(path: Path, *names: str) -> None:
        with tarfile.open(path, "w") as packed:
            for name in names:
                packed.add(tmp_path / f"{name}.bmp", f"{name}.bmp")

    pack(archive, "a", "b")

    class Replacing(lookalike.ImageSource):
        def places(self):  # type: ignore[no-untyped-def]
            found = list(super().places())
            pack(tmp_path / "other.tar", "b", "a")
            os.replace(tmp_path / "other.tar", archive)
            return iter(found)

    embed(Replacing(archive), store=tmp_path / "s", model="pixels")
    first = lookalike.Embeddings.open(tmp_path / "s")
    assert [row.reason for row in first.rows] == [Reason.READ_ERROR] * 2
    embed(archive, store=tmp_path / "s", model="pixels")
    found = lookalike.Embeddings.open(tmp_path / "s")
    for name in ("a", "b"):
        alone = PIXELS.encode([str(tmp_path / f"{name}.bmp")]).vectors[0]
        np.testing.assert_array_equal(found[f"{archive}::{name}.bmp"], alone)


def test_rows_from_elsewhere_are_not_dropped_when_other_pictures_are_added(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    embed("pictures", store=tmp_path / "s", model="pixels")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Image.fromarray(scene_picture(1)).save("more.png")
    done = embed("more.png", store=tmp_path / "s", model="pixels")
    assert done.counts == Counts(added=1, kept=13)


def test_a_folder_that_can_not_be_looked_into_keeps_its_rows(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(folder, store=tmp_path / "s", model="pixels")
    lstat = os.lstat

    def refused(path: str, **options: object) -> os.stat_result:
        if str(path).startswith(str(folder)):
            raise PermissionError(path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", refused)
    done = embed(folder, store=tmp_path / "s", model="pixels", include="0[0-3].png")
    assert (done.counts.kept, done.counts.removed) == (9, 0)


def test_members_that_are_left_out_or_cut_off_keep_their_rows(folder: Path, tmp_path: Path) -> None:
    import tarfile

    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as packed:
        for name in ("01.png", "02.png", "03.png"):
            packed.add(folder / name, name)
    embed(archive, store=tmp_path / "s", model="pixels")
    done = embed(archive, store=tmp_path / "s", model="pixels", include="01*")
    assert (done.counts.kept, done.counts.removed) == (2, 0)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 3])
    done = embed(archive, store=tmp_path / "s", model="pixels")
    assert done.counts.removed == 0


def test_another_file_under_the_same_id_is_encoded(tmp_path: Path) -> None:
    from lookalike.images.place import file_place

    for name, seed in (("v1", 1), ("v2", 2)):
        Image.fromarray(noise_picture(seed, 24, 24)).save(tmp_path / f"{name}.bmp")
        os.utime(tmp_path / f"{name}.bmp", (1.6e9, 1.6e9))
    for name in ("v1", "v2"):
        path = str(tmp_path / f"{name}.bmp")
        embed([file_place(path, id="i")], store=tmp_path / "s", model="pixels")
        found = lookalike.Embeddings.open(tmp_path / "s")
        np.testing.assert_array_equal(found["i"], PIXELS.encode([path]).vectors[0])
        assert found.rows[0].path == path


def test_one_reason_after_another_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for change, reason in (
        (lambda: None, Reason.MISSING),
        (lambda: path.write_bytes(b""), Reason.EMPTY),
        (lambda: path.unlink(), Reason.MISSING),
        (lambda: path.write_bytes(b"x"), Reason.NOT_AN_IMAGE),
    ):
        change()
        embed([str(path)], store=tmp_path / "s", model="pixels")
        (row,) = lookalike.Embeddings.open(tmp_path / "s").rows
        assert row.reason == reason


def test_stores_below_the_pictures_are_no_inputs_of_any_verb(folder: Path, tmp_path: Path) -> None:
    for store in (folder / "one", folder / "two", tmp_path / "elsewhere"):
        done = embed(folder, store=store, model="pixels")
        assert done.inputs == 13
    assert len(PIXELS.encode(str(folder))) == 13


def test_a_file_that_became_a_folder_leaves_no_row(folder: Path, tmp_path: Path) -> None:
    embed(folder, store=tmp_path / "s", model="pixels")
    (folder / "00.png").rename(tmp_path / "kept.png")
    (folder / "00.png").mkdir()
    (tmp_path / "kept.png").rename(folder / "00.png" / "in.png")
    done = embed(folder, store=tmp_path / "s")
    assert done.counts == Counts(added=1, unchanged=12, removed=1)
    assert done.inputs == 13


def test_a_place_that_fails_in_its_own_way_ends_no_run(folder: Path, tmp_path: Path) -> None:
    def fails(limits: object) -> Any:
        raise KeyError("no such record")

    def gives_nothing(limits: object) -> Any:
        return None

    path = str(folder / "00.png")
    for _ in range(2):
        for read in (fails, gives_nothing):
            embed([Place("row 1", path, read)], store=tmp_path / "s", model="pixels")
            (row,) = lookalike.Embeddings.open(tmp_path / "s").rows
            assert row.reason is Reason.READ_ERROR
        os.utime(path, (1, 1))


def test_racy_files_are_read_once_more_and_not_for_ever(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in folder.iterdir():
        os.utime(file)  # written just now
    embed(folder, store=tmp_path / "s", model="pixels")
    before = content(tmp_path / "s")
    monkeypatch.setattr("lookalike.extraction.plan.RACE_NS", -1)  # two seconds later
    embed(folder, store=tmp_path / "s", model="pixels")
    monkeypatch.setattr("lookalike.extraction.plan.RACE_NS", 2_000_000_000)
    for shard in Store(tmp_path / "s").shards():
        os.utime(shard, (4e9, 4e9))  # as if the last look had been long after
    from lookalike.images import place

    read: list[str] = []
    monkeypatch.setattr(place, "read_file", lambda path, limits: read.append(path))
    assert embed(folder, store=tmp_path / "s", model="pixels").counts.unchanged == 13
    assert read == []
    assert content(tmp_path / "s") == before


def test_a_shards_date_is_before_its_files_were_read(folder: Path, tmp_path: Path) -> None:
    import time

    from lookalike.images import Picture

    read: list[int] = []

    def noting(picture: Picture) -> Array:
        read.append(time.time_ns())
        return PIXELS.prepare(picture)

    start = time.time_ns()
    embed(folder, store=tmp_path / "s", model=replace(PIXELS, prepare=noting), workers=1)
    (shard,) = Store(tmp_path / "s").shards()
    assert start <= shard.stat().st_mtime_ns < read[0]


def test_a_view_that_failed_is_tried_again(folder: Path, tmp_path: Path) -> None:
    calls = []

    def flaky(batch: Array) -> list[Array]:
        (vectors,) = PIXELS.run(batch)
        calls.append(len(batch))
        if len(calls) == 1:
            vectors[1] = np.nan
        return [vectors]

    encoder = replace(PIXELS, run=flaky)
    store = tmp_path / "s"
    done = embed(folder / "01.png", store=store, model=encoder, views=["flip"])
    assert (done.embedded, done.failed) == (1, 0)
    done = embed(folder / "01.png", store=store, model=encoder, views=["flip"], retry_failed=True)
    assert (done.embedded, done.counts.retried) == (2, 1)


def test_an_encoder_that_trips_over_one_picture_goes_on(folder: Path, tmp_path: Path) -> None:
    from lookalike.images import Picture

    def prepare(picture: Picture) -> Array:
        if "07" in picture.id:
            raise ZeroDivisionError("seven")
        return PIXELS.prepare(picture)

    done = embed(folder, store=tmp_path / "s", model=replace(PIXELS, prepare=prepare))
    assert dict(done.reasons) == {"truncated": 1, "unsupported": 1}


def test_touched_files_are_noted_shard_by_shard(folder: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    embed(folder, store=store.folder, model=PIXELS, shard_inputs=2)
    for file in folder.iterdir():
        age(file, 7200)
    written: list[int] = []
    before = content(store.folder)

    def watch(done: int) -> None:
        now = content(store.folder)
        written.append(sum(now[name] != before[name] for name in before))

    embed(folder, store=store.folder, model=PIXELS, progress=watch)
    assert max(written) >= 4  # the first ones are on the disk while the last are still looked at


def test_a_failed_picture_among_views_has_one_row_in_each(folder: Path, tmp_path: Path) -> None:
    def whole_only_fails(batch: Array) -> list[Array]:
        (vectors,) = PIXELS.run(batch)
        vectors[0] = np.nan  # the first of a batch of two views
        return [vectors]

    store = tmp_path / "s"
    encoder = replace(PIXELS, run=whole_only_fails)
    embed(folder / "01.png", store=store, model=encoder, views=["flip"])
    (row,) = lookalike.Embeddings.open(store, view="flip").rows
    assert (row.view, row.ok) == ("flip", True)
    (row,) = lookalike.Embeddings.open(store).rows
    assert (row.view, row.ok) == ("", False)


@pytest.mark.parametrize("verify", [False, True])
def test_ctrl_c_at_any_time_is_told_and_the_next_run_goes_on(
    folder: Path, tmp_path: Path, verify: bool, true_rows: TrueRows
) -> None:
    import signal

    store = tmp_path / "s"
    if verify:
        embed(folder, store=store, model="pixels", shard_inputs=2)
    Image.fromarray(scene_picture(30, 24, 32)).save(folder / "new.png")
    pressed: list[int] = []

    class Pressing(lookalike.ImageSource):
        def places(self):  # type: ignore[no-untyped-def]
            for number, place in enumerate(super().places()):
                if number == 3 and not pressed:
                    pressed.append(number)
                    os.kill(os.getpid(), signal.SIGINT)
                yield place

    said: list[str] = []
    source = Pressing(folder)
    done = embed(
        source, store=store, model="pixels", shard_inputs=2, say=said.append, verify=verify
    )
    assert done.stopped
    assert any("Ctrl-C" in note for note in done.notes)
    assert any("finishing the shard" in sentence for sentence in said)
    assert done.counts.added == done.inputs - (13 if verify else 0)
    embed(folder, store=store, model="pixels", shard_inputs=2)
    true_rows(store, folder)


def test_ctrl_c_after_the_last_picture_stops_nothing(folder: Path, tmp_path: Path) -> None:
    import signal

    def press(done: int) -> None:
        if not pressed:
            pressed.append(done)
            os.kill(os.getpid(), signal.SIGINT)

    pressed: list[int] = []
    done = embed(folder, store=tmp_path / "s", model="pixels", progress=press)
    assert (done.stopped, done.inputs) == (False, 13)


def test_without_a_model_the_stores_own_is_taken(folder: Path, tmp_path: Path) -> None:
    embed(folder, store=tmp_path / "a")
    assert lookalike.Embeddings.open(tmp_path / "a").card.name == "builtin"
    embed(folder, store=tmp_path / "b", model="hash:dhash")
    Image.fromarray(scene_picture(30, 24, 32)).save(folder / "new.png")
    assert embed(folder, store=tmp_path / "b").counts == Counts(added=1, unchanged=13)


def test_several_patterns_let_through_what_any_of_them_matches(
    folder: Path, tmp_path: Path
) -> None:
    done = embed(folder, store=tmp_path / "s", model="pixels", include=["00*", "*.jpg"])
    assert (done.inputs, done.embedded) == (2, 1)


def test_the_same_folder_under_another_name_is_remarked_upon(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    embed("pictures", store="s", model="pixels")
    done = embed("./pictures", store="s", model="pixels")
    assert done.inputs == 26
    assert any("spelt in another way" in note for note in done.notes)


def test_pruning_by_a_folder_that_is_not_there_is_refused(folder: Path, tmp_path: Path) -> None:
    embed(folder, store=tmp_path / "s", model="pixels")
    with pytest.raises(UsageError, match="would be pruned"):
        embed(tmp_path / "picturs", store=tmp_path / "s", model="pixels", prune=True)
    assert len(lookalike.Embeddings.open(tmp_path / "s")) == 13


def test_vectors_made_in_several_ways_are_remarked_upon(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    embed(folder, store=store, model="pixels", reduced=True, shard_inputs=13)
    Image.fromarray(scene_picture(30, 24, 32)).save(folder / "new.png")
    done = embed(folder, store=store, model="pixels")
    assert any("made in several ways" in note for note in done.notes)
