"""``lookalike demo``: the main job with nothing at hand."""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.options import (
    check_output,
    emit,
    model_option,
    output_of,
    output_options,
    runtime_of,
    runtime_options,
)


@click.command("demo")
@model_option
@runtime_options
@output_options
def command(models: tuple[str, ...], **options: Any) -> int:
    """The main job with nothing at hand.

    A photograph that comes with the package is compared with edited copies of itself and with
    two strangers, under the offline default or any --model. --html FILE writes the page with the
    pictures beside the numbers.
    """
    from lookalike.demo import demo

    output = output_of(options)
    check_output(output)
    emit("demo", demo(models=models, runtime=runtime_of(options)), output)
    return 0
