"""Where a training step's time goes: `PYTHONPATH=tests python -m speed.parts`.

Each part of a step of `ours` by itself on the maps of a real forward pass: forward, and backward to
its input and its weights; milliseconds, medians of passes taken in turn, on a CPU. --size and
--batch say of what. Adding up gradients that meet at a block is in the step alone. Operators are
those that compute or copy, each about one kernel on a GPU.
"""

import argparse

import numpy as np
import torch
from clfer.training.tally import Tally
from recipes import PARAMS, recipe
from speed.turns import medians
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from clfer.benchmark import training_step
from clfer.model.pooling import pool
from clfer.model.variant import Variant
from clfer.training.batches import Batches
from clfer.training.examples import Examples, Faces
from clfer.training.state import begin

CPU = torch.device("cpu")
OURS = Variant.model_validate(PARAMS["variants"]["ours"])


def given(*tensors: torch.Tensor) -> list[torch.Tensor]:
    """The same numbers as inputs that can learn."""
    return [t.detach().requires_grad_() for t in tensors]


def parts(size: int, batch_size: int) -> dict[str, tuple]:
    """Of each part: its forward pass, and what it passes a gradient to."""
    how = recipe(
        backbone="resnet18",
        stem="small" if size <= 112 else "full",
        crop=size,
        resize=size * 8 // 7,
        batch_size=batch_size,
    )
    faces = np.random.default_rng(0).integers(0, 256, (batch_size, 48, 48, 1), dtype=np.uint8)
    label = torch.arange(batch_size) % 8
    examples = Examples(torch.arange(batch_size), label, nn.functional.one_hot(label, 8).float())
    state = begin(how, OURS, examples, 0, CPU)
    batches = Batches(Faces(faces, CPU, 1.0), examples, how, state.contrast, 0, 0)
    batch = batches[0]
    network, contrast = state.trained.train(), state.contrast
    maps = given(*network.features(batch.views[0]))
    vectors = given(network.represent(maps))
    used = (1, 3)
    pooled = dict(zip(used, given(*(pool(maps[j], maps[3]) for j in used)), strict=True))
    step = training_step(OURS, how, CPU)
    tally = Tally(1, CPU)

    def whole_tally():
        tally.add(0, {"loss": vectors[0].sum()}, network.classify(vectors[0]), label)
        for f in maps:  # what its hooks do in the backward pass
            torch.linalg.vector_norm(f.detach(), dim=(1, 2, 3)).sum()

    for weight in (*network.parameters(), *contrast.parameters()):
        weight.grad = torch.zeros_like(weight)

    def classified():
        return nn.functional.cross_entropy(network.classify(vectors[0]), label)

    return {
        "loading and augmentation": (lambda: batches[0], None),
        "encoder": (lambda: network.features(batch.views[0])[-1], [*network.encoder.parameters()]),
        "MSR": (
            lambda: network.represent(maps),
            [*maps, *network.representation.parameters()],
        ),
        "classifier": (classified, [*vectors, *network.classifier.parameters()]),
        "pooling for CLFM and CLBS": (
            lambda: torch.cat([pool(maps[j], maps[3]).flatten() for j in used]),
            [maps[j] for j in used],
        ),
        "CLFM": (
            lambda: contrast.clfm(pooled, batch.start_fm),
            [*pooled.values(), *contrast.clfm.parameters()],
        ),
        "CLBS": (
            lambda: contrast.clbs(pooled, label, batch.start_bs),
            [*pooled.values(), *contrast.clbs.parameters()],
        ),
        "optimiser": (state.optimizer.step, None),
        "tally and learning intensity": (whole_tally, None),
        "the whole step": (step, None),
    }


class Operators(TorchDispatchMode):
    """Counts what is dispatched and is no mere view."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        self.count += not operation.is_view
        return operation(*arguments, **(named or {}))


def operators(work):
    with Operators() as seen:
        work()
    return seen.count


def both(forward, learning):
    return lambda: torch.autograd.grad(forward().sum(), learning)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    asked = parser.parse_args()
    subjects = {}
    for name, (forward, learning) in parts(asked.size, asked.batch).items():
        subjects[name, "forward"] = forward
        if learning:
            subjects[name, "both"] = both(forward, learning)
    found = medians(subjects)
    whole = found["the whole step", "forward"]
    print(f"{'':30} forward backward  % of the step  operators")
    for name in dict.fromkeys(name for name, _ in found):
        first, total = found[name, "forward"], found.get((name, "both"))
        back = "" if total is None else f"{total - first:.1f}"
        count = operators(subjects[name, "both" if back else "forward"])
        share = 100 * (total or first) / whole
        print(f"{name:30} {first:7.1f} {back:>8} {share:14.1f} {count:10}")
