"""The tables of commands: each stage of dvc.yaml is also `clfer <stage>`; tools are beside them."""

import importlib
import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from clfer import __version__
from clfer.errors import orderly_exit, user_message
from pipeline.completion import offering
from pipeline.outline import outline

STAGES = {
    "download": "Fetch and verify a dataset's published files (the demo's are drawn).",
    "relabel": "Turn published labels or votes into one table.",
    "align": "Detect, align and pack the faces of a dataset.",
    "split": "Divide a dataset into train, val and test, and audit what leaks.",
    "train": "Train one variant with one seed.",
    "evaluate": "Score one trained model on the test images.",
    "significance": "Compare the variants of the grid over their seeds.",
}
# they write nothing that a stage reads, and have no place in dvc.yaml
TOOLS = {
    "audit": "Count classes, copies, near duplicates, raters' disagreement and poor images.",
    "benchmark": "Time training steps, the input pipeline and memory on this machine.",
    "complexity": "Count parameters and multiply-accumulates of each variant.",
    "demo": "Serve a page for this computer: photos or the webcam, faces, bars and heat maps.",
    "experiment": "Train and compare variants, or make a table or figure of the paper again.",
    "explain": "Show where a model looked on a face, and what its blocks had to say.",
    "export": "Write a model as ONNX, checked on real faces against PyTorch.",
    "figure": "Draw a figure of the paper from models trained here.",
    "predict": "Say the expressions of the faces in photos, folders and videos.",
    "report": "Write one HTML page of what was run, what was found and whether it can be trusted.",
}

LEADER = 3  # seconds in which the first of several processes has said the same, and ended them all

EPILOG = (
    "Exit status: 0 done; 1 something that you can mend, said in one line on standard error; "
    "2 wrong usage; 128 and the signal's number where it was interrupted, 130 by Ctrl-C."
)


class Commands(TyperGroup):
    """Names and summaries are those of the tables; the rest of a command is read when it is asked
    for, and its module imported when it is called.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and _command(str(name)), rest


app = typer.Typer(
    cls=Commands, epilog=EPILOG, rich_markup_mode="markdown", pretty_exceptions_enable=False
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback(no_args_is_help=True)
def clfer(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    """Cross-layer contrastive learning for facial expression recognition.

    Each stage reads params.yaml and the files of the stage before it; `dvc repro` runs all that is
    out of date. `clfer COMMAND --help` says more of a command.
    """


def _list(name: str, summary: str, panel: str) -> None:
    @app.command(name, help=summary, rich_help_panel=panel)
    def listed() -> None:
        """Never called: see Commands."""


for _panel, _table in (("Stages", STAGES), ("Tools", TOOLS)):
    for _name, _summary in _table.items():
        _list(_name, _summary, _panel)


def _command(name: str) -> Any:
    """A command with its arguments and options, for typer to run, explain or complete."""
    try:
        shape = outline(name)
    except NameError:
        shape = _imported(name)
    single = typer.Typer(
        add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False
    )
    single.command(name)(_called(name, offering(shape)))
    return typer.main.get_command(single)


def _called(name: str, shape: Callable[..., None]) -> Callable[..., None]:
    """The command as it is run: interrupted in order, and a stage on parameters that stay."""

    @wraps(shape)
    def called(*given: object, **options: object) -> None:
        from pipeline.params import check_unchanged

        run = _imported(name)
        with orderly_exit():
            run(*given, **options)
            if name in STAGES:
                check_unchanged()

    return called


def _imported(name: str) -> Callable[..., None]:
    run: Callable[..., None] = getattr(importlib.import_module(f"pipeline.{name}"), name)
    return run


def main() -> None:
    """Run a command; what the user can mend is one line on standard error and exit status 1."""
    try:
        app(prog_name="clfer")
    except Exception as error:
        if (message := user_message(error)) is None:
            raise
        if os.environ.get("RANK", "0") != "0":
            time.sleep(LEADER)
        from pipeline.console import plain  # rich takes a tenth of a second

        typer.echo(f"error: {plain(message)}", err=True)
        sys.exit(1)
