"""``lookalike identify``: which published re-identification weights are these?"""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.codes import FAILED_INPUTS
from lookalike.cli.options import (
    check_output,
    emit,
    output_of,
    output_options,
    runtime_of,
    runtime_options,
    tell_notes,
)


@click.command("identify")
@click.argument("model")
@click.argument("pictures")
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Published rows that are shown, the nearest first.",
)
@runtime_options
@output_options
def command(model: str, pictures: str, count: int, **options: Any) -> int:
    """Which published re-identification weights are these, by their numbers and not their name?

    MODEL is a checkpoint (.pth, .pth.tar, .pyth, .pt, .safetensors), an ONNX file, or an encoder.
    PICTURES is a folder with the six pictures of the published similarity table. Exit code 0 if
    the weights are those of a row, 1 if of none.
    """
    from lookalike.tables import identify

    output = output_of(options)
    check_output(output)
    result = identify(model, pictures, count=count, runtime=runtime_of(options))
    emit("identify", result, output)
    tell_notes(result, output)
    return 0 if result.known else FAILED_INPUTS
