"""CLFM, contrastive learning based on feature maps (Sec. III-B1): the hash code of a channel's map
(eq. 1), and latent semantics, channels that respond at the same places.

The paper codes a map by the (row, column) of its `strongest` largest responses. Such coordinates
are integers without a gradient, so a loss on them trains nothing. The soft code replaces each
argmax by a softmax-weighted mean of positions and equals the hard code in the limit of low
temperature.

Notation: B images, C channels, H x W positions, N = strongest. Coordinates are in cells and centred
on the map: uncentred, two random codes have a mean cosine of 0.70 and a cosine can't tell them
apart.
"""

import os
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.errors import InputError
from clfer.model.clustering import at_least_float32, group_means, has_kernel, kmeans
from clfer.model.contrast import agreement, assign, nearest_cosine
from clfer.model.multiscale import pool
from clfer.model.variant import CLFM

KERNEL = os.environ.get("CLFER_CODE_KERNEL") == "1"  # has not run on a GPU yet
NUDGE = 1e-13  # in standard deviations, per position: far below what float32 tells apart
# of `semantic_groups`
SEMANTICS = 4  # the paper's K_FM
STRONGEST = 8  # responses that code a map: the paper's fd of 16
ITERATIONS = 10


class FeatureMapContrast(nn.Module):
    """The loss L_fm of eq. 6, averaged over the batch, from the features of all blocks.

    Each image's deep channels are clustered into K latent semantics; the channels of each shallow
    layer join the semantic whose centroid their code resembles most, and the two sides are pulled
    together.

    The paper does not say what its convolution is. Ours is 1 x 1 and applied after the pooling,
    with which it commutes: the maps are 16 times smaller there (for the second block).
    """

    def __init__(self, channels: Sequence[int], settings: CLFM) -> None:
        super().__init__()
        self.settings = settings
        self.shallow = [j for j, alpha in enumerate(settings.alpha) if alpha > 0]
        self.layers = [*self.shallow, len(channels) - 1]
        self.convolutions = nn.ModuleDict(
            # standardisation would take a bias away again
            {str(j): nn.Conv2d(channels[j], channels[j], 1, bias=False) for j in self.layers}
        )

    def code(self, pooled: Float[Tensor, "B C H W"], layer: int) -> Float[Tensor, "B C fd"]:
        """g_j of eq. 1: the code of each channel of a block.

        Raises InputError unless the maps have more positions than the code names.
        """
        maps = self.convolutions[str(layer)](pooled)
        strongest, positions = self.settings.fd // 2, maps[0, 0].numel()
        if strongest >= positions:
            raise InputError(
                f"variants: clfm.fd: the deepest map has {positions} positions, expected a code of "
                f"fewer, that is fd under {2 * positions}; found {self.settings.fd}"
            )
        if self.settings.hash == "hard":
            return hard_code(maps, strongest)
        return soft_code(maps, strongest, self.settings.temperature)

    def forward(
        self, pooled: Mapping[int, Float[Tensor, "B _ H W"]], uniform: Float[Tensor, "B R K"]
    ) -> Float[Tensor, ""]:
        """pooled: the blocks by number, each on the deepest one's grid, float32; uniform in [0, 1):
        the draws of each image's K-means starts.
        """
        maps = pooled[self.layers[-1]]
        deep = self.code(maps.detach() if self.settings.detach_deep else maps, self.layers[-1])
        clusters = kmeans(deep.detach(), uniform, self.settings.iterations)
        centroids, occupied = group_means(deep, clusters, self.settings.k)
        loss = deep.new_zeros(())
        for j in self.shallow:
            shallow = self.code(pooled[j], j)
            if self.settings.agreement == "channels":
                matched = nearest_cosine(shallow, centroids, occupied)  # [B, C]
            else:
                group = assign(shallow, centroids, occupied)
                matched, _ = agreement(shallow, centroids, group)  # [B]
            loss = loss.sub(matched.mean(), alpha=self.settings.alpha[j])
        return loss


@torch.no_grad()
def semantic_groups(
    features: Sequence[Float[Tensor, "B _ _ _"]], uniform: Float[Tensor, "B R K"], strongest: int
) -> list[Int[Tensor, "B _"]]:
    """For each block the group 0..K-1 of each channel of each image, in any network (Fig. 5b, 10).

    As in CLFM, but of the maps themselves: its convolutions exist in training only. K-means numbers
    its clusters arbitrarily, so groups are put in the order of the mean height of their centroid,
    0 at the top of the face, to be comparable between images.
    """
    codes = [hard_code(pool(maps, features[-1]), strongest) for maps in features]
    k = uniform.shape[2]
    clusters = kmeans(codes[-1], uniform, ITERATIONS)
    centroids, occupied = group_means(codes[-1], clusters, k)
    height = centroids[..., 0::2].mean(-1).masked_fill(~occupied, torch.inf)  # rows grow downward
    order = height.argsort(dim=1, stable=True)
    centroids = centroids.gather(1, order.unsqueeze(-1).expand_as(centroids))
    occupied = occupied.gather(1, order)
    shallow = [assign(code, centroids, occupied) for code in codes[:-1]]
    return [*shallow, order.argsort(dim=1).gather(1, clusters)]


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
