"""A network as an ONNX model, in float32 or eight bits, with its card in the metadata."""

import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import torch
from jaxtyping import Float, UInt8
from onnx.numpy_helper import from_array
from onnxscript import opset20 as operators
from torch import Tensor, nn
from torch.nn import functional as F

from clfer import __version__
from clfer.faces.preprocessing import View
from clfer.faces.views import central
from clfer.inference.engines import FACES, PROBABILITY
from clfer.model.bundle import METADATA, Card
from clfer.model.network import Network
from clfer.progress import Track

OPSET = 20  # of the standard operators; onnxruntime knows it from 1.17 on
CALIBRATION = 512  # faces that the ranges of activations are taken from
BATCH = 32  # of these
FLOAT = ("Softmax", "Sigmoid")  # not quantised: small, and each probability depends on them


def converted(network: Network, card: Card) -> onnx.ModelProto:
    """The network in standard operators, its batch normalisations folded into the convolutions.

    Input `faces`: uint8 [N, S, S, C], cut as the card says. Output `probability`: float32 [N, K].
    """
    cut = card.cut
    program = torch.onnx.export(
        Deployed(network, cut.size, card.view).eval(),
        (torch.zeros(2, cut.size, cut.size, cut.channels, dtype=torch.uint8),),
        dynamo=True,
        opset_version=OPSET,
        input_names=[FACES],
        output_names=[PROBABILITY],
        dynamic_shapes=({0: torch.export.Dim("N")},),
        custom_translation_table={torch.ops.aten.adaptive_avg_pool2d.default: _pooled},
        verbose=False,
    )
    assert program is not None
    return _described(program.model_proto, card, "float32")


def quantised(
    model: onnx.ModelProto, card: Card, faces: UInt8[np.ndarray, "N S S C"], track: Track
) -> onnx.ModelProto:
    """The model with weights and activations in eight bits, but for the view and FLOAT.

    The range of an activation is that on `faces`. Weights have a range for each channel and seven
    bits of the eight, so that processors without VNNI, where eight would overflow, compute the same
    numbers as those with it.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    nodes = model.graph.node
    kept = [*takewhile(lambda node: node.op_type != "Conv", nodes)]  # the view
    kept += [node for node in nodes if node.op_type in FLOAT]
    parts = track(np.array_split(faces, max(1, len(faces) // BATCH)), "calibrating")
    batches = ({FACES: np.ascontiguousarray(part)} for part in parts)
    with TemporaryDirectory() as folder, ExitStack() as after_all:
        after_all.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.WARNING)  # onnxruntime's advice, which goes to the root logger
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, before)
        quantize_static(
            before,
            after,
            SimpleNamespace(get_next=lambda: next(batches, None)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in kept],
        )
        return _described(onnx.load(after), card, "int8")


def write(model: onnx.ModelProto, path: Path) -> None:
    """Write the file; the same model gives the same bytes."""
    path.write_bytes(model.SerializeToString(deterministic=True))


class Deployed(nn.Module):
    """Class probabilities [N, K] of faces [N, S, S, C]: central view, network, softmax.

    The view is linear, and the same down as across: A X A^T with one matrix A [crop, S], which
    takes standard operators, where `clfer.faces.views.central` uses `grid_sample`.
    """

    def __init__(self, network: Network, size: int, view: View) -> None:
        super().__init__()
        # the views of a black face, a white one, and those with a single white row each
        plain = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
        black, white = central(plain.expand(-1, size, size, -1), view)[:, :, 0, 0]
        rows = (torch.eye(size, dtype=torch.uint8) * 255)[:, None, :, None, None]
        columns = [central(row.expand(-1, -1, size, -1), view)[0, 0, :, 0] for row in rows]
        low, high = black[0].double(), white[0].double()
        matrix = ((torch.stack(columns).double() - low) / (high - low)).T  # [crop, S]
        self.network = network
        self.matrix = nn.Buffer(matrix.float().contiguous())
        self.gain = nn.Buffer(((white - black) / 255).view(3, 1, 1))
        self.offset = nn.Buffer(black.view(3, 1, 1))

    def view(self, faces: UInt8[Tensor, "N S S C"]) -> Float[Tensor, "N 3 H W"]:
        """The result of `clfer.faces.views.central`, within rounding."""
        pixels = faces.permute(0, 3, 1, 2).float()
        window = self.matrix @ pixels @ self.matrix.T
        return window * self.gain + self.offset  # grey becomes three channels here

    def forward(self, faces: UInt8[Tensor, "N S S C"]) -> Float[Tensor, "N K"]:
        probability: Tensor = self.network(self.view(faces)).softmax(dim=1)
        return probability


def _described(model: onnx.ModelProto, card: Card, numbers: str) -> onnx.ModelProto:
    """The model with its card and notes for people, and without the exporter's notes on itself and
    on this machine: the same network gives the same bytes.
    """
    cut = card.cut
    entries = {
        METADATA: card.text(),
        "classes": json.dumps(card.classes, ensure_ascii=False),
        "input": f"{FACES}: uint8 [N, {cut.size}, {cut.size}, {cut.channels}], "
        f"{'grey' if cut.channels == 1 else 'RGB'}, cut out as those trained on",
        "output": f"{PROBABILITY}: float32 [N, {len(card.classes)}]",
        "numbers": numbers,
        "clfer_version": __version__,
        "licence": "clfer: MIT. The weights were learned from "
        f"{card.provenance.get('dataset')}, whose terms bind whoever uses them",
    }
    _strip(model)
    model.graph.name = "clfer"
    for name, text in entries.items():
        model.metadata_props.add(key=name, value=text)
    return model


def _strip(message: Any) -> None:
    """Clear the notes of a message and of all messages in it."""
    for field, value in message.ListFields():
        if field.name in ("doc_string", "metadata_props"):
            message.ClearField(field.name)
        elif field.type == field.TYPE_MESSAGE:
            for one in (value,) if hasattr(value, "ListFields") else value:
                _strip(one)


def _pooled(maps: Any, output_size: Sequence[int]) -> Any:
    """Adaptive average pooling: plain where the windows are alike, else A X B^T."""
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
