"""The batches of an epoch, each made on the device when it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from clfer.faces.views import DRAWS, augmented
from clfer.model.method import Contrast
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


class Batches(Sequence[Batch]):
    """The batches of one epoch. A last one that is not full is left out, unless it is the only one.

    All random numbers of the epoch are drawn beforehand, a row for each image, so that its
    augmentation and K-means start depend on nothing but the seed, the epoch and the image. They and
    the order are put on the device at once: a step copies nothing there, unless faces are streamed.
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
        there, images = faces.device, len(examples)
        visited = order(examples, recipe.balance, seed, epoch)
        whole = images // recipe.batch_size * recipe.batch_size or images
        self.parts = visited[:whole].to(there).split(recipe.batch_size)
        self.face = faces.reach(examples.face[visited[:whole]]).split(recipe.batch_size)
        per_image, per_batch = contrast.draws

        def draws(purpose: str, *shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator(seed, purpose, epoch)).to(there)

        self.draws = [draws("augment", images, DRAWS)]
        if contrast.simsiam:
            self.draws.append(draws("augment twin", images, DRAWS))
        self.start_fm = draws("clfm", images, *per_image)
        self.start_bs = draws("clbs", len(self.parts), *per_batch)

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, step: int) -> Batch:  # type: ignore[override]
        index = self.parts[step]
        stored = self.faces(self.face[step])
        return Batch(
            index=index,
            views=[augmented(stored, draw[index], self.recipe, self.recipe) for draw in self.draws],
            label=self.examples.label[index],
            target=self.examples.target[index],
            start_fm=self.start_fm[index],
            start_bs=self.start_bs[step],
        )
