"""SimSiam: two views of a face predict each other (Chen and He, CVPR 2021), the comparator of Table
II.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.errors import InputError
from clfer.model.variant import SimSiam


class SiameseContrast(nn.Module):
    """The loss of SimSiam's eq. 2 times its weight, from what the network makes of two views of the
    same images.

    Each view is projected and predicts the other's projection, which is taken as given: without
    that stop of the gradient all projections would become one. It needs no labels.
    """

    def __init__(self, width: int, settings: SimSiam) -> None:
        super().__init__()
        self.settings = settings
        fd, bottleneck = settings.fd, settings.bottleneck
        self.project = nn.Sequential(
            *_layer(width, width),
            *_layer(width, width),
            nn.Linear(width, fd, bias=False),
            nn.BatchNorm1d(fd, affine=False),
        )
        self.predict = nn.Sequential(*_layer(fd, bottleneck), nn.Linear(bottleneck, fd))

    def forward(
        self, first: Float[Tensor, "B D"], second: Float[Tensor, "B D"]
    ) -> Float[Tensor, ""]:
        """Raises InputError on a single image: its projection cannot be normalised over a batch."""
        if len(first) == 1:
            raise InputError(
                "variants: simsiam: expected at least 2 images in a batch, found 1; train on more"
            )
        z1, z2 = self.project(first), self.project(second)
        p1, p2 = self.predict(z1), self.predict(z2)
        both = F.cosine_similarity(p1, z2.detach()) + F.cosine_similarity(p2, z1.detach())
        return -self.settings.weight * both.mean() / 2


def _layer(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return (
        nn.Linear(inputs, outputs, bias=False),
        nn.BatchNorm1d(outputs),
        nn.ReLU(inplace=True),
    )
