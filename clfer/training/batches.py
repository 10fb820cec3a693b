"""The batches of an epoch, each made on the device when it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from clfer.faces.views import DRAWS, augmented
from clfer.model.method import Contrast
from clfer.model.semantics import SEMANTICS
from clfer.randomness import generator
from clfer.training.examples import Examples, Faces, order
from clfer.training.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """What one step of training is made of. label: -1 where it is withheld, target then zero."""

    index: Int[Tensor, " B"]  # among the examples
    views: list[Float[Tensor, "B 3 H W"]]  # the images, and for SimSiam the same augmented anew
    label: Int[Tensor, " B"]
    target: Float[Tensor, "B C"]
    start_fm: Float[Tensor, "B R_FM K_FM"]  # uniform draws of the K-means starts
    start_bs: Float[Tensor, "R_BS K_BS"]
    start_semantics: Float[Tensor, "B 1 K"]


class Batches(Sequence[Batch]):
    """The batches of one epoch. A last one that is not full is left out, unless it is the only one.

    All random numbers of the epoch are drawn beforehand, a row for each stored face and one for
    each batch. The order, an image's augmentation and its K-means start depend on nothing but the
    seed, the epoch and the image: runs that leave some images out treat the others alike. A step
    copies nothing to the device, unless faces are streamed.
    """

    def __init__(
        self,
        faces: Faces,
        examples: Examples,
        recipe: Recipe,
        contrast: Contrast,
        seed: int,
        epoch: int,
    ) -> None:
        self.faces, self.examples, self.recipe = faces, examples, recipe
        there, size = faces.device, recipe.batch_size
        visited = order(examples, len(faces), recipe.balance, seed, epoch)
        visited = visited[: len(visited) // size * size or len(visited)]
        face = examples.face[visited]

        def draws(purpose: str, *shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator(seed, purpose, epoch))

        def batched(purpose: str, *shape: int) -> tuple[Tensor, ...]:
            every = draws(purpose, len(faces), *shape)
            return torch.split(every[face].to(there), size)

        per_image, per_batch = contrast.draws
        purposes = ("augment", "augment twin") if contrast.simsiam else ("augment",)
        self.parts = visited.to(there).split(size)
        self.face = faces.reach(face).split(size)
        self.views = [batched(purpose, DRAWS) for purpose in purposes]
        self.start_fm = batched("clfm", *per_image)
        self.start_bs = draws("clbs", len(self.parts), *per_batch).to(there)
        self.start_semantics = batched("semantics", 1, SEMANTICS)

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, step: int) -> Batch:  # type: ignore[override]
        index = self.parts[step]
        stored = self.faces(self.face[step])
        return Batch(
            index=index,
            views=[augmented(stored, draw[step], self.recipe, self.recipe) for draw in self.views],
            label=self.examples.label[index],
            target=self.examples.target[index],
            start_fm=self.start_fm[step],
            start_bs=self.start_bs[step],
            start_semantics=self.start_semantics[step],
        )
