"""``lookalike compare``: how alike are these pictures?"""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.codes import FAILED_INPUTS
from lookalike.cli.options import (
    check_output,
    emit,
    include_option,
    limit_options,
    limits_of,
    model_option,
    output_of,
    output_options,
    progress_bar,
    runtime_of,
    runtime_options,
    tell,
    tell_patterns,
)
from lookalike.report.view import amount


@click.command("compare")
@click.argument("pictures", nargs=-1)
@model_option
@click.option("--pairs", metavar="FILE", help="CSV with columns a, b and optionally same.")
@click.option(
    "--pairing",
    type=click.Choice(["auto", "all", "first", "name"]),
    default="auto",
    show_default=True,
    help="How pictures from folders are paired.",
)
@include_option
@click.option(
    "--metric",
    metavar="NAME",
    help="cosine, euclidean, negative-euclidean, reciprocal-euclidean, inner-product, hamming.",
)
@click.option(
    "--spread",
    is_flag=True,
    help="Also the lowest and highest value among harmlessly edited copies.",
)
@click.option("--strict", is_flag=True, help="Stop with an error if a picture can't be read.")
@limit_options
@runtime_options
@output_options
def command(pictures: tuple[str, ...], **options: Any) -> int:
    """How alike are these pictures?

    Two PICTURES: one value. Three or more: all pairs, and a matrix. Two folders: pairs by name.
    A picture and a folder: the picture with each one in it. Globs, .csv lists and .tar archives
    work too. Several --model: one row each.
    """
    from lookalike.comparison import compare

    output = output_of(options)
    check_output(output)
    tell_patterns(pictures)
    with progress_bar("comparing", None, quiet=output.quiet) as bar:
        result = compare(
            *pictures,
            runtime=runtime_of(options),
            limits=limits_of(options),
            thumbnails=output.html is not None,
            progress=bar.advance,
            **options,
        )
    emit("compare", result, output)
    if output.for_programs:  # a terminal's view says it above the table
        for note in result.notes:
            tell(f"! {note}")
    if result.failures:
        count = len(result.failures)
        told = amount(count, "input has", "inputs have")
        tell(f"{told} no vector; the rows say why")
    return FAILED_INPUTS if result.failures else 0
