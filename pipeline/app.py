"""The tables of commands: each stage of dvc.yaml is also `clfer <stage>`; tools are beside them."""

import importlib
import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Annotated

import typer

from clfer import __version__
from clfer.ending import orderly
from clfer.errors import trouble

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
    "audit": "Look for copies, near duplicates, broken images and raters' disagreement.",
    "benchmark": "Time training steps, the input pipeline and memory on this machine.",
    "complexity": "Count parameters and multiply-accumulates of each variant.",
    "describe": "Show classes by split, agreement among raters and mean faces of a dataset.",
    "experiment": "Make a table or figure of the paper again, on any dataset.",
    "figure": "Draw a figure of the paper from models trained here.",
    "grid": "Train and compare variants over seeds in one process, here or elsewhere.",
    "predict": "Say the expressions of the faces in photos, folders and videos.",
    "report": "Write one HTML page of what was run, what was found and whether it can be trusted.",
}

LEADER = 3  # seconds in which the first of several processes has said the same, and ended them all

app = typer.Typer(pretty_exceptions_enable=False)


@app.callback(no_args_is_help=True)
def clfer(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Cross-layer contrastive learning for facial expression recognition.

    Each stage reads params.yaml and the files of the stage before it; `dvc repro` runs all that is
    out of date.
    """
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _add(name: str, summary: str) -> None:
    """A command that imports its module when it is called: torch takes seconds, and help shall not
    wait for it.
    """

    @app.command(
        name,
        help=summary,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    def command(context: typer.Context) -> None:
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        module = importlib.import_module(f"pipeline.{name}")
        single.command()(_guarded(getattr(module, name), name in STAGES))
        single(context.args, prog_name=f"clfer {name}")


def _guarded(run: Callable[..., None], is_stage: bool) -> Callable[..., None]:
    """The command as it is run: interrupted in order, and a stage on parameters that stay."""
    from pipeline.params import check_unchanged

    @wraps(run)
    def guarded(*given: object, **options: object) -> None:
        with orderly():
            run(*given, **options)
            if is_stage:
                check_unchanged()

    return guarded


for _name, _summary in (STAGES | TOOLS).items():
    _add(_name, _summary)


def main() -> None:
    """Run a command; what the user can mend is one line on standard error and exit status 1."""
    try:
        app(prog_name="clfer")
    except Exception as error:
        if (said := trouble(error)) is None:
            raise
        if os.environ.get("RANK", "0") != "0":
            time.sleep(LEADER)
        from pipeline.console import plain  # rich takes a tenth of a second

        typer.echo(f"error: {plain(said)}", err=True)
        sys.exit(1)
