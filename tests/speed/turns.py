"""How the scripts beside this one take time: everyone in turn, medians of what was timed."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

ROUNDS, WARMUP = 9, 3

Work = Callable[[], object]


def medians(subjects: Mapping[str, Work], rounds: int = ROUNDS) -> dict[str, float]:
    """Median milliseconds of each subject."""
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for turn in range(-WARMUP, rounds):
        for name, work in subjects.items():
            started = time.perf_counter()
            work()
            if turn >= 0:
                taken[name].append(1000 * (time.perf_counter() - started))
    return {name: statistics.median(values) for name, values in taken.items()}


def both_ways(forward: Callable[[], Tensor], *learning: Tensor) -> Work:
    """A forward pass and the gradient of its sum in what learns."""

    def work() -> None:
        torch.autograd.grad(forward().sum(), learning)

    return work
