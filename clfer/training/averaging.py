"""The moving average of a network's weights over the steps of its training."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from clfer.model.network import Network


class Average:
    """A network whose weights and running statistics are w <- decay * w + (1 - decay) * trained,
    from those after the first step on: what it starts from is noise.
    """

    def __init__(self, trained: Network, decay: float) -> None:
        self.network = deepcopy(trained)
        self.decay = decay
        self.begun = False

    @torch.no_grad()
    def update(self, trained: Network) -> None:
        """To be called after every step."""
        pairs = list(zip(_values(self.network), _values(trained), strict=True))
        real = [pair for pair in pairs if pair[0].is_floating_point()]
        share = 1 - self.decay if self.begun else 1.0
        torch._foreach_lerp_([own for own, _ in real], [new for _, new in real], share)
        for own, new in pairs:
            if not own.is_floating_point():  # a count of batches
                own.copy_(new)
        self.begun = True

    def saved(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "begun": self.begun}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self.network.load_state_dict(saved["network"])
        self.begun = saved["begun"]


def _values(network: Network) -> list[Tensor]:
    return list(network.state_dict().values())
