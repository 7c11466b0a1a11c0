"""The command line: one file a verb; options in, the verb called, its result to the reports."""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from typing import Any

import click

from lookalike.cli.codes import INTERRUPTED
from lookalike.errors import LookalikeError
from lookalike.report.view import shown
from lookalike.version import __version__

VERBS = {
    "compare": "How alike are these pictures?",
    "table": "Which model should judge these pictures, and at what cost?",
    "embed": "Vectors of many pictures into a store, a row for every file.",
    "ledger": "What became of every input of a store, and why.",
    "evaluate": "How well does a store tell the same things from different ones?",
    "calibrate": "A threshold for an operating point, from pictures whose truth is known.",
    "match": "Do two pictures match, by a calibrated threshold?",
    "drift": "Do a store's scores still look like those of a calibration?",
    "export": "An encoder in one ONNX file, with the metric inside if asked for.",
    "identify": "Which published re-identification weights are these?",
    "models": "What can be used, from the catalogue.",
    "demo": "The main job with nothing at hand.",
    "doctor": "What works on this machine, and the cure for what does not.",
}


class Verbs(click.Group):
    """Loads a verb's file only when that verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of `VERBS`."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"lookalike.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with one line each, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lookalike")
def main() -> None:
    """How alike are these pictures, under which model, and how sure is that?

    An encoder is named family:name[/variant][?key=value&...], the same everywhere: pixels,
    hash:phash, onnx:net.onnx?preprocess=imagenet, torchvision:resnet50, timm:..., open_clip:...,
    reid:osnet_x1_0

    Exit codes: 0 done, 1 done but some inputs failed, 2 wrong use, 3 something needed is missing,
    4 refused, 130 interrupted. match: 0 match, 1 no match, 2 any error. drift: 1 if scores drifted.
    """


def run(arguments: list[str] | None = None) -> None:
    """The installed command: `main` with every user's error as a message and an exit code."""
    # what Pillow finds odd about a file belongs in that file's row, not between the lines
    warnings.filterwarnings("ignore", module=r"PIL\.")
    sys.exit(exit_code(arguments))


def exit_code(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code; messages go to standard error."""
    try:
        result: Any = main.main(args=arguments, prog_name="lookalike", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        click.echo("\n".join(map(shown, told.getvalue().split("\n"))), err=True, nl=False)
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader left; say no more to it
        return 0
    except LookalikeError as error:
        if os.environ.get("LOOKALIKE_TRACEBACK"):
            raise
        click.echo(f"lookalike: {shown(str(error))}", err=True)
        return error.exit_code
