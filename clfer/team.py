"""Several processes that share one command's work, for code that needs no PyTorch.

torchrun starts them, or `clfer STAGE --processes N`; `clfer.distributed` brings them together.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

T = TypeVar("T")


def started() -> bool:
    """Whether torchrun started this process as one of several."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Team(NamedTuple):
    """size: number of processes. The one of rank 0 leads: it alone writes and prints.
    wait: returns when all processes have called it.
    """

    rank: int
    size: int
    wait: Callable[[], None]

    @property
    def leads(self) -> bool:
        return self.rank == 0

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """The leader runs the block before the others, which use what it downloaded or made; where
        it fails, they do not run it.
        """
        if not self.leads:
            self.wait()
        yield
        if self.leads:
            self.wait()

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Every size-th item, from this process's rank on."""
        return items[self.rank :: self.size]


ALONE = Team(0, 1, lambda: None)
