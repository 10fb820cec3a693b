"""The faces and what is known of them, as training and evaluation take them: by index, on the
device.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from clfer.randomness import generator

GIB = 2**30
UNLABELLED = -1  # the label of an image whose label is withheld; its target is zero


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

    def to(self, device: torch.device) -> "Examples":
        return Examples(self.face, self.label.to(device), self.target.to(device))


class Faces:
    """Stored faces [N, S, S, C] by index, as uint8 on a device.

    They are put there whole while they fit into `memory` GiB; otherwise, and on a CPU from a file
    that is memory-mapped, each batch is read from the array, so that memory does not grow with the
    dataset.
    """

    def __init__(
        self, stored: UInt8[np.ndarray, "N S S C"], device: torch.device, memory: float
    ) -> None:
        self.device = device
        self.stored = stored
        there = device.type == "cpu" and isinstance(stored, np.memmap)  # nothing is won by a copy
        fits = stored.nbytes <= memory * GIB and not there
        self.resident = torch.from_numpy(np.array(stored)).to(device) if fits else None

    def __len__(self) -> int:
        return len(self.stored)

    def reach(self, index: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
        """Indices moved once to where the faces are, on the device or on the host, so that no batch
        has to.
        """
        return index.to("cpu" if self.resident is None else self.device)

    def __call__(self, index: Int[Tensor, " B"]) -> UInt8[Tensor, "B S S C"]:
        """`index` as `reach` gives it, or on the host."""
        if self.resident is not None:
            return self.resident[index.to(self.device)]
        ascending, back = index.sort()  # the file is read front to back
        batch = torch.from_numpy(self.stored[ascending.numpy()])
        return batch[back.argsort()].to(self.device)


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
