"""The batches of an epoch, each made on the device when it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from clfer import distributed
from clfer.faces.views import DISTORTED, PLACED, augmented
from clfer.model.feature_maps import SEMANTICS
from clfer.model.method import Contrast
from clfer.randomness import generator
from clfer.training.examples import Examples, Faces, order
from clfer.training.recipe import Recipe
from clfer.training.schedule import risen


def mixed(values: Float[Tensor, "B ..."], share: Float[Tensor, " B"]) -> Float[Tensor, "B ..."]:
    """Each row with its `share` of another, that of the batch turned round (Zhang et al. 2018)."""
    return torch.lerp(values, values.flip(0), share.view(-1, *[1] * (values.dim() - 1)))


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
    risen: Float[Tensor, ""]  # what share of their weights CLFM and CLBS have by now


def contents(batch: Batch) -> dict[str, Tensor]:
    """The tensors of a batch by name, for a file."""
    views = {f"view_{number}": view for number, view in enumerate(batch.views)}
    return views | {"index": batch.index, "label": batch.label, "target": batch.target}


class Batches(Sequence[Batch]):
    """The batches of one epoch. A last one that is not full is left out, unless it is the only one.

    All random numbers of the epoch are drawn beforehand, a row for each stored face and one for
    each batch. The order, an image's augmentation and its K-means start depend on nothing but the
    seed, the epoch and the image: runs that leave some images out treat the others alike, and of
    several processes each makes its part of every batch as one alone would have made it. A step
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
        there, size, n = faces.device, recipe.batch_size, len(faces)
        visited = order(examples, len(faces), recipe.balance, seed, epoch)
        team = distributed.size()
        full = len(visited) // size * size or len(visited) // team * team
        size = min(size, full) // team
        visited = distributed.share(visited[:full].view(-1, team, size).transpose(0, 1)).flatten()
        face = examples.face[visited]

        def draws(purpose: str, *shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator(seed, purpose, epoch))

        def batched(every: Tensor) -> tuple[Tensor, ...]:
            return torch.split(every[face].to(there), size)

        def changes(view: str) -> tuple[Tensor, ...]:
            placed, distorted = (
                draws(f"augment{view}", n, PLACED)[face],
                draws(f"distort{view}", n, DISTORTED)[face],
            )
            return torch.split(torch.cat([placed, distorted], dim=1).to(there), size)

        per_image, per_batch = contrast.draws
        self.parts = visited.to(there).split(size)
        self.face = faces.reach(face).split(size)
        self.views = [changes(view) for view in (("", " twin") if contrast.simsiam else ("",))]
        self.mixed = batched(draws("mixup", n))
        self.start_fm = batched(draws("clfm", n, *per_image))
        self.start_bs = draws("clbs", len(self.parts), *per_batch).to(there)
        self.start_semantics = batched(draws("semantics", n, 1, SEMANTICS))
        warmup, steps = contrast.warmup, len(self.parts)
        rise = risen(warmup, recipe.epochs, epoch, steps) if warmup else torch.ones(steps)
        self.risen = rise.to(there)

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, step: int) -> Batch:  # type: ignore[override]
        index = self.parts[step]
        stored = self.faces(self.face[step])
        views = [augmented(stored, draw[step], self.recipe, self.recipe) for draw in self.views]
        target = self.examples.target[index]
        if self.recipe.mixup:
            share = self.recipe.mixup * self.mixed[step]
            views, target = [mixed(view, share) for view in views], mixed(target, share)
        return Batch(
            index=index,
            views=views,
            label=self.examples.label[index],
            target=target,
            start_fm=self.start_fm[step],
            start_bs=self.start_bs[step],
            start_semantics=self.start_semantics[step],
            risen=self.risen[step],
        )
