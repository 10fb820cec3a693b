"""Where a training step's time goes: `python -m bench.parts`.

Each part of a step of `ours` by itself on the maps of a real forward pass: forward, and backward to
its input and its weights; milliseconds, medians of passes taken in turn, on a CPU. --size and
--batch say of what. Adding up gradients that meet at a block is in the step alone. Operators are
those that compute or copy, each about one kernel on a GPU.
"""

import argparse
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from bench.timing import medians
from clfer.benchmark import training_step
from clfer.model.multiscale import pool
from clfer.training.batches import Batches
from clfer.training.examples import Examples, Faces
from clfer.training.metrics import EpochMetrics
from clfer.training.state import begin
from pipeline.cell import modules, paper

CPU = torch.device("cpu")


def leaves(*tensors: Tensor) -> list[Tensor]:
    """The same numbers as inputs that can learn."""
    return [t.detach().requires_grad_() for t in tensors]


def parts(size: int, batch_size: int) -> dict[str, tuple]:
    """Of each part: its forward pass, and what it passes a gradient to."""
    stem = "small" if size <= 112 else "full"
    shape = {"crop": size, "resize": size * 8 // 7, "batch_size": batch_size}
    recipe = paper({"backbone": "resnet18", "weights": "none", "stem": stem, **shape})
    ours = modules("ours")
    faces = np.random.default_rng(0).integers(0, 256, (batch_size, 48, 48, 1), dtype=np.uint8)
    label = torch.arange(batch_size) % 8
    examples = Examples(torch.arange(batch_size), label, nn.functional.one_hot(label, 8).float())
    state = begin(recipe, ours, examples, 0, CPU)
    batches = Batches(Faces(faces, CPU, 1.0), examples, recipe, state.contrast, 0, 0)
    batch, network, contrast = batches[0], state.trained.train(), state.contrast
    clfm, clbs = contrast.clfm, contrast.clbs
    maps = leaves(*network.features(batch.views[0]))
    vectors = leaves(network.represent(maps))
    used = (1, 3)
    pooled = dict(zip(used, leaves(*(pool(maps[j], maps[3]) for j in used)), strict=True))
    metrics = EpochMetrics(CPU)
    metrics.reset(1)

    def measured() -> None:
        metrics.add(0, {"loss": vectors[0].sum()}, network.classify(vectors[0]), label)
        for f in maps:  # what its hooks do in the backward pass
            torch.linalg.vector_norm(f.detach(), dim=(1, 2, 3)).sum()

    for weight in (*network.parameters(), *contrast.parameters()):
        weight.grad = torch.zeros_like(weight)
    return {
        "loading and augmentation": (lambda: batches[0], []),
        "encoder": (lambda: network.features(batch.views[0])[-1], [*network.encoder.parameters()]),
        "MSR": (lambda: network.represent(maps), [*maps, *network.representation.parameters()]),
        "classifier": (
            lambda: nn.functional.cross_entropy(network.classify(vectors[0]), label),
            [*vectors, *network.classifier.parameters()],
        ),
        "pooling for CLFM and CLBS": (
            lambda: torch.cat([pool(maps[j], maps[3]).flatten() for j in used]),
            [maps[j] for j in used],
        ),
        "CLFM": (lambda: clfm(pooled, batch.start_fm), [*pooled.values(), *clfm.parameters()]),
        "CLBS": (
            lambda: clbs(pooled, label, batch.start_bs)[0],
            [*pooled.values(), *clbs.parameters()],
        ),
        "optimizer": (state.optimizer.step, []),
        "metrics and learning intensity": (measured, []),
        "the whole step": (training_step(ours, recipe, CPU), []),
    }


class Operators(TorchDispatchMode):
    """Counts what is dispatched and is no mere view."""

    count = 0

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        self.count += not operation.is_view
        return operation(*arguments, **(named or {}))


def backward(forward, learning) -> None:
    torch.autograd.grad(forward().sum(), learning)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    asked = parser.parse_args()
    known = parts(asked.size, asked.batch)
    subjects = {(name, "forward"): forward for name, (forward, _) in known.items()}
    subjects |= {
        (name, "both"): partial(backward, *part) for name, part in known.items() if part[1]
    }
    found = medians(subjects)
    print(f"{'':30} forward backward  % of the step  operators")
    for name in known:
        first, total = found[name, "forward"], found.get((name, "both"))
        with Operators() as seen:
            subjects.get((name, "both"), subjects[name, "forward"])()
        back = "" if total is None else f"{total - first:.1f}"
        share = 100 * (total or first) / found["the whole step", "forward"]
        print(f"{name:30} {first:7.1f} {back:>8} {share:14.1f} {seen.count:10}")
