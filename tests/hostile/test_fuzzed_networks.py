"""Weights, models and detectors: whatever their bytes are, a network or one clear line."""

import io
from itertools import chain

import numpy as np
import onnx
import pytest
import torch
from exported_models import card_of, tiny
from mutations import attack, broken, mutated
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save
from torch import nn

from clfer.faces.scrfd import Scrfd
from clfer.inference.engines import Exported
from clfer.model import bundle
from clfer.model.backbone import Encoder, load_weights
from clfer.model.bundle import METADATA
from clfer.training.state import Checkpoint

# warnings: hundreds, on files that are wrong on purpose
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
MEMORY = 4 << 30  # a network's layers are as large as it says, and onnxruntime makes them
PICTURE = np.random.default_rng(0).integers(0, 256, (48, 40), dtype=np.uint8)
FACES = np.zeros((2, 48, 48, 1), np.uint8)
TENSORS = {
    "conv1.weight": torch.zeros(4, 3, 3, 3),
    "bn1.bias": torch.ones(4, dtype=torch.float16),
    "layer1.0.conv1.weight": torch.zeros(1),
}
MODEL = save(TENSORS, metadata={METADATA: card_of().text()})


def scrfd():
    """A network of the form of insightface's: for each of three strides the scores, boxes and
    landmarks of two anchors a place.
    """
    random = np.random.default_rng(0)
    nodes, weights, outputs = [], [], {1: [], 4: [], 10: []}  # insightface wants all scores first
    for stride in (8, 16, 32):
        size = {"kernel_shape": [stride] * 2, "strides": [stride] * 2}
        nodes.append(helper.make_node("AveragePool", ["input.1"], [f"p{stride}"], **size))
        for width, names in outputs.items():
            own = f"{stride}_{width}"
            kernel = random.normal(size=(2 * width, 3, 1, 1)).astype(np.float32)
            weights += [
                numpy_helper.from_array(kernel, f"k{own}"),
                numpy_helper.from_array(np.array([-1, width]), f"s{own}"),
            ]
            last = "Sigmoid" if width == 1 else "Relu"
            nodes += [
                helper.make_node("Conv", [f"p{stride}", f"k{own}"], [f"c{own}"]),
                helper.make_node("Transpose", [f"c{own}"], [f"t{own}"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"t{own}", f"s{own}"], [f"r{own}"]),
                helper.make_node(last, [f"r{own}"], [f"o{own}"]),
            ]
            kind = helper.make_tensor_value_info(f"o{own}", TensorProto.FLOAT, [None, width])
            names.append(kind)
    given = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, None, None])
    graph = helper.make_graph(nodes, "scrfd", [given], [*chain(*outputs.values())], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def looked(folder):
    def read(content):
        (folder / "det_1.onnx").write_bytes(content)
        found = Scrfd(folder / "det_1.onnx", 0.5, turned=False)(PICTURE)
        faces = len(found.score)
        assert found.box.shape == (faces, 4)
        assert found.landmarks.shape == (faces, 5, 2)

    return read


def test_a_small_network(tmp_path):
    valid = scrfd()
    looked(tmp_path)(valid)
    attack("onnx", broken(valid), looked(tmp_path), 150, MEMORY)


def test_a_published_one(real_data, tmp_path):
    """The first bytes and the last: what lies between are weights, any of which will do."""
    valid = (real_data / "weights/insightface/det_500m.onnx").read_bytes()
    tail = mutated(valid[: -1 << 14 : -1], reach=1 << 14).map(lambda end: end[::-1])
    inputs = mutated(valid, reach=1 << 12) | tail.map(lambda end: valid[: -1 << 14] + end)
    attack("onnx, published", inputs, looked(tmp_path), 15, MEMORY)


def pth(**how):
    file = io.BytesIO()
    torch.save(TENSORS, file, **how)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("weights.safetensors", save(TENSORS)),
        ("weights.pth", pth()),
        ("old.pth", pth(_use_new_zipfile_serialization=False)),
    ],
)
def test_weights_to_start_from(name, valid, tmp_path):
    encoder = Encoder("resnet10_quarter", "small")

    def read(content):
        (tmp_path / name).write_bytes(content)
        load_weights(encoder, "resnet10_quarter", str(tmp_path / name))

    attack(name, broken(valid), read, 150)


class Run:
    """What a checkpoint keeps, of the same kinds as a training's state."""

    def __init__(self):
        self.layer = nn.Linear(2, 3)
        self.optimizer = torch.optim.Adam(self.layer.parameters())
        self.history = []

    def state_dict(self):
        return {
            "layer": self.layer.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
        }

    def load_state_dict(self, saved):
        self.layer.load_state_dict(saved["layer"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.history = saved["history"]


def test_the_state_of_an_interrupted_run(tmp_path):
    run, checkpoint = Run(), Checkpoint(tmp_path)
    run.layer(torch.ones(2)).sum().backward()
    run.optimizer.step()
    checkpoint.save(run)

    def read(content):
        checkpoint.path.write_bytes(content)
        checkpoint.resume(Run())

    attack("state.pt", mutated(checkpoint.path.read_bytes()), read, 150)


@pytest.mark.parametrize(
    ("name", "valid", "read"),
    [
        ("model.safetensors", MODEL, bundle.load),
        ("model.onnx", tiny().SerializeToString(), lambda path: Exported(path)(FACES)),
    ],
)
def test_a_model(name, valid, read, tmp_path):
    def written(content):
        (tmp_path / name).write_bytes(content)
        read(tmp_path / name)

    attack(name, broken(valid), written, 150)
