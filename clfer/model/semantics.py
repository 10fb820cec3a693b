"""The latent semantics of a face as they can be seen in any network: channels grouped by where
their maps respond (Fig. 5b and 10).

CLFM groups what its own convolutions make of the maps (eq. 1-4); these exist in training only. Here
the maps themselves are coded and grouped, in the same way, so that networks with and without CLFM
can be compared.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from clfer.model.clustering import group_means, kmeans
from clfer.model.contrast import assign
from clfer.model.hashing import hard_code
from clfer.model.pooling import pool

SEMANTICS = 4  # the paper's K_FM
STRONGEST = 8  # responses that code a map: the paper's fd of 16
ITERATIONS = 10


@torch.no_grad()
def semantic_groups(
    features: Sequence[Float[Tensor, "B _ _ _"]], uniform: Float[Tensor, "B R K"], strongest: int
) -> list[Int[Tensor, "B _"]]:
    """For each block the group 0..K-1 of each channel of each image.

    The deepest block's channels are clustered by the coordinates of their `strongest` responses;
    the other blocks' join the centroid of highest cosine. Groups stand in the order of the mean
    height of their centroid, 0 at the top of the face: K-means numbers them as it likes, and groups
    of several images could not be compared. `uniform` in [0, 1): the draws of the K-means starts.
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
