"""What a network says about faces."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from clfer.distributed import joined_rows, share
from clfer.faces.preprocessing import View
from clfer.faces.views import central
from clfer.progress import Track
from clfer.training.examples import Faces

# faces at once; no statistic of a batch enters a prediction, so the number matters for speed alone
BATCH, BATCH_GPU = 256, 1024


def predict(
    network: nn.Module,
    faces: Faces,
    index: Int[Tensor, " N"],
    view: View,
    precision: torch.autocast,
    track: Track,
) -> Float[Tensor, "N C"]:
    """Class probabilities of the faces at `index`, seen through the central window, in float32."""
    return evaluated(network, network, faces, index, view, precision, track).softmax(dim=1)


@torch.no_grad()
def evaluated(
    function: Callable[[Float[Tensor, "B 3 H W"]], Float[Tensor, "B D"]],
    network: nn.Module,
    faces: Faces,
    index: Int[Tensor, " N"],
    view: View,
    precision: torch.autocast,
    track: Track,
) -> Float[Tensor, "N D"]:
    """A function of the faces at `index`, in batches and float32, while `network` is in evaluation
    mode. Several processes each see a share of the faces, and have all that was found.
    """
    was_training = network.training
    network.eval()
    try:
        with precision, torch.compiler.set_stance("force_eager"):
            size = BATCH_GPU if faces.device.type == "cuda" else BATCH
            parts = track(share(index).split(size), "predicting")
            found = [function(central(faces(part), view)).float() for part in parts]
            together = joined_rows(torch.cat(found), len(index))
    finally:
        network.train(was_training)
    return together
