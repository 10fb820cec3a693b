"""The state of a run between two epochs, and the checkpoint that it is resumed from."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Int
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from clfer import distributed
from clfer.errors import InputError
from clfer.files import locked_folder, replacing
from clfer.model.backbone import load_tensors
from clfer.model.network import Contrast, Network, build
from clfer.model.variant import Variant
from clfer.training.examples import Examples
from clfer.training.recipe import Recipe

FORMAT = 5  # of a checkpoint; to be raised with every change of what it holds or means
MOMENTUM = 0.9
# of a checkpoint, beside the labels
PARTS = ("trained", "network", "contrast", "optimizer")
VALUES = ("history", "best", "best_epoch", "snapshots")
SHAPES = 64  # of one function that are compiled in a process that trains several networks

Row = dict[str, int | float]  # an epoch in the history


class EMA:
    """The exponential moving average of a network's weights and running statistics:
    w <- decay * w + (1 - decay) * trained, from those after the first step on.

    (`torch.optim.swa_utils.AveragedModel` reads a counter from the device in every step, which a
    CUDA graph can't, and averages the integer counts of batch normalisation.)
    """

    def __init__(self, trained: Network, decay: float) -> None:
        self.network = deepcopy(trained)
        self.decay = decay
        self.started = False

    @torch.no_grad()
    def update(self, trained: Network) -> None:
        """To be called after every step."""
        share = 1 - self.decay if self.started else 1.0
        own, new = (list(one.state_dict().values()) for one in (self.network, trained))
        real = [value.is_floating_point() for value in own]
        torch._foreach_lerp_([*compress(own, real)], [*compress(new, real)], share)
        for value, count in zip(own, new, strict=True):
            if not value.is_floating_point():  # of batches
                value.copy_(count)
        self.started = True


@dataclass
class State:
    """A run between two epochs. `network` is what is validated and kept."""

    trained: Network
    ema: EMA | None
    contrast: Contrast
    optimizer: Optimizer
    label: Int[Tensor, " N"]  # of the training images; SCN may change some
    history: list[Row] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)  # weights of the selected epoch
    best_epoch: int = 0
    snapshots: dict[str, Tensor] = field(default_factory=dict)  # see prediction.snapshot

    @property
    def network(self) -> Network:
        return self.trained if self.ema is None else self.ema.network

    def record(self, row: Row, criterion: str) -> None:
        """Add an epoch to the history; keep its weights if it is the first with the criterion's
        highest value.
        """
        if all(row[criterion] > past[criterion] for past in self.history):
            weights = self.network.state_dict()
            self.best = {name: value.detach().cpu().clone() for name, value in weights.items()}
            self.best_epoch = len(self.history) + 1
        self.history.append(row)

    def state_dict(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        return {**parts, "label": self.label, **{name: getattr(self, name) for name in VALUES}}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        for name in PARTS:
            getattr(self, name).load_state_dict(saved[name])
        if self.ema is not None:
            self.ema.started = True
        self.label.copy_(saved["label"])
        for name in VALUES:
            setattr(self, name, saved[name])


def begin(
    recipe: Recipe, variant: Variant, training: Examples, seed: int, device: torch.device
) -> State:
    """A run at its start, on a device."""
    classes = training.target.shape[1]
    network, contrast = build(recipe.backbone, recipe.weights, recipe.stem, classes, variant, seed)
    network.to(device).to(memory_format=torch.channels_last)
    contrast.to(device)
    if distributed.size() > 1 and device.type == "cuda":
        # normalised over the batch of all processes; PyTorch has it for GPUs alone
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        contrast = nn.SyncBatchNorm.convert_sync_batchnorm(contrast)
    if recipe.compile:
        torch._dynamo.config.recompile_limit = SHAPES
        # block by block, as the gradients between them are measured
        for part in (network.encoder.stem, *network.encoder.blocks):
            part.compile(fullgraph=True, dynamic=False)
        contrast.compile(fullgraph=True, dynamic=False)
    weights = [*network.parameters(), *contrast.parameters()]
    ema = EMA(network, recipe.ema) if recipe.ema else None
    label = training.label.clone().to(device)
    return State(network, ema, contrast, optimizer(recipe, weights, device), label)


def optimizer(recipe: Recipe, weights: Iterable[nn.Parameter], device: torch.device) -> Optimizer:
    """The optimizer of a recipe, fused; on a GPU it can be captured in a CUDA graph."""
    decay = recipe.weight_decay
    if recipe.optimizer == "sgd":
        return SGD(weights, recipe.lr, MOMENTUM, weight_decay=decay, nesterov=True, fused=True)
    kind = AdamW if recipe.optimizer == "adamw" else Adam
    capturable = device.type == "cuda"
    return kind(weights, recipe.lr, weight_decay=decay, fused=True, capturable=capturable)


@runtime_checkable
class Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, saved: Mapping[str, Any]) -> None: ...


class Checkpoint:
    """The state of one run in its own folder; made by `claim`, which keeps other processes out.
    It is saved at most every `pause` seconds.
    """

    def __init__(self, folder: Path, pause: int = 0) -> None:
        self.path, self.pause, self.last = folder / "state.pt", pause, time.monotonic()

    def save(self, state: Stateful) -> None:
        """Replace what was saved before; a reader sees one or the other, whole."""
        if time.monotonic() - self.last >= self.pause:
            with replacing(self.path) as temporary:
                torch.save(state.state_dict(), temporary)
            self.last = time.monotonic()

    def resume(self, state: Stateful) -> None:
        """Load what was saved into the state, if anything was."""
        if not self.path.exists():
            return
        try:
            state.load_state_dict(load_tensors(self.path))
        except (MemoryError, OSError, torch.OutOfMemoryError):
            raise  # says nothing of the file
        except Exception as error:  # broken bytes make the unpickler raise anything
            raise InputError(
                f"{self.path} is no readable state of a run; delete it to start the run again"
            ) from error

    def save_beside(self, name: str, values: Mapping[str, Tensor]) -> Path:
        """Write tensors beside the state, for inspection; the file. Each process has its own."""
        number = f"-{distributed.rank()}" if distributed.rank() else ""
        path = self.path.with_name(f"{name}{number}.safetensors")
        with replacing(path) as temporary:
            save_file({key: value.contiguous() for key, value in values.items()}, temporary)
        return path


@contextmanager
def claim(folder: Path, pause: int = 0) -> Iterator[Checkpoint]:
    """The checkpoint of a folder, held by this process alone and removed when the run has ended
    well; of several processes the leader holds it for all.

    Raises BusyError, naming the process that holds it. An interrupted run leaves its state.
    """
    with locked_folder(folder, "training this very run") if distributed.leads() else nullcontext():
        yield Checkpoint(folder, pause)
