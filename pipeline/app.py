"""The commands of `clfer`: the stages of dvc.yaml, and tools beside them."""

import importlib
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from clfer import __version__
from clfer.errors import STATUS, orderly_exit, user_message
from clfer.team import cores, started

# each is the function of that name in pipeline/NAME.py
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
    "demo": "Serve a page on this computer: photos or the webcam, faces, bars and heat maps.",
    "experiment": "Train and compare variants, or reproduce a table or figure of the paper.",
    "explain": "Show where a model looked on a face, and what each block contributed.",
    "export": "Write a model as ONNX, checked on real faces against PyTorch.",
    "figure": "Draw a figure of the paper from models trained here.",
    "predict": "Name the expressions of the faces in photos, folders and videos.",
    "score": "Score and compare files of predictions that were made elsewhere.",
    "report": "Write one HTML page: what was run, the results, whether they can be trusted.",
}

LEADER = 10  # seconds in which the first of several processes has said the same, and ended them all
EPILOG = (
    "Exit status: 0 done; 1 something that you can fix, told in one line on standard error; "
    "2 wrong usage; 128 plus the signal's number if it was interrupted, 130 by Ctrl-C."
)
STYLE: Any = {"rich_markup_mode": "markdown", "pretty_exceptions_enable": False}


class Command(TyperCommand):
    """Takes its arguments by name too, all of them first and in order, as DVC writes and quotes
    them: `--dataset demo --variant ours --seed 0`. Says of `train demo ours -1` what is wrong,
    which click takes for an option.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        arguments = (one for one in self.params if one.param_type_name == "argument")
        named = [f"--{str(one.metavar or one.name).lower()}" for one in arguments]
        behind = 2 * len(named)
        if named and args[:behind:2] == named:
            args = [*args[behind:], "--", *args[1:behind:2]]
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            number = getattr(error, "option_name", "")
            if not number[1:2].isdigit():
                raise
            raise typer.BadParameter(f"expected no number below 0, found {number}", ctx) from error


class Commands(TyperGroup):
    """Lists its commands without their modules, each of which is imported when it is asked for."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and _command(str(name)), rest


app = typer.Typer(cls=Commands, epilog=EPILOG, **STYLE)


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
    out of date. `clfer COMMAND --help` explains a command.
    """


for _panel, _table in (("Stages", STAGES), ("Tools", TOOLS)):
    for _name, _summary in _table.items():
        app.command(_name, help=_summary, rich_help_panel=_panel)(lambda: None)


def _command(name: str) -> Any:
    """A command with its arguments and options, for typer to run, explain or complete."""
    run: Callable[..., None] = getattr(importlib.import_module(f"pipeline.{name}"), name)

    @wraps(run)
    def called(*given: object, **options: object) -> None:
        with orderly_exit():
            run(*given, **options)
            if name in STAGES:
                from pipeline.params import check_unchanged

                check_unchanged()

    single = typer.Typer(add_completion=False, **STYLE)
    single.command(name, cls=Command)(called)
    return typer.main.get_command(single)


def launched(processes: int) -> bool:
    """Run this command in several processes that know each other, and wait for them. False where
    one process is enough, or this is one of several.

    Where one fails, the others are ended, and this process exits with its status; it has said why
    itself. Interrupted, this process ends them all.
    """
    if processes == 1 or started():
        return False
    import logging
    from uuid import uuid4

    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ.setdefault("OMP_NUM_THREADS", str(max(cores() // processes, 1)))
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("torch.distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # a page on every failure
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        run_id=uuid4().hex,
        max_restarts=0,
        monitor_interval=0.5,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "pipeline", *sys.argv[1:])
        return True
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        status = failure.exitcode
        if status < 0:  # a signal's number; nothing has been said
            print(f"error: one of {processes} processes was killed ({-status})", file=sys.stderr)
            status = STATUS - status
        sys.exit(status)
    except SignalException as error:
        sys.exit(STATUS + error.sigval)


def main(words: Sequence[str] | None = None) -> None:
    """Run a command, that of sys.argv if there are no words; what the user can fix is one line on
    standard error and exit status 1, a warning one line.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # UTF-8 to the terminal, whatever its locale
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    try:
        app(words, prog_name="clfer")
    except Exception as error:
        if (message := user_message(error)) is None:
            raise
        if os.environ.get("RANK", "0") != "0":
            time.sleep(LEADER)
        from pipeline.console import plain  # rich takes a tenth of a second

        typer.echo(f"error: {plain(message)}", err=True)
        sys.exit(1)
