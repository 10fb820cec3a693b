"""Several processes that do one thing together, each a share of it, in PyTorch's process group.

Started by torchrun, or `clfer train --processes N`. Alone, every function here does nothing.
Notation: N processes, of which the one of rank 0 leads: it alone writes.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.autograd.function import FunctionCtx

from clfer.team import Team
from clfer.team import started as started

LAST = 60  # seconds in which a process that has failed says why, and torchrun ends the others


def size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def leads() -> bool:
    """Whether this process is the one that writes and speaks."""
    return rank() == 0


@contextmanager
def joined(device: torch.device, patience: timedelta | None = None) -> Iterator[None]:
    """In the block the processes that torchrun started know each other: by NCCL on GPUs, else by
    gloo.

    patience: how long one waits for another, where PyTorch's ten or thirty minutes are too short
    """
    if not started():
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=patience)
    try:
        yield
        wait()  # none leaves while another still needs it
    finally:
        dist.destroy_process_group()


def local() -> int:
    """The number of this process on its machine, which is that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", 0))


def wait() -> None:
    """Go on when all processes have come this far. Where one of them has ended instead, it is its
    to say why, and torchrun ends this one meanwhile.
    """
    if size() > 1:
        try:
            dist.barrier()
        except RuntimeError:
            time.sleep(LAST)
            raise


def team() -> Team:
    """The processes as those know of them that need no PyTorch."""
    return Team(rank(), size(), wait)


def gathered(values: Tensor) -> Tensor:
    """[B, ...] of all processes one after the other, from each one's [B / N, ...]; gradients find
    their way back, added up over the processes.
    """
    if size() == 1:
        return values
    together: Tensor = _Gathered.apply(values)
    return together


class _Gathered(torch.autograd.Function):
    """All processes make the same of what is gathered, so that the gradients that arrive are the
    same in all of them; their sum is what averaging over the processes, later, divides by N.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor) -> Tensor:
        parts = [torch.empty_like(values) for _ in range(size())]
        dist.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        return share(summed(gradient))


def summed(values: Tensor) -> Tensor:
    """The sum over the processes, without gradient."""
    if size() == 1:
        return values
    total = values.detach().clone()
    dist.all_reduce(total)
    return total


def share(items: Tensor) -> Tensor:
    """This process's part of items that all have, in equal parts as far as it goes."""
    return items.tensor_split(size())[rank()] if size() > 1 else items


def joined_rows(rows: Tensor, count: int) -> Tensor:
    """[count, D] of all processes from what each made of its `share`."""
    if size() == 1:
        return rows
    most = -(-count // size())
    padded = rows.new_zeros(most, *rows.shape[1:])
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in range(size())]
    dist.all_gather(parts, padded)
    lengths = [len(part) for part in torch.arange(count).tensor_split(size())]
    return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])


def led(module: nn.Module) -> None:
    """Give every process the leader's statistics of batch normalisation: without
    `SyncBatchNorm`, which CPUs have not, each has its own.
    """
    if size() > 1:
        for value in module.buffers():
            dist.broadcast(value, 0)
