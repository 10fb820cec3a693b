"""Stage train: one variant on one dataset with one seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clfer.progress import silent
from pipeline import app, options, paths
from pipeline.console import err, say, track
from pipeline.params import check_there, check_unchanged

if TYPE_CHECKING:
    from clfer.training.cell import Cell
    from clfer.training.state import State


def train(
    name: options.Dataset,
    variant: options.Variant,
    seed: options.Seed,
    fresh: Annotated[
        bool, typer.Option(help="Begin anew instead of continuing a killed run.")
    ] = False,
    processes: options.Processes = 1,
) -> None:
    """Train one variant with one seed and keep its model and history under runs/."""
    check_there("datasets", name)
    check_there("variants", variant)
    if app.launched(processes):
        return
    from clfer import distributed
    from clfer.training.machine import device
    from pipeline.cell import cell

    with distributed.joined(device()):
        _train(cell(name, variant, seed), name, fresh)


def _train(one: Cell, dataset: str, fresh: bool) -> None:
    """The same in this process, which may be one of several: the leader writes and speaks."""
    from clfer import distributed
    from clfer.training.cells import train_cell
    from clfer.training.state import claim
    from pipeline.cell import data

    def report(state: State) -> None:
        row = state.history[-1]
        err.print(
            f"  epoch {row['epoch']:>3.0f}  loss {row['loss']:.4f}  train "
            f"{row['train_accuracy']:.4f}  val {row['val_accuracy']:.4f}",
            highlight=False,
        )

    known = data(dataset)
    where = paths.scratch(one.fingerprint(known))
    leads, team = distributed.leads(), distributed.size()
    if leads:
        several = f", {team} processes" if team > 1 else ""
        err.print(
            f"train {dataset} {one.name} seed {one.seed} on {known.faces.device}{several}",
            highlight=False,
        )
    out = paths.run(dataset, one.name, one.seed)
    with claim(where) as checkpoint:
        if fresh and leads:
            checkpoint.path.unlink(missing_ok=True)
        distributed.wait()
        state = train_cell(one, known, checkpoint, out, track if leads else silent, report)
        check_unchanged()  # before the state goes: put back, the parameters find it done
    if leads:
        say(_summary(one, state), f"train {dataset} {one.name} {one.seed}: {out}")


def _summary(one: Cell, state: State) -> list[str]:
    from clfer.training.examples import UNLABELLED

    recipe = one.recipe
    known = int((state.label != UNLABELLED).sum())
    labelled = f" ({known:,} with a label)" if known < len(state.label) else ""
    best = state.history[state.best_epoch - 1]
    parts = ("train", "val", "test") if recipe.select == "test" else ("train", "val")
    chosen = " (optimistic: the test images chose it)" if recipe.select == "test" else ""
    return [
        f"{len(state.label):,} images{labelled}, {recipe.epochs} epochs of {recipe.backbone} "
        f"at {recipe.crop} px",
        f"epoch {state.best_epoch} selected on {recipe.select}{chosen}: "
        + ", ".join(f"{part} accuracy {best[f'{part}_accuracy']:.4f}" for part in parts),
    ]
