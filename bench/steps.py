"""Step times of a pack's variants: `python -m bench.steps PACK [--compile] [--profile VARIANT]`.

A pack is what `clfer experiment --pack` writes. Steps are taken in turn, on random faces with the
recipe of each variant's first cell; medians in milliseconds, as JSON. --profile adds the kernels,
or on a CPU the operators, that take the most time of a variant's step. Needs PyTorch, but neither
DVC nor polars.
"""

import argparse
import json
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from clfer.benchmark import medians, training_step
from clfer.progress import silent
from clfer.training.cell import Cell
from clfer.training.cells import override
from clfer.training.machine import device
from clfer.training.pack import PLAN

SHOWN = 25  # kernels

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pack", type=Path)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--profile", metavar="VARIANT")
    asked = parser.parse_args()
    there = device()
    plan = json.loads((asked.pack / PLAN).read_text(encoding="utf-8"))
    cells = override([Cell.from_json(one) for one in plan["cells"]], asked.compile, None)
    first = {cell.name: cell for cell in reversed(cells)}
    steps = {name: training_step(cell.variant, cell.recipe, there) for name, cell in first.items()}
    seconds = medians(steps, asked.rounds, there, silent)
    recipe = cells[0].recipe
    found = {
        "device": torch.cuda.get_device_name(there) if there.type == "cuda" else str(there),
        "torch": torch.__version__,
        "size": recipe.crop,
        "batch": recipe.batch_size,
        "compile": asked.compile,
        "rounds": asked.rounds,
        "ms": {name: round(1000 * value, 3) for name, value in seconds.items()},
    }
    print(json.dumps(found, indent=1), flush=True)
    if asked.profile:
        kinds = [ProfilerActivity.CPU, ProfilerActivity.CUDA]
        with profile(activities=kinds if there.type == "cuda" else kinds[:1]) as seen:
            steps[asked.profile]()
        order = "self_cuda_time_total" if there.type == "cuda" else "self_cpu_time_total"
        print(seen.key_averages().table(sort_by=order, row_limit=SHOWN))
