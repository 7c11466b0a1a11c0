"""Options that several verbs share, and handing a result to the reports."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lookalike.encoders import DEFAULT_ENCODER
from lookalike.errors import OverwriteError, UsageError
from lookalike.report.view import shown

if TYPE_CHECKING:
    from lookalike.encoders import Runtime
    from lookalike.images import Limits
    from lookalike.report import Plot, Viewable

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Output:
    """Where a result goes: in one format to standard output, and perhaps to a page as well.

    Attributes:
        as_json: One JSON object.
        as_csv: CSV.
        as_markdown: Markdown.
        html: The page's file; None for no page.
        force: Whether what is written may replace files that exist.
    """

    as_json: bool = False
    as_csv: bool = False
    as_markdown: bool = False
    html: str | None = None
    force: bool = False

    @property
    def for_programs(self) -> bool:
        """Whether standard output has no room for warnings, so that they go beside it."""
        return self.as_json or self.as_csv

    @property
    def quiet(self) -> bool:
        """Whether standard output is for a file or a program, and no progress is shown."""
        return self.for_programs or self.as_markdown


def model_option(command: Command) -> Command:
    """``-m`` / ``--model``, as often as there are models to compare."""
    return click.option(
        "-m",
        "--model",
        "models",
        multiple=True,
        default=(DEFAULT_ENCODER,),
        show_default=True,
        metavar="NAME",
        help="An encoder; repeat to compare several.",
    )(command)


def output_options(command: Command) -> Command:
    """``--json``, ``--csv``, ``--markdown``, ``--html FILE`` and ``--force``."""
    options = [
        click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output."),
        click.option("--csv", "as_csv", is_flag=True, help="CSV on standard output."),
        click.option(
            "--markdown", "as_markdown", is_flag=True, help="Markdown on standard output."
        ),
        click.option("--html", metavar="FILE", help="Also write the result as a page to FILE."),
        click.option("--force", is_flag=True, help="Let what is written replace files that exist."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def runtime_options(command: Command) -> Command:
    """``--engine``, ``--precision``, ``--device``, ``--threads`` and ``--offline``."""
    options = [
        click.option("--engine", metavar="NAME", help="openvino, onnxruntime or torch."),
        click.option(
            "--precision",
            default="auto",
            show_default=True,
            metavar="P",
            help="auto, f32, bf16 or f16.",
        ),
        click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps."),
        click.option("--threads", type=click.IntRange(min=1), help="CPU threads of the engine."),
        offline_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def offline_option(command: Command) -> Command:
    """``--offline``."""
    return click.option(
        "--offline",
        is_flag=True,
        envvar="LOOKALIKE_OFFLINE",
        help="Never touch a network; say which weights are missing.",
    )(command)


def include_option(command: Command) -> Command:
    """``--include``, as often as there are patterns."""
    return click.option(
        "--include",
        multiple=True,
        default=("*",),
        metavar="PATTERN",
        help="Only files in folders and archives whose own name matches; repeat for several.",
    )(command)


def limit_options(command: Command) -> Command:
    """``--max-bytes`` and ``--max-pixels``."""
    whole = click.IntRange(min=1)
    options = [
        click.option("--max-bytes", type=whole, help="Largest file that is read."),
        click.option("--max-pixels", type=whole, help="Largest picture that is decoded."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def output_of(options: dict[str, Any]) -> Output:
    """Takes the output options out of a command's options."""
    names = ("as_json", "as_csv", "as_markdown", "html", "force")
    return Output(**{name: options.pop(name) for name in names})


def limits_of(options: dict[str, Any]) -> Limits:
    """Takes the limits out of a command's options."""
    from lookalike.images import Limits

    given = {name: options.pop(name) for name in ("max_bytes", "max_pixels")}
    return Limits(**{name: value for name, value in given.items() if value is not None})


def runtime_of(options: dict[str, Any]) -> Runtime:
    """Takes the runtime options out of a command's options."""
    from lookalike.encoders import Runtime

    names = ("engine", "precision", "device", "threads", "offline")
    return Runtime(**{name: options.pop(name) for name in names})


def emit(command: str, result: Viewable, output: Output) -> None:
    """Hand a result to the reports: one format on standard output, a page to a file."""
    if output.html is not None:
        write_page(result, output.html, force=output.force)
    if output.as_json:
        from lookalike.report.text import json_text

        write_text(json_text(command, result) + "\n")
    elif output.as_csv:
        from lookalike.report.text import csv_text

        text = csv_text(result.view())
        if sys.stdout.isatty():  # somebody looks at it, and its names must not steer the terminal
            text = "\n".join(map(shown, text.split("\n")))
        write_text(text)
    elif output.as_markdown:
        from lookalike.report.text import markdown_text

        write_text(markdown_text(result.view()))
    else:
        _print(result)


def write_text(text: str) -> None:
    """Text on standard output as UTF-8, whatever the terminal has; names keep their bytes."""
    sys.stdout.flush()
    sys.stdout.buffer.write(utf8(text))
    sys.stdout.buffer.flush()


def utf8(text: str) -> bytes:
    r"""Text as UTF-8; bytes of names that are none as they are, other half letters as escapes.

    Example:
        >>> utf8("caf\udce9 \ud800")
        b'caf\xe9 \\ud800'
    """
    whole = re.sub("[\ud800-\udc7f\udd00-\udfff]", lambda half: f"\\u{ord(half[0]):x}", text)
    return whole.encode("utf-8", "surrogateescape")


def tell(sentence: str) -> None:
    """A sentence on standard error, in which no name can reach the terminal's controls."""
    click.echo(shown(sentence), err=True)


def _print(result: Viewable) -> None:
    from rich.console import Console

    from lookalike.report.terminal import print_view

    console = Console()
    width = max(console.width, 0 if console.is_terminal else 160)
    print_view(result.view(), Console(width=width))


def write_page(result: Viewable, path: str, *, force: bool) -> None:
    """Write a result as an HTML page.

    Raises:
        OverwriteError: The file exists and ``force`` is not given.
        UsageError: It can't be written.
    """
    from lookalike.report.html import html_page

    check_free(path, force=force)
    folder, name = os.path.split(path)
    draft = os.path.join(folder, f"{name[:50]}.{os.getpid()}.tmp")  # names may be as long as can be
    page = html_page(result.view())
    try:
        with open(draft, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(page)
        os.replace(draft, path)
    except OSError as error:
        raise UsageError(f"the page can't be written: {error}", where=path) from error
    tell(f"wrote {path}")


def tell_notes(result: Viewable, output: Output) -> None:
    """On standard error, what the format on standard output has no room for."""
    if output.for_programs:
        view = result.view()
        for warning in view.warnings:
            tell(f"! {warning}")
        for note in (*view.answer, *view.notes) if output.as_csv else ():
            tell(note)


def check_output(output: Output) -> None:
    """Refuse output that can't be, before any work is done; see `check_free`."""
    formats = {
        "--json": output.as_json,
        "--csv": output.as_csv,
        "--markdown": output.as_markdown,
    }
    asked = [name for name, wanted in formats.items() if wanted]
    if len(asked) > 1:
        raise click.UsageError(f"{' and '.join(asked)} can't go to standard output together")
    check_free(output.html, force=output.force)


def check_free(path: str | None, *, force: bool) -> None:
    """Refuse a page that would replace a file or has no folder, before any work is done.

    Raises:
        OverwriteError: The file exists and ``force`` is not given.
        UsageError: Its folder does not exist.
    """
    folder = os.path.dirname(path or "")
    if folder and not os.path.isdir(folder):
        raise UsageError("there is no such folder", where=folder, cure="make it first")
    if path is not None and os.path.exists(path) and not force:
        raise OverwriteError("the file exists", where=path, cure="--force replaces it")


class Bar:
    """What a long verb tells on the way: how many are done, of how many, and sentences."""

    def advance(self, done: int) -> None:
        """So many more are done."""

    def set_total(self, total: int) -> None:
        """So many there are."""

    def say(self, sentence: str) -> None:
        """A sentence on standard error."""
        tell(sentence)


def tell_patterns(paths: Sequence[str]) -> None:
    """Say which paths are taken as patterns although they look like names, since none has one."""
    from lookalike.images.pattern import is_pattern

    for path in paths:
        if "*" not in path and is_pattern(path):
            tell(f"{path}: nothing is called so, it is taken as a pattern")


@contextmanager
def progress_bar(what: str, total: int | None, *, quiet: bool = False) -> Iterator[Bar]:
    """A bar on standard error with rate and time left, if somebody is looking."""
    if quiet or not sys.stderr.isatty():
        yield Bar()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(TextColumn):
        """Inputs per second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(""),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)

        class Shown(Bar):
            """The bar that somebody sees."""

            def advance(self, done: int) -> None:
                bar.advance(task, done)

            def set_total(self, total: int) -> None:
                bar.update(task, total=total)

            def say(self, sentence: str) -> None:
                bar.console.print(Text(shown(sentence)))

        yield Shown()


def interval_options(command: Command) -> Command:
    """``--resamples``, ``--level`` and ``--seed``: how intervals are made."""
    options = [
        click.option(
            "--resamples",
            type=click.IntRange(min=100),
            default=1000,
            show_default=True,
            help="Replicates of the bootstrap over things that are the same.",
        ),
        click.option(
            "--level", type=float, default=0.95, show_default=True, help="Confidence of intervals."
        ),
        click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def truth_options(command: Command) -> Command:
    """``--truth``, ``--label``, ``--metric``, and how intervals are made."""
    options = [
        click.option(
            "--truth",
            default="folders",
            show_default=True,
            metavar="WHAT",
            help="Which pictures are the same: folders, partners, reid, or a table (id,label; "
            "a,b,same; query,relevant,gain; remembered verdicts).",
        ),
        click.option("--label", metavar="COLUMN", help="The column of a table that holds labels."),
        click.option("--metric", metavar="NAME", help="Instead of the encoder's own."),
        interval_options,
        click.option(
            "--device", default="auto", show_default=True, help="For products: auto, cpu, cuda."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def check_folder(path: str | None, *, force: bool) -> None:
    """Refuse a folder for plots that holds something already, before any work is done.

    Raises:
        OverwriteError: It is not empty and ``force`` is not given, or it is a file.
        MissingExtraError: Plots can't be drawn here.
    """
    if path is None:
        return
    from lookalike.extras import require

    require("matplotlib", purpose="--plots")
    if os.path.isfile(path) or (os.path.isdir(path) and os.listdir(path) and not force):
        raise OverwriteError(
            "there is something already", where=path, cure="another folder, or --force"
        )


def write_plots(plots: Sequence[Plot], folder: str | None) -> None:
    """Write plots as PNG, named after what they show."""
    if folder is None:
        return
    from lookalike.report.plot import plot_png

    try:
        os.makedirs(folder, exist_ok=True)
        for plot in plots:
            with open(os.path.join(folder, f"{plot.name}.png"), "wb") as stream:
                stream.write(plot_png(plot))
    except OSError as error:
        raise UsageError(f"the plots can't be written: {error}", where=folder) from error
    tell(f"wrote {len(plots)} plots to {folder}")
