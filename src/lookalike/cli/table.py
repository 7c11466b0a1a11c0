"""``lookalike table``: which model should judge these pictures?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.codes import FAILED_INPUTS
from lookalike.cli.options import (
    check_output,
    emit,
    interval_options,
    limit_options,
    limits_of,
    output_of,
    output_options,
    progress_bar,
    runtime_of,
    runtime_options,
    tell,
    tell_notes,
    write_page,
    write_text,
)

if TYPE_CHECKING:
    from lookalike.tables import ModelTable

LISTS = frozenset({"--models", "-m", "--positive", "--negative"})
"""Options that take all that follows, up to the next option."""


class ListOptions(click.Command):
    """A command with options that take several values each."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeats such an option before each of its values, which click understands."""
        return super().parse_args(ctx, repeated(named(args)))


BESIDE, PUBLISHED_TABLES = "--beside-published", ("classifiers", "reid")
"""An option whose value may be left out, and its values."""


def named(args: Sequence[str]) -> list[str]:
    """Arguments in which `BESIDE` has its value, so that what follows it is something else.

    Example:
        >>> named(["--beside-published", "six/", "--beside-published", "reid"])
        ['--beside-published=classifiers', 'six/', '--beside-published=reid']
    """
    found: list[str] = []
    for argument in args:
        if found and found[-1] == BESIDE:
            found[-1] = f"{BESIDE}={argument if argument in PUBLISHED_TABLES else 'classifiers'}"
            if argument in PUBLISHED_TABLES:
                continue
        found.append(argument)
    return [*found[:-1], f"{BESIDE}=classifiers"] if found[-1:] == [BESIDE] else found


def repeated(args: Sequence[str]) -> list[str]:
    """Arguments with an option before every value that follows it.

    Example:
        >>> repeated(["pairs.csv", "--models", "pixels", "hash:phash", "--json"])
        ['pairs.csv', '--models', 'pixels', '--models', 'hash:phash', '--json']
    """
    found: list[str] = []
    current, fresh = "", False
    for position, argument in enumerate(args):
        if argument == "--":
            return [*found, *args[position:]]
        option, equals, value = argument.partition("=")
        if equals and option in LISTS:
            current, fresh = option, False
            found += [option, value]
        elif argument in LISTS:
            following = args[position + 1 : position + 2]
            if not following or (following[0].startswith("-") and following[0] != "-"):
                raise click.UsageError(f"{argument} needs a value")
            current, fresh = argument, True
            found.append(argument)
        elif argument.startswith("-") and argument != "-":
            current = ""
            found.append(argument)
        else:
            found += [argument] if fresh or not current else [current, argument]
            fresh = False
    return found


def _table(save: str | None, **options: Any) -> ModelTable:
    """The verb; who interrupts it is told how to go on."""
    from lookalike.tables import table

    try:
        return table(save=save, **options)
    except KeyboardInterrupt:
        if save is not None:
            tell(f"finished rows are in {save}; --resume goes on with them")
        raise


def _same_file(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _bounds(ctx: click.Context, option: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter("give numbers with commas, such as 0.5,2,10") from error


@click.command("table", cls=ListOptions)
@click.argument("pairs", required=False)
@click.option(
    "--draw",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Pairs of each kind that are drawn from folders.",
)
@click.option("--anchor", metavar="PICTURE", help="The picture that others are compared with.")
@click.option("--positive", multiple=True, metavar="PICTURE...", help="Like the anchor.")
@click.option("--negative", multiple=True, metavar="PICTURE...", help="Unlike the anchor.")
@click.option(
    "-m",
    "--models",
    multiple=True,
    metavar="SPEC...",
    help="Encoders' names, patterns ('torchvision:regnet_*'), @published, @all-torchvision; "
    "options behind a ? go to all of a pattern or list.",
)
@click.option("--max-gflops", type=float, metavar="N", help="Only models of at most N GFLOPs.")
@click.option("--max-params", type=float, metavar="N", help="Of at most N million parameters.")
@click.option("--max-dim", type=int, metavar="N", help="With vectors of at most N numbers.")
@click.option("--min-acc1", type=float, metavar="N", help="Of at least N % ImageNet accuracy.")
@click.option(
    "--budget-ms", type=float, metavar="MS", help="Recommend one that takes at most MS a picture."
)
@click.option("--max-memory", type=float, metavar="MIB", help="Recommend one of at most MIB.")
@click.option(
    "--licence",
    "licences",
    multiple=True,
    metavar="NAME",
    help="Recommend only weights of this licence; repeat for several.",
)
@click.option("--metric", metavar="NAME", help="Instead of each encoder's own.")
@click.option(
    "--group-by-gflops",
    "bounds",
    default="1,4,7,9",
    show_default=True,
    callback=_bounds,
    metavar="BOUNDS",
    help="Where the groups of --published-layout end.",
)
@click.option(
    "--beside-published",
    default="",
    metavar="[reid]",
    help="Published figures beside those of this run; of re-identification networks, for the six "
    "pictures of their table, with reid.",
)
@click.option("--published-layout", is_flag=True, help="Markdown with models as columns.")
@click.option("--save", metavar="FILE", help="Add every finished row to FILE, as it comes.")
@click.option("--resume", is_flag=True, help="Go on with the rows in the file of --save.")
@click.option(
    "--repeats",
    type=click.IntRange(min=2),
    default=30,
    show_default=True,
    help="Times a call is measured at least.",
)
@click.option(
    "--most-seconds",
    type=float,
    default=10.0,
    show_default=True,
    help="After which a slow call is measured no more.",
)
@interval_options
@limit_options
@runtime_options
@output_options
def command(published_layout: bool, repeats: int, most_seconds: float, **options: Any) -> int:
    """Which model should judge these pictures: quality beside cost.

    PAIRS is a CSV with the columns a, b, same; or a folder with a folder for each thing, from which
    pairs are drawn. Models are judged by ROC AUC with intervals. Or give --anchor, --positive and
    --negative. Without pictures, three of the package are taken, for the costs. Each model runs in
    a process of its own; one that fails has a row with the reason.
    """
    from lookalike.measuring import Effort

    output = output_of(options)
    check_output(output)
    if published_layout and output.quiet:
        raise click.UsageError("--published-layout goes to standard output alone")
    if output.html and options["save"] and _same_file(output.html, options["save"]):
        raise click.UsageError("--html and --save can't be one file")
    effort = Effort(repeats, most_seconds=most_seconds)
    for name in ("positive", "negative"):
        options[name] = list(options[name]) or None
    with progress_bar("trying models", None, quiet=output.quiet or published_layout) as bar:
        result = _table(
            effort=effort,
            force=output.force,
            runtime=runtime_of(options),
            limits=limits_of(options),
            thumbnails=output.html is not None,
            progress=bar.advance,
            on_total=bar.set_total,
            say=bar.say,
            **options,
        )
    if published_layout:
        if output.html is not None:
            write_page(result, output.html, force=output.force)
        write_text(result.published_markdown())
        for warning in result.warnings:
            tell(f"! {warning}")
    else:
        emit("table", result, output)
        tell_notes(result, output)
    return FAILED_INPUTS if result.failed or result.missed else 0
