"""What a network says about faces."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from clfer.faces.views import View, central
from clfer.progress import Track
from clfer.training.examples import Faces

BATCH = 256  # no statistic of a batch enters a prediction, so the number matters for speed alone


@torch.no_grad()
def predict(
    network: nn.Module,
    faces: Faces,
    index: Int[Tensor, " N"],
    view: View,
    precision: torch.autocast,
    track: Track,
) -> Float[Tensor, "N C"]:
    """Class probabilities of the faces at `index`, seen through the central window, in float32."""
    was_training = network.training
    network.eval()
    try:
        with precision:
            parts = track(index.split(BATCH), "predicting")
            logits = [network(central(faces(part), view)).float() for part in parts]
    finally:
        network.train(was_training)
    return torch.cat(logits).softmax(dim=1)
