"""What a run will need, and what it did: memory and disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lookalike.embeddings import Card
from lookalike.encoders.pipeline import Settings

ROW_BYTES = 48
"""What a row takes in a shard beside its vectors and names: the digest, sizes, times."""

NAME_SHARE = 0.15
"""What compression leaves of an id and a path, whose beginnings repeat."""

SHARD_BYTES = 6_000
"""What a shard takes beside its rows: the card and the schema."""

PICTURE_BYTES = 12_000_000
"""Working memory of a thread that decodes a photograph of a few million pixels."""

PYARROW_BYTES = 100_000_000
"""What writing the first Parquet file takes beside the shard itself."""


@dataclass(frozen=True)
class Needs:
    """Memory and disk of a run.

    Attributes:
        inputs: How many inputs there are.
        memory_bytes: The process's peak.
        disk_bytes: Size of the store.
    """

    inputs: int
    memory_bytes: int
    disk_bytes: int

    @property
    def sentence(self) -> str:
        """For people.

        Example:
            >>> Needs(1000, 300_000_000, 4_100_000).sentence
            '1,000 inputs: about 300 MB of memory and 4.1 MB of disk'
        """
        inputs = "1 input" if self.inputs == 1 else f"{self.inputs:,} inputs"
        memory, disk = spoken_bytes(self.memory_bytes), spoken_bytes(self.disk_bytes)
        return f"{inputs}: about {memory} of memory and {disk} of disk"


def estimated_needs(
    cards: Sequence[Card],
    inputs: int,
    name_bytes: float,
    *,
    settings: Settings,
    batch_size: int,
    shard_inputs: int,
    disk_bytes: int = 0,
    largest_bytes: int = 0,
) -> Needs:
    """What a run over new inputs will need; called once the encoder is loaded and has run.

    Args:
        cards: Of the encoder.
        inputs: How many.
        name_bytes: Mean length of an id.
        settings: Threads and views.
        batch_size: Pictures per run.
        shard_inputs: Inputs per shard.
        disk_bytes: Size of the store already; it will not be smaller.
        largest_bytes: What the largest files take that may be read at the same time.
    """
    views = len(settings.views)
    vector = sum(card.dim * (1 / 8 if card.kind == "bits" else 4) for card in cards)
    row = vector + ROW_BYTES + 2 * NAME_SHARE * name_bytes
    shards = max(1, -(-inputs // shard_inputs))
    disk = round(inputs * views * row + shards * SHARD_BYTES)
    size = cards[0].preprocess.output_size or (256, 256)
    ready = 4 * batch_size + 2 * settings.threads
    reading = max(settings.threads * PICTURE_BYTES, largest_bytes)
    pictures = ready * views * size[0] * size[1] * 3 + reading
    # a shard's vectors as they come, put together, as a table, and as it is written
    shard = round(4 * min(inputs, shard_inputs) * views * (vector + 1_000))
    memory = max(peak_memory(), current_memory() + pictures + shard + PYARROW_BYTES)
    return Needs(inputs, memory, max(disk, disk_bytes))


def current_memory() -> int:
    """Bytes of memory that the process has now; its peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return peak_memory()
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_memory() -> int:
    """The most memory that the process ever had, in bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def folder_bytes(folder: Path) -> int:
    """Size of the files in a folder."""
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def free_bytes(folder: Path) -> int:
    """Free space where a folder lies."""
    import shutil

    return shutil.disk_usage(folder).free


def spoken_bytes(count: float) -> str:
    """A number of bytes with a unit.

    Example:
        >>> spoken_bytes(1_234), spoken_bytes(45_600_000)
        ('1.2 kB', '46 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
