"""A network of several files that are links, as the caches of model hubs hold them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookalike.encoders.engines.network import OnnxFile
from lookalike.errors import WeightsError


@contextmanager
def as_files(network: OnnxFile) -> Iterator[Path]:
    """A path at which a network and its external data lie side by side, and none is a link.

    Engines refuse external data that leads out of the network's folder, which is what links do.
    Where there is one, second names are made for all files in a folder that is gone afterwards;
    copies, where the file system has no second names.

    Args:
        network: With the names of its external data.

    Raises:
        WeightsError: Neither second names nor copies can be made.
    """
    path = network.path
    files = [path.name, *network.outside]
    if not network.outside or not any((path.parent / name).is_symlink() for name in files):
        yield path
        return
    with tempfile.TemporaryDirectory(
        prefix="lookalike-", dir=_near(path), ignore_cleanup_errors=True
    ) as folder:
        try:
            for name in files:
                _second(path.parent / name, Path(folder) / name)
        except OSError as error:
            raise WeightsError(
                f"the network's files are links, and can't be brought together: {error}",
                where=str(path),
                cure="copy them into a folder as files: cp -rL",
            ) from error
        yield Path(folder) / path.name


def _near(path: Path) -> Path | None:
    """A folder on the file system of the network's data; None if nothing can be written there."""
    folder = path.resolve().parent
    return folder if os.access(folder, os.W_OK) else None


def _second(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:  # another file system, or one without second names
        shutil.copyfile(source, target)
