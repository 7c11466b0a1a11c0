"""``lookalike models``: what can be used."""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.options import check_output, emit, output_of, output_options


@click.command("models")
@click.argument("pattern", default="*")
@output_options
def command(pattern: str, **options: Any) -> int:
    """What can be used, from the catalogue: nothing is loaded, nothing fetched.

    PATTERN is a part of a name (resnet) or a shell pattern on the whole name
    ('torchvision:regnet_*').
    """
    from lookalike.encoders import models
    from lookalike.errors import UnknownNameError

    output = output_of(options)
    check_output(output)
    listing = models(pattern)
    if not listing.entries:
        known = {entry.architecture for entry in models()}
        raise UnknownNameError("model", pattern, known, cure="lookalike models lists all")
    emit("models", listing, output)
    return 0
