"""A step recorded once as a CUDA graph and replayed: a step of the method is some thousand small
kernels, which a host launches several times more slowly than a GPU computes them.
"""

from collections.abc import Callable
from dataclasses import fields, replace

import torch
from torch import Tensor

from clfer.training.batches import Batch
from clfer.training.step import Outcome

WARMUP = 3  # steps that are taken as they are before one is recorded


class Recorded:
    """`take` on a GPU: after a few calls replayed, with the same result.

    `take` may read nothing back, must change what it changes in place, and find the same shapes in
    every batch. What it returns is overwritten by the next call. All of it happens in `stream`,
    which must not be the default one: autograd goes on where it began, and a recording can't.
    """

    def __init__(self, take: Callable[[Batch], Outcome], stream: torch.cuda.Stream) -> None:
        self.take = take
        self.left = WARMUP
        self.stream = stream
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, batch: Batch) -> Outcome:
        around = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(around)
        with torch.cuda.stream(self.stream):
            outcome = self._next(batch)
        around.wait_stream(self.stream)
        return outcome

    def _next(self, batch: Batch) -> Outcome:
        if self.left:
            self.left -= 1
            return self.take(batch)
        if self.graph is None:
            self._record(batch)
        for own, given in zip(_tensors(self.batch), _tensors(batch), strict=True):
            own.copy_(given)
        self.graph.replay()  # type: ignore[union-attr]
        return self.outcome

    def _record(self, batch: Batch) -> None:
        views = [view.clone() for view in batch.views]
        others = {f.name: getattr(batch, f.name) for f in fields(batch) if f.name != "views"}
        self.batch = replace(batch, views=views, **{k: v.clone() for k, v in others.items()})
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=self.stream):
            self.outcome = self.take(self.batch)


def _tensors(batch: Batch) -> list[Tensor]:
    others = [getattr(batch, field.name) for field in fields(batch) if field.name != "views"]
    return [*batch.views, *others]
