"""The cells of a grid trained in one process, without the pipeline: on whatever machine has a GPU
and PyTorch for some minutes, and neither DVC nor polars.

    clfer grid ferplus --pack PACK     # where the pipeline is: faces, splits, and what to train
    python -m clfer.cells PACK CELLS   # where the GPU is
    clfer grid ferplus --cells CELLS --no-train    # and back: scores, tests, curves

A cell is what `clfer train` and `clfer evaluate` make of the same settings on that machine. Each
leaves its files as soon as it is done; started again, it is left out.

CELLS/VARIANT/SEED/history.csv         an epoch a row; the accuracy on the test images stands there
                                       as well, and chooses nothing
CELLS/VARIANT/SEED/model.safetensors   the weights of the epoch that validation chose, as float16
CELLS/VARIANT/SEED/predictions.npz     val, test [N, C]: probabilities by these weights, computed in
                                       float32, kept as float16, in the order of the pack's splits
CELLS/VARIANT/SEED/cell.json           settings, sources, device, versions, seconds; written last
"""

import argparse
import sys
from pathlib import Path

import torch

from clfer.cells.plan import read, sped
from clfer.cells.training import train_cells
from clfer.ending import orderly
from clfer.errors import trouble
from clfer.progress import silent


def main() -> None:
    """Train the cells of a pack that are not there yet."""
    parser = argparse.ArgumentParser(prog="python -m clfer.cells", description=main.__doc__)
    parser.add_argument("pack", type=Path, help="written by clfer grid --pack")
    parser.add_argument("cells", type=Path, help="where to put them")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="time there is")
    parser.add_argument("--compile", action="store_true", help="with train.compile")
    numbers = ("float32", "bfloat16")
    parser.add_argument("--precision", choices=numbers, help="in place of train.precision")
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        pack = read(given.pack, device)
        pack = sped(pack, given.compile, given.precision)
        with orderly():
            left = train_cells(pack, given.cells, given.seconds, silent)
    except Exception as error:
        if (said := trouble(error)) is None:
            raise
        print(f"error: {said}", file=sys.stderr)
        sys.exit(1)
    print(f"{left} cells left" if left else "all cells are there", flush=True)


if __name__ == "__main__":
    main()
