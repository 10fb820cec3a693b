"""Train the cells of a pack, on a machine that has PyTorch but neither DVC nor polars.

    clfer experiment NAME --dataset D --pack PACK      # where the pipeline is
    python -m clfer.training PACK CELLS                # where the GPU is
    clfer experiment NAME --dataset D --cells CELLS --no-train     # and back

Cells that are there are skipped; an interrupted one goes on.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

from clfer.errors import orderly_exit, user_message
from clfer.training.cells import override, train_cells
from clfer.training.machine import device
from clfer.training.pack import read


def main() -> None:
    """Train the cells of a pack that are not there yet."""
    parser = argparse.ArgumentParser(prog="python -m clfer.training", description=main.__doc__)
    parser.add_argument("pack", type=Path, help="written by clfer experiment --pack")
    parser.add_argument("cells", type=Path, help="where to put them")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="time there is")
    parser.add_argument("--compile", action="store_true", help="with train.compile")
    numbers = ("float32", "bfloat16")
    parser.add_argument("--precision", choices=numbers, help="in place of train.precision")
    given = parser.parse_args()
    try:
        data, cells = read(given.pack, device())
        cells = override(cells, given.compile, given.precision)
        with orderly_exit():
            say = partial(print, flush=True)
            left = train_cells(cells, data, given.cells, given.seconds, say=say)
    except Exception as error:
        if (message := user_message(error)) is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(1)
    print(f"{left} cells left" if left else "all cells are there", flush=True)


if __name__ == "__main__":
    main()
