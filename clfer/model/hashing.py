"""Hash coding: a channel's map as the coordinates of its strongest responses (eq. 1).

The paper codes a map by the (row, column) of its `strongest` largest responses. Coordinates found
by an argmax are integers without gradient, so a loss on them trains nothing. The soft code replaces
each argmax by a softmax-weighted mean of positions and equals the hard code in the limit of low
temperature.

Notation: B images, C channels, H x W positions, N = strongest. Coordinates are in cells and centred
on the map: uncentred, two random codes have a mean cosine of 0.70 and a cosine can't tell them
apart.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def hard_code(maps: Float[Tensor, "B C H W"], strongest: int) -> Float[Tensor, "B C {2*strongest}"]:
    """(row, column) of each map's strongest responses, strongest first, ties to the lowest index.
    No gradient.
    """
    _, order = _ranked(maps)
    return _positions(maps)[order[..., :strongest]].flatten(2)


def soft_code(
    maps: Float[Tensor, "B C H W"], strongest: int, temperature: float
) -> Float[Tensor, "B C {2*strongest}"]:
    """The hard code with each choice softened, in float32 whatever the maps are.

    The n-th pair is the mean position under softmax(map / temperature) over all positions but the
    n-1 strongest. Maps are standardised first, so that the temperature means the same for each of
    them; a constant map gets finite coordinates and no gradient from its scale. Where two responses
    are equal and change ranks the code jumps, as the hard code does.

    With the map sorted, the n-th mean follows from the (n+1)-th by one step, so that all N cost one
    softmax: m_n = m_{n+1} + w_n (x_n - m_{n+1}), w_n = sigmoid(v_n - log sum_{i>n} exp v_i).
    """
    values, order = _ranked(maps)
    logits = values / temperature  # [B, C, HW], descending
    positions = _positions(maps)[order]  # [B, C, HW, 2]
    rest = logits[..., strongest:]
    mean = (rest.softmax(-1).unsqueeze(-1) * positions[..., strongest:, :]).sum(-2)  # [B, C, 2]
    below = rest.logsumexp(-1)  # [B, C]
    pairs = []
    for n in reversed(range(strongest)):
        weight = torch.sigmoid(logits[..., n] - below)
        mean = mean + weight.unsqueeze(-1) * (positions[..., n, :] - mean)
        below = torch.logaddexp(below, logits[..., n])
        pairs.append(mean)
    return torch.stack(pairs[::-1], dim=2).flatten(2)


def _ranked(maps: Float[Tensor, "B C H W"]) -> tuple[Tensor, Tensor]:
    """Standardised responses in descending order and their positions; stable, so ties go to the
    lowest index.
    """
    flat = maps.flatten(2).float()
    return F.layer_norm(flat, flat.shape[-1:]).sort(dim=-1, descending=True, stable=True)


def _positions(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "HW 2"]:
    """(row, column) of each position, in cells from the map's centre."""
    height, width = maps.shape[-2:]
    rows = torch.arange(height, device=maps.device, dtype=torch.float32) - (height - 1) / 2
    columns = torch.arange(width, device=maps.device, dtype=torch.float32) - (width - 1) / 2
    return torch.cartesian_prod(rows, columns)
