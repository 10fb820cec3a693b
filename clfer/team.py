"""Several processes that share one command's work, as those know of it that need no PyTorch.

torchrun starts them, or `clfer STAGE --processes N`; `clfer.distributed` brings them together.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

JOINED = "TORCHELASTIC_RUN_ID"  # torchrun tells its processes so that they are several
T = TypeVar("T")


def started() -> bool:
    """Whether this process was started as one of several, by torchrun."""
    return JOINED in os.environ


def here() -> int:
    """How many of the processes are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Team(NamedTuple):
    """size: how many processes there are, of which the one of rank 0 leads: it alone writes what
    all have made, and speaks. wait: go on when all have come this far
    """

    rank: int
    size: int
    wait: Callable[[], None]

    @property
    def leads(self) -> bool:
        return self.rank == 0

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """The leader goes through the block before the others: what it fetches or makes there they
        find, and where it fails they say nothing.
        """
        if not self.leads:
            self.wait()
        yield
        if self.leads:
            self.wait()

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of items that all have, in turns."""
        return items[self.rank :: self.size]


ALONE = Team(0, 1, lambda: None)
