"""A network as an ONNX model that says how to use it."""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F

from clfer import __version__
from clfer.errors import InputError
from clfer.export.deployed import Deployed
from clfer.inference.exported import FACES, PROBABILITY
from clfer.model.card import METADATA, Card
from clfer.model.network import Network

if TYPE_CHECKING:
    import onnx

OPSET = 20  # of the standard operators; onnxruntime knows it from 1.17 on
PACKAGES = ("onnx", "onnxscript")


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
    """The same model with its card and the like for people, and without what the exporter noted of
    itself and of this machine: the same network gives the same bytes.
    """
    trained_on = card.provenance.get("dataset")
    entries = {
        METADATA: card.text(),
        "classes": json.dumps(card.classes, ensure_ascii=False),
        "input": f"{FACES}: uint8 [N, {card.cut.size}, {card.cut.size}, {card.cut.channels}], "
        f"{'grey' if card.cut.channels == 1 else 'RGB'}, cut out as those trained on",
        "output": f"{PROBABILITY}: float32 [N, {len(card.classes)}]",
        "numbers": numbers,
        "clfer_version": __version__,
        "licence": f"clfer: MIT. The weights were learned from {trained_on}, whose terms bind "
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
