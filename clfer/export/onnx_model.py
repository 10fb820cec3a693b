"""A network as an ONNX model, from cut faces to class probabilities, its card in the metadata."""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from clfer import __version__
from clfer.errors import InputError
from clfer.faces.preprocessing import View
from clfer.faces.views import central
from clfer.inference.engines import FACES, PROBABILITY
from clfer.model.bundle import METADATA, Card
from clfer.model.network import Network

if TYPE_CHECKING:
    import onnx

OPSET = 20  # of the standard operators; onnxruntime knows it from 1.17 on
PACKAGES = ("onnx", "onnxscript")
ROWS = 16  # faces at once from which the matrix of the view is computed
WHITE = 255


def check_packages() -> None:
    """InputError where a package is missing that only exporting needs."""
    for name in PACKAGES:
        try:
            import_module(name)
        except ImportError as error:
            raise InputError(
                f"export: expected the package {name}, found none that can be imported; "
                f"pip install {' '.join(PACKAGES)}"
            ) from error


def converted(network: Network, card: Card) -> "onnx.ModelProto":
    """The network in standard operators, its batch normalisations folded into the convolutions.

    It takes `faces`, uint8 [N, S, S, C] as the card cuts them and any number of them, and gives
    `probability`, float32 [N, K].
    """
    cut = card.cut
    deployed = Deployed(network, cut.size, card.view).eval()
    example = torch.zeros(2, cut.size, cut.size, cut.channels, dtype=torch.uint8)
    program = torch.onnx.export(
        deployed,
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=[FACES],
        output_names=[PROBABILITY],
        dynamic_shapes=({0: torch.export.Dim("N")},),
        custom_translation_table={torch.ops.aten.adaptive_avg_pool2d.default: _pooled},
        verbose=False,
    )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    return described(model, card, "float32")


def described(model: "onnx.ModelProto", card: Card, numbers: str) -> "onnx.ModelProto":
    """The same model with its card and notes for people, and without the exporter's notes on itself
    and on this machine: the same network gives the same bytes.
    """
    dataset = card.provenance.get("dataset")
    entries = {
        METADATA: card.text(),
        "classes": json.dumps(card.classes, ensure_ascii=False),
        "input": f"{FACES}: uint8 [N, {card.cut.size}, {card.cut.size}, {card.cut.channels}], "
        f"{'grey' if card.cut.channels == 1 else 'RGB'}, cut out as those trained on",
        "output": f"{PROBABILITY}: float32 [N, {len(card.classes)}]",
        "numbers": numbers,
        "clfer_version": __version__,
        "licence": f"clfer: MIT. The weights were learned from {dataset}, whose terms bind "
        "whoever uses them",
    }
    _strip(model, ("doc_string", "metadata_props"))
    model.graph.name = "clfer"
    for name, text in entries.items():
        model.metadata_props.add(key=name, value=text)
    return model


def write(model: "onnx.ModelProto", path: Path) -> None:
    """Write the file; the same model gives the same bytes."""
    path.write_bytes(model.SerializeToString(deterministic=True))


def _pooled(maps: Any, output_size: Sequence[int]) -> Any:
    """Adaptive average pooling: plain where the windows are alike, else A X B^T."""
    from onnx.numpy_helper import from_array
    from onnxscript import opset20 as operators

    sides = list(zip(maps.shape[-2:], output_size, strict=True))
    if all(side == out for side, out in sides):
        return operators.Identity(maps)
    if all(side % out == 0 for side, out in sides):
        window = [side // out for side, out in sides]
        return operators.AveragePool(maps, kernel_shape=window, strides=window)
    down, across = (
        F.adaptive_avg_pool2d(torch.eye(side)[None], (out, side))[0] for side, out in sides
    )
    rows = operators.MatMul(operators.Constant(value=from_array(down.numpy())), maps)
    return operators.MatMul(rows, operators.Constant(value=from_array(across.T.numpy())))


def _strip(message: Any, names: Sequence[str]) -> None:
    """Clear these fields of a message and of all messages in it."""
    for field, value in message.ListFields():
        if field.name in names:
            message.ClearField(field.name)
        elif field.type == field.TYPE_MESSAGE:
            for one in value if not hasattr(value, "ListFields") else (value,):
                _strip(one, names)


class Deployed(nn.Module):
    """Class probabilities [N, K] of faces [N, S, S, C]: central view, network, softmax.

    The view is linear, and the same down as across: A X A^T with one matrix A [crop, S], which
    takes standard operators, where `clfer.faces.views.central` samples at a grid.
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
        """The result of `clfer.faces.views.central`, within rounding."""
        pixels = faces.permute(0, 3, 1, 2).float()
        window = self.matrix @ pixels @ self.matrix.T
        return window * self.gain + self.offset  # grey becomes three channels here

    def forward(self, faces: UInt8[Tensor, "N S S C"]) -> Float[Tensor, "N K"]:
        probability: Tensor = self.network(self.view(faces)).softmax(dim=1)
        return probability


def _levels(level: int, size: int, view: View) -> Float[Tensor, "3"]:
    """The three channels of the view of a face of one grey level."""
    face = torch.full((1, size, size, 1), level, dtype=torch.uint8)
    return central(face, view)[0, :, 0, 0]


def _matrix(size: int, view: View) -> Float[Tensor, "crop S"]:
    """A, whose columns are the central views of faces with one row of white."""
    black, white = (_levels(level, size, view)[0].double() for level in (0, WHITE))
    lines = (torch.eye(size, dtype=torch.uint8) * WHITE)[:, :, None, None]  # [S, S, 1, 1]
    columns = [
        central(some.expand(-1, -1, size, -1), view)[:, 0, :, 0] for some in lines.split(ROWS)
    ]
    share = (torch.cat(columns).double() - black) / (white - black)  # [S, crop]
    return share.T.float().contiguous()
