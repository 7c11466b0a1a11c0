"""``python -m training.builtin``: see ``--help``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from lookalike import load_encoder
from lookalike.cli.options import progress_bar
from lookalike.encoders.families.builtin import NETWORK
from training.builtin.config import Config
from training.builtin.figures import copies_found, in_words, kinds_told_apart, photographs
from training.builtin.learn import Progress, learn
from training.builtin.pictures import read_archive
from training.builtin.ship import ship
from training.builtin.teacher import TEACHER, features_of, lesson_of

HERE = Path(__file__).parent
BESIDE = HERE.parents[2] / "shared"
BESIDE_IT = ("pixels", "hash:phash")


@click.command()
@click.option("--config", "recipe", type=Path, default=HERE / "configs" / "builtin.yaml")
@click.option("--smoke", is_flag=True, help="The whole recipe on 300 pictures, under a minute.")
@click.option("--train", "archive", type=Path, default=BESIDE / "data/tiny-imagenet/train.tar.gz")
@click.option("--val", "watched", type=Path, default=BESIDE / "data/tiny-imagenet/val.tar")
@click.option("--teacher", type=Path, default=BESIDE / "weights/mobilenet_v2_100_224.onnx")
@click.option("--photos", type=Path, default=BESIDE / "images/photos", help="To be copied.")
@click.option("--out", type=Path, default=Path("training-out"), help="Checkpoints, logs, result.")
@click.option("--cache", type=Path, help="The teacher's features; OUT if omitted.")
def main(
    recipe: Path,
    smoke: bool,
    archive: Path,
    watched: Path,
    teacher: Path,
    photos: Path,
    out: Path,
    cache: Path | None,
) -> None:
    """Train the builtin encoder, or go on where an earlier run into the same OUT stopped."""
    config = Config.load(HERE / "configs" / "smoke.yaml" if smoke else recipe)
    out.mkdir(parents=True, exist_ok=True)
    pictures = read_archive(archive, pictures=config.pictures, classes=config.classes)
    place = cache or out
    place.mkdir(parents=True, exist_ok=True)
    with progress_bar("teacher", len(pictures)) as bar:
        features = features_of(pictures, TEACHER.format(teacher), place, progress=bar.advance)
    trains = config.trains_on(pictures.labels)
    held_out = pictures.taken(np.flatnonzero(~trains))
    pictures, features = pictures.taken(np.flatnonzero(trains)), features[trains]
    lesson = lesson_of(features, pictures, seed=config.seed)
    click.echo(f"{len(pictures)} pictures, recipe {config.digest}")
    val = read_archive(watched, pictures=config.pictures, classes=config.classes)
    if val.classes != pictures.classes:
        raise click.UsageError(f"{watched} has other classes than {archive}")
    trainee = learn(pictures, lesson, config, out, watched=val, on_epoch=_tell)
    encoder = ship(trainee, held_out, config, out)
    verdict = encoder.card.verdict
    assert verdict is not None
    click.echo(f"{out / NETWORK}: {(out / NETWORK).stat().st_size:,} bytes; {verdict.reading}")
    others = [load_encoder(name) for name in (*BESIDE_IT, TEACHER.format(teacher))]
    figures = kinds_told_apart([encoder, *others], val, np.unique(held_out.labels).tolist())
    click.echo("\n" + in_words(figures))
    figures = copies_found([encoder, *others], photographs(photos), val, seed=config.seed)
    click.echo("\n" + in_words(figures))


def _tell(done: Progress) -> None:
    click.echo("  ".join(f"{key} {value:.4g}" for key, value in asdict(done).items() if value))


if __name__ == "__main__":
    main()
