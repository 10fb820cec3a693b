"""Hash coding: a channel's map as the coordinates of its strongest responses (eq. 1).

The paper codes a map by the (row, column) of its `strongest` largest responses. Such coordinates
are integers without a gradient, so a loss on them trains nothing. The soft code replaces each
argmax by a softmax-weighted mean of positions and equals the hard code in the limit of low
temperature.

Notation: B images, C channels, H x W positions, N = strongest. Coordinates are in cells and centred
on the map: uncentred, two random codes have a mean cosine of 0.70 and a cosine can't tell them
apart.
"""

import os

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from clfer.model.clustering import at_least_float32, has_kernel

KERNEL = os.environ.get("CLFER_CODE_KERNEL") == "1"  # has not run on a GPU yet
NUDGE = 1e-13  # in standard deviations, per position: far below what float32 tells apart


def hard_code(maps: Float[Tensor, "B C H W"], strongest: int) -> Float[Tensor, "B C {2*strongest}"]:
    """(row, column) of each map's strongest responses, strongest first, ties to the lowest index.
    No gradient.
    """
    return _positions(maps)[_strongest(_standardised(maps), strongest)].flatten(2)


def soft_code(
    maps: Float[Tensor, "B C H W"], strongest: int, temperature: float
) -> Float[Tensor, "B C {2*strongest}"]:
    """The hard code with each argmax softened. `strongest` is below the number of positions.

    The n-th pair is the mean position under softmax(map / temperature) over all positions but the
    n-1 strongest. Maps are standardised first, so that the temperature means the same for each of
    them; a constant map gets finite coordinates and no gradient from its scale. Where two responses
    are equal and change ranks the code jumps, as the hard code does.

    The sums of the n-th softmax follow from those of the (n+1)-th by one step, so that all N cost
    one softmax, over what is not among the strongest: with v_n and x_n the n-th strongest logit and
    its (row, column, 1), s_n = x_n + exp(v_{n+1} - v_n) s_{n+1}. No exponent is above zero.
    """
    responses = _standardised(maps).flatten(0, 1)  # [M, HW]
    if KERNEL and has_kernel(responses):
        from clfer.model.code_kernel import SoftCode

        code: Tensor = SoftCode.apply(responses, maps.shape[3], strongest, temperature)
        return code.view(*maps.shape[:2], -1)
    top = _strongest(responses, strongest)  # [M, N]
    positions = F.pad(_positions(maps), (0, 1), value=1.0)  # [HW, 3]
    logits = responses / temperature
    levels = logits.gather(-1, top)
    share = (levels[:, 1:] - levels[:, :-1]).exp().unbind(1)
    rest = (logits.scatter(-1, top, -torch.inf) - levels[:, -1:]).exp()
    # maps stand last: three numbers are too few for a loop of their own
    places = F.embedding(top, positions).permute(2, 1, 0).contiguous().unbind(1)  # N of [3, M]
    sums = [places[-1] + positions.T @ rest.T]
    for n in reversed(range(strongest - 1)):
        sums.append(places[n] + share[n] * sums[-1])
    mean, mass = torch.stack(sums[::-1], dim=1).split([2, 1])
    code = (mean / mass).permute(2, 1, 0)  # [M, N, 2]
    return code.reshape(*maps.shape[:2], -1)


def _standardised(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C HW"]:
    """Each map with mean 0 and standard deviation 1, in float32 or better: rounded maps tie."""
    flat = at_least_float32(maps.flatten(2))
    return F.layer_norm(flat, flat.shape[-1:])


@torch.no_grad()
def _strongest(responses: Float[Tensor, "*maps HW"], count: int) -> Int[Tensor, "*maps {count}"]:
    """Positions of the strongest responses, in descending order.

    `topk` costs half of sorting, but leaves open which of two equal responses comes first; float64
    has room to put the lower index in front.
    """
    place = torch.arange(responses.shape[-1], device=responses.device, dtype=torch.float64)
    return torch.add(responses, place, alpha=-NUDGE).topk(count, dim=-1).indices


def _positions(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "HW 2"]:
    """(row, column) of each position, in cells from the map's centre."""
    dtype = torch.float64 if maps.dtype == torch.float64 else torch.float32
    rows, columns = (
        torch.arange((1 - side) / 2, side / 2, device=maps.device, dtype=dtype)
        for side in maps.shape[-2:]
    )
    return torch.cartesian_prod(rows, columns)
