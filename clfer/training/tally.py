"""What happened in an epoch, summed up on the device: nothing is read back to the host until its
end.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Tally:
    """Losses by part, training accuracy, and the learning intensity of each block.

    The learning intensity of block j is the norm of the gradient with respect to its features f_ij,
    of the loss of one image, averaged over images (Fig. 1a and 5).
    """

    def __init__(self, steps: int, device: torch.device) -> None:
        self.losses = torch.zeros(steps, 3, device=device)
        self.right = torch.zeros((), device=device)
        self.intensity: list[Tensor] = []
        self.images = 0

    def watch(self, features: Sequence[Float[Tensor, "B _ _ _"]]) -> None:
        """Call before the backward pass: adds each block's gradient norms when they come by."""
        if not self.intensity:
            self.intensity = [torch.zeros((), device=f.device) for f in features]
        for total, feature in zip(self.intensity, features, strict=True):
            feature.register_hook(_adder(total))

    @torch.no_grad()
    def add(
        self,
        step: int,
        loss_cls: Float[Tensor, ""],
        loss_fm: Float[Tensor, ""],
        loss_bs: Float[Tensor, ""],
        logits: Float[Tensor, "B C"],
        label: Int[Tensor, " B"],
    ) -> None:
        self.losses[step] = torch.stack([loss_cls, loss_fm, loss_bs])
        self.right += (logits.argmax(1) == label).sum()
        self.images += len(label)

    def first_broken(self) -> int | None:
        """The first step whose loss was not finite."""
        broken = (~self.losses.isfinite().all(dim=1)).nonzero()
        return int(broken[0]) if len(broken) else None

    def means(self) -> dict[str, int | float]:
        """Columns of the history."""
        parts = self.losses.double().mean(dim=0).tolist()
        names = ("loss_cls", "loss_fm", "loss_bs")
        gradients = {
            f"gradient_{j}": float(total) / len(self.losses)
            for j, total in enumerate(self.intensity, start=1)
        }
        return {
            "loss": sum(parts),
            **dict(zip(names, parts, strict=True)),
            "train_accuracy": float(self.right) / self.images,
            **gradients,
        }


def _adder(total: Tensor):  # type: ignore[no-untyped-def]
    """A hook that adds a batch's mean intensity. The loss is a mean over B images, so that an
    image's own gradient is B times what arrives, and the mean of B such norms is the plain sum of
    those that arrive.
    """

    def add(gradient: Tensor) -> None:
        total.add_(gradient.float().flatten(1).norm(dim=1).sum())

    return add
