"""The machine that trains: its device, its memory, its threads, and algorithms that repeat.

None of these is a parameter: they change rounding at most. `CLFER_DEVICE` and `CLFER_DEVICE_MEMORY`
are read here and nowhere else.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from clfer import distributed
from clfer.errors import InputError

DEVICE, MEMORY = "CLFER_DEVICE", "CLFER_DEVICE_MEMORY"
ROOM = 8.0  # GiB of faces kept on the device where MEMORY is not set
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # cuBLAS reads it once, when it is first used


def device() -> torch.device:
    """The GPU if there is one, or what CLFER_DEVICE names; each of several processes has its own.

    Raises InputError where PyTorch has no such device.
    """
    name = os.environ.get(DEVICE, "cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and distributed.started():
        name = f"cuda:{distributed.local()}"
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"{DEVICE}: expected a device that PyTorch has here, such as cpu; found '{name}'"
        ) from error


def memory() -> float:
    """GiB of faces that may be kept on the device. Raises InputError where it is no number."""
    given = os.environ.get(MEMORY, str(ROOM))
    try:
        return float(given)
    except ValueError as error:
        raise InputError(f"{MEMORY}: expected GiB, such as 8.0; found '{given}'") from error


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """In the block PyTorch computes with so many threads of a CPU; None: as many as before.

    Sums are rounded as they are shared among threads: the same number, the same bits.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def repeatable(wanted: bool) -> Iterator[None]:
    """In the block a GPU takes algorithms that give the same bits every time, where PyTorch has
    them; where it has none it warns and goes on. On CPUs it does so anyway.
    """
    if not wanted:
        yield
        return
    os.environ.setdefault(WORKSPACE, ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)
        torch.backends.cudnn.benchmark = benchmark
