"""Figures of how training went, from runs/*/history.csv."""

import polars as pl

from clfer.errors import InputError
from clfer.figures import curves
from pipeline import paths, stored
from pipeline.figures.request import Cells, Drawing, Request, every, trained

USUAL = ("baseline", "ours")
BLOCK = 2  # the one that the paper's losses act on (alpha_2, beta_2)

Histories = dict[str, list[pl.DataFrame]]


def loss(request: Request) -> Drawing:
    """Training and validation loss over the epochs."""
    cells, notes = trained(request, USUAL)
    histories = _histories(request, cells)
    return Drawing(
        title="Training and validation loss",
        caption=curves.LOSS,
        draw=lambda title, path: curves.draw_loss(histories, title, path),
        variants=list(cells),
        seeds=every(cells),
        notes=notes,
    )


def learning_intensity(request: Request) -> Drawing:
    """Gradient norms by block, and by semantic group of one block."""
    cells, notes = trained(request, USUAL)
    histories = _histories(request, cells)
    shallow = len(curves.block_columns(next(iter(histories.values()))[0])) - 1
    block = request.block or BLOCK
    if block > shallow:
        raise InputError(f"--block: expected a shallow block, 1 to {shallow}; found {block}")
    old = [
        f"{request.dataset} {name} {seed}"
        for name, seeds in cells.items()
        for seed, history in zip(seeds, histories[name], strict=True)
        if not curves.group_columns(history, block)
    ]
    if old:
        notes.append(
            f"without semantic groups, which {len(old)} of the runs did not record; train again, "
            f"such as `clfer train {old[0]} --fresh`"
        )
    shown = None if old else block
    return Drawing(
        title="Learning intensity",
        caption=curves.INTENSITY + ("" if old else curves.INTENSITY_OF_GROUPS.format(block=block)),
        draw=lambda title, path: curves.draw_intensity(histories, shown, title, path),
        variants=list(cells),
        seeds=every(cells),
        notes=notes,
    )


def _histories(request: Request, cells: Cells) -> Histories:
    return {
        name: [
            stored.table(
                request.run(name, seed) / paths.HISTORY,
                f"train {request.dataset} {name} {seed}",
            )
            for seed in seeds
        ]
        for name, seeds in cells.items()
    }
