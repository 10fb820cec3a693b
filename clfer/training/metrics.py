"""Metrics of an epoch, summed on the device: nothing is read back to the host before its end."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from clfer.distributed import size, summed
from clfer.model.feature_maps import SEMANTICS
from clfer.training.examples import UNLABELLED


class EpochMetrics:
    """Losses by part, training accuracy, and the learning intensity of each block.

    The learning intensity of block j is the norm of the gradient with respect to its features f_ij,
    of the loss of one image, averaged over the labelled images (Fig. 1a and 5a). That of a semantic
    group is the norm with respect to one channel's map, averaged over the channels of the group in
    all labelled images whose groups are given (Fig. 5b); over all channels it is what groups drawn
    at random would have.

    The same tensors are kept from epoch to epoch and reset, since a recorded step adds to them.
    """

    def __init__(self, device: torch.device) -> None:
        self.steps, self.device = 0, device
        self.losses: dict[str, Tensor] = {}  # by name, one for each step
        self.recorded: dict[str, Tensor] = {}  # likewise
        self.correct = torch.zeros((), device=device)
        self.labelled = torch.zeros((), device=device)
        self.intensity: list[Tensor] = []
        self.by_group: dict[int, Tensor] = {}  # per block: sums of norms, then numbers of channels

    def reset(self, steps: int) -> None:
        """Begin an epoch; all have as many steps."""
        self.steps = steps
        for total in (*self._means(), *self._counts()):
            total.zero_()

    def watch(
        self,
        features: Sequence[Float[Tensor, "B _ _ _"]],
        label: Int[Tensor, " B"],
        groups: Sequence[Int[Tensor, "B _"]] = (),
    ) -> None:
        """Add each block's gradient norms during the backward pass, which comes next.

        `groups`: of the first blocks, the semantic group of each image's channels.
        """
        labelled = label != UNLABELLED
        if not self.intensity:
            self.intensity = [torch.zeros((), device=f.device) for f in features]
        for total, feature in zip(self.intensity, features, strict=True):
            feature.register_hook(partial(_add_norms, total, labelled))
        for block, (feature, group) in enumerate(zip(features, groups, strict=False), start=1):
            if block not in self.by_group:
                self.by_group[block] = torch.zeros(2, SEMANTICS, device=feature.device)
            feature.register_hook(
                partial(_add_norms_by_group, self.by_group[block], group, labelled)
            )

    @torch.no_grad()
    def add(
        self,
        step: int,
        losses: Mapping[str, Float[Tensor, ""]],
        logits: Float[Tensor, "B C"],
        label: Int[Tensor, " B"],
        recorded: Mapping[str, Float[Tensor, ""]] = MappingProxyType({}),
    ) -> None:
        """Add a step's losses, correct predictions, and numbers of which the mean is kept."""
        for kept, values in ((self.losses, losses), (self.recorded, recorded)):
            for name, value in values.items():
                if name not in kept:
                    kept[name] = torch.zeros(self.steps, device=self.device)
                kept[name][step] = value
        self.correct += (logits.argmax(1) == label).sum()
        self.labelled += (label != UNLABELLED).sum()

    def gather(self) -> None:
        """Combine the metrics of several processes, the same in all of them; once, at the end."""
        for mean in self._means():
            mean.copy_(summed(mean) / size())
        for count in self._counts():
            count.copy_(summed(count))

    def first_non_finite(self) -> int | None:
        """The first step whose loss was not finite."""
        broken = (~torch.stack([*self.losses.values()]).isfinite().all(dim=0)).nonzero()
        return int(broken[0]) if len(broken) else None

    def means(self) -> dict[str, float]:
        """Columns of the history."""
        parts, recorded = (
            {name: float(values.double().mean()) for name, values in kept.items()}
            for kept in (self.losses, self.recorded)
        )
        # sum() rounds otherwise from Python 3.12 on
        row = {"loss": math.fsum(parts.values()), **parts, **recorded}
        row["train_accuracy"] = float(self.correct / self.labelled.clamp(min=1))
        for j, total in enumerate(self.intensity, start=1):
            row[f"gradient_{j}"] = float(total) / self.steps
        for j, (norms, channels) in sorted(self.by_group.items()):
            row[f"gradient_{j}_channel"] = float(norms.sum() / channels.sum().clamp(min=1))
            for k, mean in enumerate((norms / channels.clamp(min=1)).tolist(), start=1):
                row[f"gradient_{j}_group_{k}"] = mean
        return row

    def _means(self) -> list[Tensor]:
        return [*self.losses.values(), *self.recorded.values(), *self.intensity]

    def _counts(self) -> list[Tensor]:
        return [self.correct, self.labelled, *self.by_group.values()]


def _add_norms(
    total: Tensor, labelled: Bool[Tensor, " B"], gradient: Float[Tensor, "B C H W"]
) -> None:
    """Add a batch's mean intensity. The loss is a mean over n labelled images: an image's own
    gradient is n times what arrives, and the mean of n such norms the sum of those that arrive.
    """
    total.add_((_norms(gradient, (1, 2, 3)) * labelled).sum())


def _add_norms_by_group(
    total: Tensor,
    group: Int[Tensor, "B C"],
    labelled: Bool[Tensor, " B"],
    gradient: Float[Tensor, "B C H W"],
) -> None:
    """Add, per group, the norms of its channels' own gradients, and their number."""
    norms = _norms(gradient, (2, 3)) * labelled.sum()  # [B, C]
    member = group.unsqueeze(-1) == torch.arange(SEMANTICS, device=group.device)
    member &= labelled[:, None, None]
    total[0].add_(torch.einsum("bc,bck->k", norms, member.to(norms.dtype)))
    total[1].add_(member.float().sum((0, 1)))


def _norms(gradient: Tensor, dim: tuple[int, ...]) -> Tensor:
    """In float32 or better: squares would underflow in bfloat16."""
    dtype = torch.promote_types(gradient.dtype, torch.float32)
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=dim, dtype=dtype)
    return norms
