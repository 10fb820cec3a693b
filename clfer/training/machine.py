"""The machine that trains: device, memory, threads, precision, repeatable algorithms."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from clfer.errors import InputError
from clfer.team import started
from clfer.training.recipe import Recipe

DEVICE, MEMORY = "CLFER_DEVICE", "CLFER_DEVICE_MEMORY"
DEFAULT_MEMORY = 8.0  # GiB of faces kept on the device
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # cuBLAS reads it once, when it is first used


def device() -> torch.device:
    """The GPU if there is one, or what CLFER_DEVICE names; each of several processes has its own.

    Raises InputError where PyTorch has no such device.
    """
    name = os.environ.get(DEVICE, "cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and started():
        name = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"{DEVICE}: expected a device that PyTorch has here, such as cpu; found '{name}'"
        ) from error


def memory() -> float:
    """GiB of faces that may be kept on the device. Raises InputError where it is no number."""
    value = os.environ.get(MEMORY, str(DEFAULT_MEMORY))
    try:
        return float(value)
    except ValueError as error:
        raise InputError(f"{MEMORY}: expected GiB, such as 8.0; found '{value}'") from error


def autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    """The context of the network's forward pass; losses are computed outside, in float32.

    Warns where bfloat16 is emulated: most CPUs without AVX-512 compute its convolutions in scalar
    loops, many times slower than float32.
    """
    enabled = resolved_precision(recipe, device) == "bfloat16"
    if enabled and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        warnings.warn(
            "train.precision: found bfloat16 on a CPU without instructions for it; "
            "float32 is many times faster here",
            stacklevel=2,
        )
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def resolved_precision(recipe: Recipe, device: torch.device) -> str:
    """The recipe's precision; `auto` is bfloat16 on a GPU and float32 on a CPU."""
    if recipe.precision == "auto":
        return "bfloat16" if device.type == "cuda" else "float32"
    return recipe.precision


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Within the block PyTorch uses so many threads of a CPU; None: as many as before.

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
    """Within the block a GPU uses deterministic algorithms; where PyTorch has none it warns and
    goes on. CPUs always do.
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
