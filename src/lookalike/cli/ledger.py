"""``lookalike ledger``: what became of every input of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lookalike.cli.codes import FAILED_INPUTS
from lookalike.cli.options import check_output, emit, output_of, output_options, tell


@click.command("ledger")
@click.argument("store")
@output_options
def command(store: str, **options: Any) -> int:
    """What became of every input of a store, and why some have no vector.

    Counts by outcome, and the rows without a vector. --json lists all rows. Exit code 1 if some
    inputs have no vector.
    """
    from lookalike.embeddings import Store

    output = output_of(options)
    check_output(output)
    found = Store(Path(store))
    heading = found.heading()
    said = [warning for card in heading.cards.values() for warning in card.warnings]
    for warning in dict.fromkeys([*said, *heading.origin.warnings]):
        tell(f"! {warning}")
    ledger = found.ledger()
    emit("ledger", ledger, output)
    return FAILED_INPUTS if ledger.reasons else 0
