"""Hash coding: a channel's map as the coordinates of its strongest responses (eq. 1).

The paper codes a map by the (row, column) of its `strongest` largest responses. Such coordinates
are integers without a gradient, so a loss on them trains nothing. The soft code replaces each
argmax by a softmax-weighted mean of positions and equals the hard code in the limit of low
temperature.

Notation: B images, C channels, H x W positions, N = strongest. Coordinates are in cells and centred
on the map: uncentred, two random codes have a mean cosine of 0.70 and a cosine can't tell them
apart.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from clfer.model.clustering import at_least_float32

EXACT = 40.0  # from where log(1 + exp x) is x to float64
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

    The n-th mean follows from the (n+1)-th by one step, so that all N cost one softmax, over what
    is not among the strongest: m_n = m_{n+1} + w_n (x_n - m_{n+1}) with x_n the n-th strongest
    position and w_n = sigmoid(v_n - log sum_{i>n} exp v_i).
    """
    responses = _standardised(maps)
    top = _strongest(responses, strongest)  # [B, C, N]
    positions = _positions(maps)  # [HW, 2]
    logits = responses / temperature
    levels, places = logits.gather(-1, top), F.embedding(top, positions)
    rest = logits.scatter(-1, top, -torch.inf)
    peak = rest.detach().amax(-1, keepdim=True)
    mass = (rest - peak).exp()
    total = mass.sum(-1, keepdim=True)
    mean, below = mass @ positions / total, (peak + total.log()).squeeze(-1)  # [B, C, 2], [B, C]
    pairs = []
    for n in reversed(range(strongest)):
        above = levels[..., n] - below
        mean = torch.lerp(mean, places[..., n, :], torch.sigmoid(above).unsqueeze(-1))
        below = below + F.softplus(above, threshold=EXACT)
        pairs.append(mean)
    return torch.stack(pairs[::-1], dim=2).flatten(2)


def _standardised(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C HW"]:
    """Each map with mean 0 and standard deviation 1, in float32 or better: rounded maps tie."""
    flat = at_least_float32(maps.flatten(2))
    return F.layer_norm(flat, flat.shape[-1:])


@torch.no_grad()
def _strongest(responses: Float[Tensor, "B C HW"], count: int) -> Int[Tensor, "B C {count}"]:
    """Positions of the strongest responses, in descending order.

    `topk` costs half of sorting, but leaves open which of two equal responses comes first; float64
    has room to put the lower index in front.
    """
    place = torch.arange(responses.shape[-1], device=responses.device, dtype=torch.float64)
    return (responses.double() - NUDGE * place).topk(count, dim=-1).indices


def _positions(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "HW 2"]:
    """(row, column) of each position, in cells from the map's centre."""
    dtype = torch.promote_types(maps.dtype, torch.float32)
    rows, columns = (
        torch.arange(side, device=maps.device, dtype=dtype) - (side - 1) / 2
        for side in maps.shape[-2:]
    )
    return torch.cartesian_prod(rows, columns)
