"""Random numbers that depend on what they are for and on nothing else."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def key(*parts: int | str) -> int:
    """A 63-bit seed that differs for every combination of parts, such as (seed, purpose, epoch)."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(*parts: int | str) -> torch.Generator:
    """A CPU generator for one purpose. Never keyed by the variant: runs of equal seed are then
    paired, that is, see the same order, augmentation and initial weights of the parts that they
    share.
    """
    return torch.Generator().manual_seed(key(*parts))


@contextmanager
def seeded(*parts: int | str) -> Iterator[None]:
    """Initialise modules in the block from their own stream; the global one stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(*parts))
        yield
