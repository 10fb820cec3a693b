"""Figure 5's numbers: the gradient that reaches each block, in the last epoch."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from clfer.experiments.plan import Plan


def columns(plan: Plan, histories: Sequence[tuple[str, pl.DataFrame]]) -> dict[str, list[str]]:
    """A column for each block: mean and standard deviation over the seeds of its gradient norm in
    the last epoch, a cell for each row of the plan. histories: `history.csv` of each run, with the
    name of its variant.
    """
    found: dict[str, list[str]] = {}
    blocks = [
        name for name in histories[0][1].columns if name.removeprefix("gradient_").isdecimal()
    ]
    for name in blocks:
        cells = []
        for row in plan.rows:
            last = [h[name][-1] for variant, h in histories if variant == row.variant]
            std = f" ± {np.std(last, ddof=1):.3g}" if len(last) > 1 else ""
            cells.append(f"{np.mean(last):.3g}{std}")
        found[f"gradient of block {name.removeprefix('gradient_')}, last epoch"] = cells
    return found
