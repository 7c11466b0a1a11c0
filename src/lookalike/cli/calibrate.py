"""``lookalike calibrate``: a threshold for an operating point, as a card."""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.options import (
    check_free,
    check_output,
    emit,
    output_of,
    output_options,
    progress_bar,
    tell,
    tell_notes,
    truth_options,
)


@click.command("calibrate")
@click.argument("store")
@truth_options
@click.option(
    "--target",
    required=True,
    metavar="POINT",
    help="fpr=0.01, tpr=0.9, precision=0.95, f1, accuracy or eer.",
)
@click.option("-o", "--output", "card", metavar="FILE", help="Write the threshold card to FILE.")
@output_options
def command(store: str, card: str | None, **options: Any) -> int:
    """A threshold for an operating point, from pictures whose truth is known.

    STORE is what lookalike embed wrote. The card that is written holds for its encoder and for
    pictures like these. lookalike match decides by it, lookalike drift says whether it still holds.
    """
    from lookalike.judge import calibrate

    output = output_of(options)
    check_output(output)
    check_free(card, force=output.force)
    with progress_bar("calibrating", None, quiet=output.quiet) as bar:
        result = calibrate(store, progress=bar.advance, on_total=bar.set_total, **options)
    if card is not None:
        result.card.save(card, force=output.force)
    emit("calibrate", result, output)
    tell_notes(result, output)
    if card is None:
        tell("the card was not kept; -o FILE keeps it")
    else:
        tell(f"wrote {card}")
    return 0
