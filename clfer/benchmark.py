"""How long a training step takes, what of it the method adds, how fast faces arrive, and how much
memory it all wants.

A step is what the training loop does with a batch that is there: forward, backward, update and
metrics; on a GPU it is recorded and replayed, as there, and so is torchvision's own.
Subjects take their steps in turn, so that whatever slows the machine down slows all of them.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
import torch
from torch import nn
from torch.nn import functional as F

from clfer.model.backbone import resnet
from clfer.model.variant import Variant
from clfer.progress import Track
from clfer.training.batches import Batches
from clfer.training.examples import Examples, Faces
from clfer.training.machine import autocast
from clfer.training.recipe import Recipe
from clfer.training.state import begin, optimizer
from clfer.training.step import Stepper

CLASSES = 8
STORED = 48  # side of the stored faces, as FERPlus has them
FACES = 4096
WARMUP = 5  # steps that are taken and not counted; a GPU records one of them
MIB = 2**20
PROCESS = Path("/proc/self/status")

Step = Callable[[], object]


def medians(
    subjects: Mapping[str, Step], rounds: int, device: torch.device, track: Track
) -> dict[str, float]:
    """Median seconds of each subject's steps, one a round for each of them."""
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for number in track(range(-WARMUP, rounds), "in turn: " + ", ".join(subjects)):
        for name, step in subjects.items():
            taken = _timed(step, device)
            if number >= 0:
                seconds[name].append(taken)
    return {name: statistics.median(values) for name, values in seconds.items()}


def training_step(variant: Variant, recipe: Recipe, device: torch.device) -> Step:
    """A training step of a variant, always on the same batch of random faces."""
    faces, examples = _random_faces(recipe.batch_size, device)
    state = begin(recipe, variant, examples, 0, device)
    state.trained.train()
    batch = Batches(faces, examples, recipe, state.contrast, 0, 0)[0]
    stepper = Stepper(state, recipe, variant, device)
    metrics = stepper.begin_epoch(examples, 1)

    def step() -> None:
        outcome = stepper.take(batch, recipe.lr, grouping=False)
        metrics.add(0, outcome.losses, outcome.logits, batch.label, outcome.recorded)

    return step


def bare_step(recipe: Recipe, device: torch.device) -> Step:
    """A training step of torchvision's network, with the same optimiser and nothing of ours."""
    network = resnet(recipe.backbone)
    network.fc = nn.Linear(network.fc.in_features, CLASSES)
    if recipe.stem == "small":
        network.maxpool = nn.Identity()
    network.to(device).to(memory_format=torch.channels_last).train()
    adam = optimizer(recipe, network.parameters(), device)
    images = torch.randn(recipe.batch_size, 3, recipe.crop, recipe.crop, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    label = torch.randint(CLASSES, (recipe.batch_size,), device=device)

    def step() -> None:
        with autocast(recipe, device):
            logits = network(images)
        adam.zero_grad()
        F.cross_entropy(logits.float(), label).backward()
        adam.step()

    return step if device.type != "cuda" else _replayed(step)


def input_times(
    recipe: Recipe, rounds: int, device: torch.device, track: Track
) -> dict[str, float]:
    """Median seconds of a training step of the baseline (`step`) and of making its batch: of faces
    on the device (`resident`) and of faces read from a memory-mapped file (`streamed`).
    """
    faces, examples = _random_faces(FACES, device)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "faces.npy"
        np.save(file, faces.stored)
        streamed = Faces(np.load(file, mmap_mode="r"), device, memory=0.0)
        subjects = {
            "step": training_step(Variant(), recipe, device),
            "resident": _input_step(faces, examples, recipe, device),
            "streamed": _input_step(streamed, examples, recipe, device),
        }
        return medians(subjects, rounds, device, track)


def peak_memory(variant: Variant, recipe: Recipe, device: torch.device) -> float:
    """MiB that training a variant takes at its highest, in a process of its own: of the device, or
    on a CPU of the whole process, Python and PyTorch (about 400 MiB) included.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_peak, variant, recipe, device).result()


def _peak(variant: Variant, recipe: Recipe, device: torch.device) -> float:
    step = training_step(variant, recipe, device)
    step()
    step()
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MIB
    if PROCESS.exists():  # psutil has the highest value on Windows only
        lines = PROCESS.read_text(encoding="utf-8").splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    memory = psutil.Process().memory_info()
    return float(getattr(memory, "peak_wset", memory.rss)) / MIB


def _input_step(faces: Faces, examples: Examples, recipe: Recipe, device: torch.device) -> Step:
    contrast = begin(recipe, Variant(), examples, 0, device).contrast
    batches = Batches(faces, examples, recipe, contrast, 0, 0)
    number = count()

    def step() -> None:
        batches[next(number) % len(batches)]

    return step


def _replayed(step: Step) -> Step:
    """The step as a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        step()
    return graph.replay


def _random_faces(images: int, device: torch.device) -> tuple[Faces, Examples]:
    random = np.random.default_rng(0)
    stored = random.integers(0, 256, (images, STORED, STORED, 1), dtype=np.uint8)
    label = torch.from_numpy(random.integers(0, CLASSES, images))
    examples = Examples(torch.arange(images), label, F.one_hot(label, CLASSES).float())
    return Faces(stored, device, memory=1.0), examples.to(device)


def _timed(step: Step, device: torch.device) -> float:
    """Seconds until a step is done, on the device too."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
