import os
from pathlib import Path

import numpy as np
import pytest

from lookalike.embeddings import Embeddings, Store
from lookalike.embeddings.shard import number_of, read_shard
from lookalike.errors import StoreError
from lookalike.images.name import is_left


def embeddings(count: int) -> Embeddings:
    return Embeddings.from_numpy(np.eye(count, 5, dtype=np.float32), encoder="mine")


def test_a_pipe_among_the_shards_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    embeddings(3).save(tmp_path / "s")
    os.mkfifo(tmp_path / "s" / "shard-000007.parquet")
    for look in (Store(tmp_path / "s").read, Store(tmp_path / "s").ledger):
        with pytest.raises(StoreError, match="no regular file"):
            look()
    os.mkfifo(tmp_path / "own.parquet")
    with pytest.raises(StoreError, match="the file can't be read: it is no regular") as error:
        Embeddings.open(tmp_path / "own.parquet")
    assert "delete" not in error.value.cure  # a file of one's own is no shard to be made anew


def test_a_shard_has_one_name_wherever_it_is_met(tmp_path: Path) -> None:
    for number in (0, 12, 999_999, 1_000_000):
        path = Store(tmp_path).path_of(number)
        assert number_of(path) == number
        assert is_left(path.name)
    for name in ("shard-12.parquet", "shard-0000012.parquet", "shard-000012.parquet.png"):
        assert not is_left(name)


def test_a_bit_that_turned_is_found_once_its_column_is_read(tmp_path: Path) -> None:
    embeddings(5).save(tmp_path / "s")
    shard = tmp_path / "s" / "shard-000000.parquet"
    whole = shard.read_bytes()
    at = whole.index(np.float32(1).tobytes())
    shard.write_bytes(whole[:at] + b"\1" + whole[at + 1 :])
    read_shard(shard, ["id", "reason"])  # what is not read is not looked at
    with pytest.raises(StoreError, match="can't be read") as error:
        read_shard(shard)
    assert error.value.where == str(shard)
