"""``lookalike match``: do two pictures match?"""

from __future__ import annotations

import os
import traceback
from typing import Any

import click

from lookalike.cli.codes import NO_MATCH
from lookalike.cli.options import (
    check_output,
    emit,
    limit_options,
    limits_of,
    output_of,
    output_options,
    runtime_of,
    runtime_options,
    tell,
    tell_notes,
)
from lookalike.errors import LookalikeError

ERROR = 2
"""Every error, so that a script has three cases: match, no match, error."""


@click.command("match")
@click.argument("a")
@click.argument("b")
@click.option("--card", metavar="FILE", help="A threshold card, which lookalike calibrate writes.")
@click.option(
    "-m", "--model", "encoder", metavar="NAME", help="The encoder; that of the card if omitted."
)
@click.option(
    "--prior",
    type=float,
    metavar="SHARE",
    help="Share of same pairs among those you ask about; that of the calibration if omitted.",
)
@click.option(
    "--labels", metavar="FILE", help="Add the verdict to this .csv or .parquet; it is a truth."
)
@click.option(
    "--say",
    type=click.Choice(["same", "different", "unsure"]),
    help="Your own verdict, remembered in --labels instead of the threshold's.",
)
@click.option("--by", metavar="NAME", help="Who says it; your user name if omitted.")
@limit_options
@runtime_options
@output_options
def command(a: str, b: str, **options: Any) -> int:
    """Do two pictures match, by a calibrated threshold?

    Exit code 0 for a match, 1 for no match, 2 for any error: a picture that can't be read, a card
    of another encoder, missing weights.
    """
    from lookalike.matching import match

    output = output_of(options)
    try:
        check_output(output)
        result = match(a, b, limits=limits_of(options), runtime=runtime_of(options), **options)
        emit("match", result, output)
        tell_notes(result, output)
    except LookalikeError as error:
        error.exit_code = ERROR
        raise
    except click.ClickException:
        raise
    except (BrokenPipeError, SystemExit):  # rich leaves by itself
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader left; a script still asks
    except Exception:  # our own fault, which must not read as "no match"
        traceback.print_exc()
        return ERROR
    if result.error is not None:
        tell(f"no verdict: {result.error}")
        return ERROR
    return 0 if result.verdict is not False or options["say"] else NO_MATCH
