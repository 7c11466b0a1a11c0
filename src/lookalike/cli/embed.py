"""``lookalike embed``: vectors of many pictures into a store."""

from __future__ import annotations

import glob
import os
import sys
from typing import Any

import click

from lookalike.cli.codes import FAILED_INPUTS, INTERRUPTED
from lookalike.cli.options import (
    check_output,
    emit,
    include_option,
    limit_options,
    limits_of,
    output_of,
    output_options,
    progress_bar,
    runtime_of,
    runtime_options,
    tell,
    tell_patterns,
)
from lookalike.encoders import DEFAULT_ENCODER
from lookalike.errors import UsageError
from lookalike.report.view import amount


@click.command("embed")
@click.argument("pictures", nargs=-1, required=True)
@click.option("-o", "--store", required=True, metavar="FOLDER", help="Where the vectors go.")
@click.option(
    "-m",
    "--model",
    metavar="NAME",
    help=f"An encoder; if omitted, that of the store, or {DEFAULT_ENCODER} for a new one.",
)
@include_option
@click.option(
    "--view",
    "views",
    multiple=True,
    metavar="NAME",
    help="Further rows for each picture: flip, crops. Repeat for both.",
)
@click.option("--exact", is_flag=True, help="f32 and full decoding: the reference's numbers.")
@click.option("--reduced", is_flag=True, help="Decode large JPEGs at a reduced size.")
@click.option("--retry-failed", is_flag=True, help="Try inputs again that failed before.")
@click.option("--prune", is_flag=True, help="Drop rows of inputs that are not given this time.")
@click.option("--verify", is_flag=True, help="Read every file to find changes, whatever its date.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Pictures per run of the network.")
@click.option("--workers", type=click.IntRange(min=1), help="Threads that read and decode.")
@click.option("--shard-inputs", type=click.IntRange(min=1), help="Inputs per shard of a new store.")
@click.option("--ray", metavar="ADDRESS", help="Work on a Ray cluster: auto, HOST:PORT, local.")
@limit_options
@runtime_options
@output_options
def command(pictures: tuple[str, ...], **options: Any) -> int:
    """Vectors of many pictures into a store, with a row for every file.

    PICTURES are files, folders, globs, .csv lists and .tar archives. The store is a folder of
    Parquet files. The same command again does only what is left to do: files that are new or have
    changed, and what an interrupted run did not get to. Ctrl-C finishes the shard in hand.
    """
    from lookalike.extraction import embed

    if not any(glob.has_magic(path) or os.path.lexists(path) for path in pictures):
        raise UsageError("there is no such file or folder", where=", ".join(pictures[:3]))
    output = output_of(options)
    check_output(output)
    tell_patterns(pictures)
    with progress_bar("embedding", None, quiet=output.quiet) as bar:
        result = embed(
            *pictures,
            runtime=runtime_of(options),
            limits=limits_of(options),
            progress=bar.advance,
            on_total=bar.set_total if sys.stderr.isatty() and not output.quiet else None,
            say=bar.say,
            **options,
        )
    emit("embed", result, output)
    if output.for_programs:
        for note in result.notes:
            tell(f"! {note}")
    if result.failed:
        told = amount(result.failed, "input has", "inputs have")
        tell(f"{told} no vector; lookalike ledger {result.store} says why")
    if result.stopped:
        return INTERRUPTED
    return FAILED_INPUTS if result.failed else 0
