"""``lookalike export``: an encoder in one ONNX file."""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.options import (
    check_output,
    emit,
    interval_options,
    offline_option,
    output_of,
    output_options,
    progress_bar,
    tell_notes,
)


@click.command("export")
@click.argument("encoder")
@click.option(
    "-o",
    "--output",
    "path",
    required=True,
    metavar="FILE",
    help="The file; in a folder, one named after encoder, form and input.",
)
@click.option(
    "--form",
    default="embed",
    show_default=True,
    metavar="FORM",
    help="embed, embed-1; 1:1, 1:N, N:M; features-1:1, features-1:N, features-N:M.",
)
@click.option(
    "--metric",
    default="cosine",
    show_default=True,
    metavar="NAME",
    help="In forms that compare: cosine, reciprocal-euclidean.",
)
@click.option("--opset", type=int, help="Version of ONNX's operators, from 11.  [default: 20]")
@click.option(
    "--precision", default="f32", show_default=True, metavar="P", help="f32, f16 or int8."
)
@click.option("--calibrate", metavar="PICTURES", help="For int8: pictures that show its ranges.")
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Pictures of --calibrate that are taken, at most half.",
)
@click.option(
    "--judge",
    metavar="PICTURES",
    help="Tell what changes on these pictures; for int8 the other half of --calibrate if omitted.",
)
@click.option(
    "--truth",
    default="folders",
    show_default=True,
    metavar="WHAT",
    help="Which judged pictures are the same: folders, partners, reid, or a table.",
)
@click.option("--fpr", type=float, help="Decide by the threshold of this false positive rate.")
@click.option("--threshold", type=float, help="Decide by this value; best F1 if neither is given.")
@interval_options
@offline_option
@output_options
def command(**options: Any) -> int:
    """An encoder in one ONNX file: its vectors, or similarities with the metric in the graph.

    The file takes pictures that are resized and normalised already, and carries the encoder's
    card: onnx:FILE is the same encoder again. It is run on every engine here and held against the
    encoder before it gets its name. For int8 a report tells what is decided differently:
    neighbours, same or different, ROC AUC.
    """
    from lookalike.exporting import export

    output = output_of(options)
    check_output(output)
    with progress_bar("exporting", None, quiet=output.quiet) as bar:
        result = export(say=bar.say, force=output.force, **options)
    emit("export", result, output)
    tell_notes(result, output)
    return 0
