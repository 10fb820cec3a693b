"""What the network made of some validation faces at four moments of its training (Fig. 9).

The paper looks at test faces there; these are the validation's, so that the test set stays closed.
"""

import math

import torch
from jaxtyping import Int
from torch import Tensor

from clfer.model.network import Network
from clfer.progress import silent
from clfer.training.examples import Examples, Faces
from clfer.training.precision import precision
from clfer.training.prediction import evaluated
from clfer.training.recipe import Recipe

SHARES = (0.0, 0.25, 0.5, 1.0)  # of the training
FACES = 2000  # at most

# "face" [M], indices into the stored faces; "epoch_001" [M, D] and so on, their representations
Moments = dict[str, Tensor]


def moments(epochs: int) -> set[int]:
    """The epochs after which it is looked, counted from 1; the first and the last among them."""
    return {max(math.ceil(share * epochs), 1) for share in SHARES}


def observed(examples: Examples) -> Int[Tensor, " M"]:
    """Indices of the faces that are looked at: all, or `FACES` of them, evenly spread."""
    count = len(examples)
    if count <= FACES:
        return examples.face
    return examples.face[torch.linspace(0, count - 1, FACES, dtype=torch.float64).round().long()]


def record(
    found: Moments, network: Network, faces: Faces, examples: Examples, recipe: Recipe, epoch: int
) -> None:
    """Add the representations (eq. 9, or the pooled features) of an epoch, if it is one of the
    moments, as float16.
    """
    if epoch not in moments(recipe.epochs):
        return
    index = observed(examples)
    vectors = evaluated(
        lambda images: network.represent(network.features(images)),
        network,
        faces,
        index,
        recipe,
        precision(recipe, faces.device),
        silent,
    )
    found["face"] = index.cpu().clone()
    found[f"epoch_{epoch:03}"] = vectors.half().cpu()
