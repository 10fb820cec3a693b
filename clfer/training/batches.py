"""The batches of an epoch, each made on the device when it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from clfer import distributed
from clfer.faces.views import DISTORTED, PLACED, augmented
from clfer.model.feature_maps import SEMANTICS
from clfer.model.network import Contrast
from clfer.model.variant import Warmup
from clfer.randomness import generator
from clfer.training.examples import Examples, Faces, order
from clfer.training.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """The input of one training step. label: -1 where it is withheld, target then zero."""

    index: Int[Tensor, " B"]  # among the examples
    views: list[Float[Tensor, "B 3 H W"]]  # the images; for SimSiam also augmented a second time
    label: Int[Tensor, " B"]
    target: Float[Tensor, "B C"]
    start_fm: Float[Tensor, "B R_FM K_FM"]  # uniform draws of the K-means starts
    start_bs: Float[Tensor, "R_BS K_BS"]
    start_semantics: Float[Tensor, "B 1 K"]
    warmup: Float[Tensor, ""]  # share of the weights of CLFM and CLBS

    def tensors(self) -> dict[str, Tensor]:
        """All of them by name."""
        views = {f"view_{number}": view for number, view in enumerate(self.views)}
        return views | {name: value for name, value in vars(self).items() if name != "views"}


class Batches(Sequence[Batch]):
    """The batches of one epoch. An incomplete last one is left out, unless it is the only one.

    All random numbers are drawn beforehand, a row for each stored face and one for each batch. The
    order, an image's augmentation and its K-means start depend on nothing but the seed, the epoch
    and the image: runs that leave some images out treat the others alike, and each of several
    processes makes its part of every batch as a single one would. A step copies nothing to the
    device, unless faces are streamed.
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
        device, size, n = faces.device, recipe.batch_size, len(faces)
        visited = order(examples, n, recipe.balance, seed, epoch)
        processes = distributed.size()
        full = len(visited) // size * size or len(visited) // processes * processes
        size = min(size, full) // processes
        parts = visited[:full].view(-1, processes, size).transpose(0, 1)
        visited = distributed.share(parts).flatten()
        face = examples.face[visited]

        def draws(purpose: str, *shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator(seed, purpose, epoch))

        def batched(rows: Tensor) -> tuple[Tensor, ...]:
            return torch.split(rows[face].to(device), size)

        def augmentation(view: str) -> tuple[Tensor, ...]:
            drawn = draws(f"augment{view}", n, PLACED), draws(f"distort{view}", n, DISTORTED)
            return batched(torch.cat(drawn, dim=1))

        per_image, per_batch = contrast.draws
        self.parts = visited.to(device).split(size)
        self.face = faces.reach(face).split(size)
        self.views = [augmentation(one) for one in (("", " twin") if contrast.simsiam else ("",))]
        self.mixed = batched(draws("mixup", n))
        self.start_fm = batched(draws("clfm", n, *per_image))
        self.start_bs = draws("clbs", len(self.parts), *per_batch).to(device)
        self.start_semantics = batched(draws("semantics", n, 1, SEMANTICS))
        self.warmup = warmup(contrast.warmup, recipe.epochs, epoch, len(self.parts)).to(device)

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
            warmup=self.warmup[step],
        )


def mixed(values: Float[Tensor, "B ..."], share: Float[Tensor, " B"]) -> Float[Tensor, "B ..."]:
    """Each row with its `share` of another, that of the reversed batch (Zhang et al. 2018)."""
    return torch.lerp(values, values.flip(0), share.view(-1, *[1] * (values.dim() - 1)))


def warmup(setting: Warmup | None, epochs: int, epoch: int, steps: int) -> Float[Tensor, " steps"]:
    """The share of their weights that CLFM and CLBS have at each of the `steps` of `epoch`, which
    counts from 0.
    """
    if setting is None:
        return torch.ones(steps)
    done = (epoch + torch.arange(steps) / steps) / epochs
    return (done / setting.share).clamp(max=1)
