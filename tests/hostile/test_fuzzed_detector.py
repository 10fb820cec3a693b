"""The detector's weights: whatever their bytes are, a detector that looks or one clear line."""

from itertools import chain

import numpy as np
import onnx
from mutations import attack, broken, mutated
from onnx import TensorProto, helper, numpy_helper

from clfer.faces.detection import Detector

MEMORY = 4 << 30  # a network's layers are as large as it says, and onnxruntime makes them
PICTURE = np.random.default_rng(0).integers(0, 256, (48, 40), dtype=np.uint8)


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
        found = Detector(folder / "det_1.onnx", 0.5, turned=False)(PICTURE)
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
