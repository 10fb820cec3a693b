"""Exported models small enough for tests."""

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from variants import CUT, OURS

from clfer.export.onnx_model import converted, write
from clfer.faces.preprocessing import View
from clfer.model.bundle import METADATA, card
from clfer.model.network import Network

CLASSES = tuple("abcdefgh")
VIEW = View(resize=72, crop=64)


def network(variant=OURS, backbone="resnet10_quarter", stem="small", classes=8):
    """One whose batch normalisations have seen something, so that folding them is no identity."""
    torch.manual_seed(1)
    made = Network(backbone, stem, classes, variant)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    return made.eval()


def card_of(
    variant=OURS, backbone="resnet10_quarter", stem="small", cut=CUT, view=VIEW, **provenance
):
    return card(CLASSES, backbone, stem, variant, cut, view, provenance)


def faces(count, cut=CUT, seed=0):
    shape = (count, cut.size, cut.size, cut.channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def exported(path, variant=OURS, backbone="resnet10_quarter", stem="small", **more):
    """The network and its card, and the file written."""
    made = network(variant, backbone, stem)
    about = card_of(variant, backbone, stem, **more)
    write(converted(made, about), path)
    return made, about


def tiny():
    """A model of a few hundred bytes in the form of an exported one, by onnx's own tools."""
    about = card_of()
    cut = about.cut
    ends = [
        helper.make_tensor_value_info(
            "faces", TensorProto.UINT8, ["N", cut.size, cut.size, cut.channels]
        ),
        helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N", len(CLASSES)]),
    ]
    nodes = [
        helper.make_node("Transpose", ["faces"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("GlobalAveragePool", ["pixels"], ["level"]),
        helper.make_node("Flatten", ["level"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probability"], axis=1),
    ]
    weight = numpy_helper.from_array(np.linspace(-0.02, 0.02, 8, dtype=np.float32)[None], "weight")
    graph = helper.make_graph(nodes, "tiny", ends[:1], ends[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    model.metadata_props.add(key=METADATA, value=about.text())
    return model
