"""``lookalike drift``: do a store's scores still look like those of a calibration?"""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.codes import DRIFTED
from lookalike.cli.options import check_output, emit, output_of, output_options, tell_notes


@click.command("drift")
@click.argument("store")
@click.option("--card", required=True, metavar="FILE", help="A threshold card.")
@click.option(
    "--pictures",
    type=click.IntRange(min=2),
    default=2000,
    show_default=True,
    help="At most so many pictures, drawn at random.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draw.")
@output_options
def command(store: str, card: str, pictures: int, seed: int, **options: Any) -> int:
    """Do a store's scores still look like those of a calibration?

    STORE holds pictures of the kind that the threshold is used on; nobody needs to know which of
    them are the same. Exit code 0 if the threshold still holds, 1 if the scores have drifted.
    """
    from lookalike.judge import drift

    output = output_of(options)
    check_output(output)
    result = drift(store, card, pictures=pictures, seed=seed)
    emit("drift", result, output)
    tell_notes(result, output)
    return DRIFTED if result.drifted else 0
