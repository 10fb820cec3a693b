"""The outputs of a network: class probabilities, validation, and snapshots of its features."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from clfer.distributed import gathered_rows, share
from clfer.faces.views import central
from clfer.model.network import Network
from clfer.progress import Track, silent
from clfer.training.examples import Examples, Faces
from clfer.training.machine import autocast
from clfer.training.recipe import Recipe

# faces at once; of speed only, since a batch's statistics enter no prediction but `released`'s
BATCH, BATCH_GPU = 256, 1024
SNAPSHOTS = (0.0, 0.25, 0.5, 1.0)  # shares of the training after which features are kept
SNAPSHOT_FACES = 2000  # at most


def predict(
    network: nn.Module,
    faces: Faces,
    index: Int[Tensor, " N"],
    recipe: Recipe,
    track: Track = silent,
) -> Float[Tensor, "N C"]:
    """Class probabilities of the faces at `index`, seen through the central window, in float32."""
    return batchwise(network, network, faces, index, recipe, track).softmax(dim=1)


@torch.no_grad()
def batchwise(
    function: Callable[[Float[Tensor, "B 3 H W"]], Float[Tensor, "B D"]],
    network: nn.Module,
    faces: Faces,
    index: Int[Tensor, " N"],
    recipe: Recipe,
    track: Track = silent,
) -> Float[Tensor, "N D"]:
    """A function of the faces at `index`, in batches and the recipe's precision, while `network` is
    in evaluation mode; in float32. Several processes compute a share each, and all get the whole.
    """
    was_training = network.training
    network.eval()
    try:
        with autocast(recipe, faces.device), torch.compiler.set_stance("force_eager"):
            size = BATCH_GPU if faces.device.type == "cuda" else BATCH
            parts = track(share(index).split(size), "predicting")
            rows = [function(central(faces(part), recipe)).float() for part in parts]
            return gathered_rows(torch.cat(rows), len(index))
    finally:
        network.train(was_training)


def scores(
    probability: Float[Tensor, "N C"], label: Int[Tensor, " N"], name: str
) -> dict[str, int | float]:
    """Mean cross-entropy and accuracy on a split: two columns of the history."""
    likelihood = logarithm(probability).gather(1, label[:, None])
    return {
        f"{name}_loss": float(-likelihood.mean()),
        f"{name}_accuracy": float((probability.argmax(1) == label).double().mean()),
    }


def logarithm(probability: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
    return probability.clamp(min=1e-12).log()


def snapshot(
    network: Network, faces: Faces, examples: Examples, recipe: Recipe, epoch: int
) -> dict[str, Tensor]:
    """The representations of some faces (eq. 9, or the pooled features) as `epoch_001` [M, D] in
    float16, and as `face` [M] their indices; empty unless the epoch is one of `snapshot_epochs`.

    Fig. 9 shows test faces; these are to be the validation's, so that the test set stays closed.
    """
    if epoch not in snapshot_epochs(recipe.epochs):
        return {}
    index = snapshot_faces(examples)

    def represent(images: Tensor) -> Tensor:
        return network.represent(network.features(images))

    vectors = batchwise(represent, network, faces, index, recipe)
    return {"face": index.cpu().clone(), f"epoch_{epoch:03}": vectors.half().cpu()}


def snapshot_epochs(epochs: int) -> set[int]:
    """The epochs after which features are kept, counted from 1; the first and the last included."""
    return {max(math.ceil(share * epochs), 1) for share in SNAPSHOTS}


def snapshot_faces(examples: Examples) -> Int[Tensor, " M"]:
    """All faces, or `SNAPSHOT_FACES` of them, evenly spread."""
    count = len(examples)
    if count <= SNAPSHOT_FACES:
        return examples.face
    chosen = torch.linspace(0, count - 1, SNAPSHOT_FACES, dtype=torch.float64)
    return examples.face[chosen.round().long()]
