"""The stored faces, and the training examples: which images, with which labels.

An image without a label has label -1 and a target of zeros, so that nothing can use it by mistake.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from clfer.errors import InputError
from clfer.model.variant import Variant
from clfer.randomness import generator
from clfer.training.recipe import Recipe

GIB = 2**30
UNLABELLED = -1


@dataclass(frozen=True)
class Examples:
    """One split. face: index into the stored faces; label: class index; target: distribution of
    votes.
    """

    face: Int[Tensor, " N"]
    label: Int[Tensor, " N"]
    target: Float[Tensor, "N C"]

    def __len__(self) -> int:
        return len(self.face)

    def __getitem__(self, index: Tensor) -> "Examples":
        """Some of them, by index or mask."""
        return Examples(self.face[index], self.label[index], self.target[index])

    def to(self, device: torch.device) -> "Examples":
        return Examples(self.face, self.label.to(device), self.target.to(device))


class Faces:
    """Stored faces [N, S, S, C] by index, as uint8 on a device.

    They are copied there whole while they fit into `memory` GiB. Otherwise, and on a CPU from a
    memory-mapped file, each batch is read from the array, so that memory does not grow with the
    dataset.
    """

    def __init__(
        self, stored: UInt8[np.ndarray, "N S S C"], device: torch.device, memory: float
    ) -> None:
        self.device = device
        self.stored = stored
        mapped = device.type == "cpu" and isinstance(stored, np.memmap)  # a copy gains nothing
        fits = stored.nbytes <= memory * GIB and not mapped
        self.resident = torch.from_numpy(np.array(stored)).to(device) if fits else None

    def __len__(self) -> int:
        return len(self.stored)

    def reach(self, index: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
        """Indices moved to where the faces are, device or host, once for all batches."""
        return index.to("cpu" if self.resident is None else self.device)

    def __call__(self, index: Int[Tensor, " B"]) -> UInt8[Tensor, "B S S C"]:
        """`index` as `reach` returns it, or on the host."""
        if self.resident is not None:
            return self.resident[index.to(self.device)]
        ascending, back = index.sort()  # the file is read front to back
        batch = torch.from_numpy(self.stored[ascending.numpy()])
        return batch[back.argsort()].to(self.device)


def supervised(examples: Examples, recipe: Recipe, variant: Variant, seed: int) -> Examples:
    """The training examples with labels on `recipe.labelled_fraction` of each class.

    The others stay for the losses that need no label, if the variant has any and the recipe keeps
    them. Raises InputError where a setting needs labels that are withheld.
    """
    if variant.scn and recipe.targets == "votes":
        raise InputError(
            "train.targets: scn changes labels, so expected majority with it; found votes"
        )
    examples = withhold(examples, recipe.labelled_fraction, seed)
    if recipe.unlabelled == "drop" or not variant.label_free:
        return examples[examples.label != UNLABELLED]
    if recipe.balance == "sampler" and recipe.labelled_fraction < 1:
        raise InputError(
            f"train.balance: sampler draws by label, expected all of them; found "
            f"train.labelled_fraction {recipe.labelled_fraction}; set balance to weights or none, "
            "or train.unlabelled to drop"
        )
    return examples


def withhold(examples: Examples, fraction: float, seed: int) -> Examples:
    """The same examples with labels on only `fraction` of each class, at least one a class.

    Which ones depends on the seed; those of a smaller fraction are among those of a larger one.
    """
    kept = torch.zeros(len(examples), dtype=torch.bool)
    for value in examples.label.unique().tolist():
        members = _shuffled(examples, value, seed, "labelled")
        kept[members[: max(round(fraction * len(members)), 1)]] = True
    label = examples.label.masked_fill(~kept, UNLABELLED)
    return Examples(examples.face, label, examples.target * kept.unsqueeze(1))


def subsample_class(examples: Examples, label: int, kept: float, seed: int) -> Examples:
    """The examples without all but a share `kept` of those with this label (Table III); 0: none.

    Which ones stay depends on the seed; those of a smaller share are among those of a larger one.
    """
    members = _shuffled(examples, label, seed, "scarce")
    stays = torch.ones(len(examples), dtype=torch.bool)
    stays[members[round(kept * len(members)) :]] = False
    return examples[stays]


def _shuffled(examples: Examples, label: int, seed: int, purpose: str) -> Int[Tensor, " M"]:
    """The numbers of the examples with this label, in an order that depends on the seed."""
    random = torch.rand(len(examples), generator=generator(seed, purpose))
    members = (examples.label == label).nonzero().squeeze(1)
    return members[random[members].argsort()]


def class_weights(examples: Examples) -> Float[Tensor, " C"]:
    """Weights of the classes in the loss, inversely proportional to their frequency, 1 on the
    average labelled image.
    """
    labels = examples.label[examples.label != UNLABELLED]
    classes = examples.target.shape[1]
    count = torch.bincount(labels, minlength=classes).clamp(min=1)
    return len(labels) / (classes * count.float())


def order(examples: Examples, faces: int, balance: str, seed: int, epoch: int) -> Int[Tensor, " N"]:
    """The order of an epoch: that of random numbers, one for each of the stored `faces`, or with
    `sampler` draws that make all classes equally frequent.
    """
    random = generator(seed, "order", epoch)
    if balance != "sampler":
        every = torch.rand(faces, generator=random, dtype=torch.float64)
        return every[examples.face].argsort()
    label = examples.label.cpu()
    chance = 1 / torch.bincount(label)[label].double()
    return torch.multinomial(chance, len(examples), replacement=True, generator=random)
