"""``lookalike evaluate``: how well does a store tell the same things from different ones?"""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.options import (
    check_folder,
    check_output,
    emit,
    output_of,
    output_options,
    progress_bar,
    tell_notes,
    truth_options,
    write_plots,
)


@click.command("evaluate")
@click.argument("store")
@truth_options
@click.option(
    "--against",
    multiple=True,
    metavar="STORE",
    help="A further store, compared with the first on the same pictures. Repeat for several.",
)
@click.option(
    "--fpr",
    "fprs",
    type=float,
    multiple=True,
    metavar="RATE",
    default=(0.1, 0.01, 0.001, 0.0001),
    show_default=True,
    help="Tell the TPR at this FPR (TAR at FAR).",
)
@click.option(
    "-k",
    "ks",
    type=click.IntRange(min=1),
    multiple=True,
    default=(1, 5, 10),
    show_default=True,
    help="For recall@k and the like.",
)
@click.option(
    "--sample-pairs", type=click.IntRange(min=1), metavar="N", help="N random pairs instead of all."
)
@click.option(
    "--rerank",
    type=click.Choice(["plain", "squared"]),
    help="Also k-reciprocal re-ranking, on distances as they are, or squared as torchreid does.",
)
@click.option(
    "--single-shot",
    is_flag=True,
    help="Recall@k against one random picture of each person, ten times for each query, as in "
    "CUHK03's classic split. For --truth reid.",
)
@click.option("--plots", metavar="FOLDER", help="Also write the plots to FOLDER as PNG.")
@output_options
def command(store: str, plots: str | None, **options: Any) -> int:
    """How well does a store tell the same things from different ones?

    STORE is what lookalike embed wrote, or a .parquet, .tsv or .npy of vectors. All pairs are
    judged, and every picture is a query; each number comes with an interval over identities.
    """
    from lookalike.judge import evaluate

    output = output_of(options)
    check_output(output)
    check_folder(plots, force=output.force)
    with progress_bar("judging", None, quiet=output.quiet) as bar:
        result = evaluate(store, progress=bar.advance, on_total=bar.set_total, **options)
    emit("evaluate", result, output)
    write_plots(result.plots, plots)
    tell_notes(result, output)
    return 0
