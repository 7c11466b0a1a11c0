"""``lookalike doctor``: what works on this machine."""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.options import check_output, emit, output_of, output_options

MISSING = 3


@click.command("doctor")
@output_options
def command(**options: Any) -> int:
    """What works on this machine, and the cure for what does not.

    Exit code 3 if something that should work does not; parts that are merely not installed do
    not count.
    """
    from lookalike.diagnosis import doctor

    output = output_of(options)
    check_output(output)
    diagnosis = doctor()
    emit("doctor", diagnosis, output)
    return 0 if diagnosis.healthy else MISSING
