"""The channels that stand for a semantic group (Fig. 10)."""

from jaxtyping import Float, Int
from torch import Tensor


def strongest(
    features: Float[Tensor, "C H W"], group: Int[Tensor, " C"], groups: int, count: int
) -> list[Int[Tensor, " _"]]:
    """For each group 0..groups-1 the `count` of its channels with the highest mean absolute
    activation, strongest first, equal ones in their order; fewer where the group has fewer.
    """
    response = features.float().abs().mean((-2, -1))
    order = response.argsort(descending=True, stable=True)
    return [order[group[order] == k][:count] for k in range(groups)]
