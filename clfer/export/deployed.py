"""The network as it is exported: from faces as they are cut to class probabilities."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from clfer.faces.preprocessing import View
from clfer.faces.views import central
from clfer.model.network import Network

ROWS = 16  # faces at once of which the matrix is read off
WHITE = 255


class Deployed(nn.Module):
    """Class probabilities [N, K] of faces [N, S, S, C]: central view, network, softmax.

    Resizing, antialiasing and the window are linear, and the same down as across: together they are
    A X A^T with one matrix A [crop, S], two products instead of a sampling at a grid.
    """

    matrix: Tensor
    gain: Tensor
    offset: Tensor

    def __init__(self, network: Network, size: int, view: View) -> None:
        super().__init__()
        black, white = (_levels(level, size, view) for level in (0, WHITE))
        self.network = network
        self.register_buffer("matrix", _matrix(size, view))
        self.register_buffer("gain", ((white - black) / WHITE).view(3, 1, 1))
        self.register_buffer("offset", black.view(3, 1, 1))

    def view(self, faces: UInt8[Tensor, "N S S C"]) -> Float[Tensor, "N 3 H W"]:
        """What `clfer.faces.views.central` makes of faces, within rounding."""
        pixels = faces.permute(0, 3, 1, 2).float()
        window = self.matrix @ pixels @ self.matrix.T
        return window * self.gain + self.offset  # grey becomes three channels here

    def forward(self, faces: UInt8[Tensor, "N S S C"]) -> Float[Tensor, "N K"]:
        probability: Tensor = self.network(self.view(faces)).softmax(dim=1)
        return probability


def _levels(level: int, size: int, view: View) -> Float[Tensor, "3"]:
    """The three channels of a view of a face that is the same everywhere."""
    face = torch.full((1, size, size, 1), level, dtype=torch.uint8)
    return central(face, view)[0, :, 0, 0]


def _matrix(size: int, view: View) -> Float[Tensor, "crop S"]:
    """A, as `central` itself has it: its columns are views of faces with one row of white."""
    black, white = (_levels(level, size, view)[0].double() for level in (0, WHITE))
    lines = (torch.eye(size, dtype=torch.uint8) * WHITE)[:, :, None, None]  # [S, S, 1, 1]
    columns = [
        central(some.expand(-1, -1, size, -1), view)[:, 0, :, 0] for some in lines.split(ROWS)
    ]
    share = (torch.cat(columns).double() - black) / (white - black)  # [S, crop]
    return share.T.float().contiguous()
