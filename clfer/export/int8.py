"""An ONNX model with weights and activations in eight bits: a quarter of the size, and faster."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from clfer.export.onnx_model import described
from clfer.inference.engines import FACES
from clfer.model.bundle import Card
from clfer.progress import Track

if TYPE_CHECKING:
    import onnx

CALIBRATION = 512  # faces by which the ranges of numbers are found
BATCH = 32
FLOAT = ("Softmax", "Sigmoid")  # beside the view: small, and each probability depends on it


def quantised(
    model: "onnx.ModelProto", card: Card, faces: UInt8[np.ndarray, "N S S C"], track: Track
) -> "onnx.ModelProto":
    """The model quantised statically, except for the view and FLOAT.

    An activation has the range that it has on `faces`; weights have one for each channel, and seven
    bits of the eight, so that processors without VNNI, where eight would overflow, come to the same
    numbers as those with it.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    kept = [node.name for node in _view(model)]
    kept += [node.name for node in model.graph.node if node.op_type in FLOAT]
    with TemporaryDirectory() as folder, _quiet():  # onnxruntime writes beside what it reads
        given, made = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, given)
        quantize_static(
            given,
            made,
            _Calibration(faces, track),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
        )
        return described(onnx.load(made), card, "int8")


def _view(model: "onnx.ModelProto") -> Iterator["onnx.NodeProto"]:
    """What comes before the first convolution."""
    for node in model.graph.node:
        if node.op_type == "Conv":
            return
        yield node


class _Calibration:
    """Faces in batches, as onnxruntime asks for them."""

    def __init__(self, faces: UInt8[np.ndarray, "N S S C"], track: Track) -> None:
        parts = np.array_split(faces, max(1, len(faces) // BATCH))
        self.parts = iter(track(parts, "calibrating"))

    def get_next(self) -> dict[str, Any] | None:
        part = next(self.parts, None)
        return None if part is None else {FACES: np.ascontiguousarray(part)}


@contextmanager
def _quiet() -> Iterator[None]:
    """No advice from onnxruntime, which it writes to the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
