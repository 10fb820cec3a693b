"""Several processes that compute one thing together, in PyTorch's process group.

Started by torchrun, or `clfer train --processes N`. In a single process every function here returns
its argument. Notation: N processes; the one of rank 0 leads and alone writes.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.autograd.function import FunctionCtx

from clfer.team import Team, started

GRACE = 60  # seconds in which a process that failed prints why, and torchrun ends the others


def size() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def leads() -> bool:
    """Whether this process is the one that writes and prints."""
    return rank() == 0


@contextmanager
def joined(device: torch.device, timeout: timedelta | None = None) -> Iterator[None]:
    """Within the block the processes that torchrun started are one group, over NCCL on GPUs and
    gloo on CPUs. timeout: of waiting for one another, instead of PyTorch's ten or thirty minutes.
    """
    if not started():
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timeout)
    try:
        yield
        wait()  # none leaves while another still needs it
    finally:
        dist.destroy_process_group()


def wait() -> None:
    """Return when all processes have called it. Where one of them has failed, that one prints why,
    and torchrun ends this one meanwhile.
    """
    if size() > 1:
        try:
            dist.barrier()
        except RuntimeError:
            time.sleep(GRACE)
            raise


def team() -> Team:
    """The processes, for code that needs no PyTorch."""
    return Team(rank(), size(), wait)


def gathered(values: Tensor) -> Tensor:
    """[B, ...], the [B / N, ...] of all processes one after the other; gradients flow back, summed
    over the processes.
    """
    if size() == 1:
        return values
    together: Tensor = _Gather.apply(values)
    return together


class _Gather(torch.autograd.Function):
    """All processes compute the same from what is gathered, so the same gradient arrives in each;
    DistributedDataParallel later divides their sum by N.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor) -> Tensor:
        return torch.cat(_all(values))

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        return share(summed(gradient))


def _all(values: Tensor) -> list[Tensor]:
    """The values of each process."""
    parts = [torch.empty_like(values) for _ in range(size())]
    dist.all_gather(parts, values.contiguous())
    return parts


def summed(values: Tensor) -> Tensor:
    """The sum over the processes, without gradient."""
    if size() == 1:
        return values
    total = values.detach().clone()
    dist.all_reduce(total)
    return total


def share(items: Tensor) -> Tensor:
    """This process's part of items that all have, in parts as equal as possible."""
    return items.tensor_split(size())[rank()] if size() > 1 else items


def gathered_rows(rows: Tensor, count: int) -> Tensor:
    """[count, D] in all processes, from what each computed of its `share`."""
    if size() == 1:
        return rows
    lengths = [len(part) for part in torch.arange(count).tensor_split(size())]
    padded = rows.new_zeros(max(lengths), *rows.shape[1:])
    padded[: len(rows)] = rows
    return torch.cat([part[:n] for part, n in zip(_all(padded), lengths, strict=True)])


def broadcast_buffers(module: nn.Module) -> None:
    """Copy the leader's buffers to every process: without `SyncBatchNorm`, which PyTorch has for
    GPUs alone, each has its own statistics of batch normalisation.
    """
    if size() > 1:
        for value in module.buffers():
            dist.broadcast(value, 0)
