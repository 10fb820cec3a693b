"""ONNX files that reach for something else: other files, other libraries, all of the memory."""

import json
import subprocess
import sys

import numpy as np
import pytest
from closure import ROOT
from exported_models import card_of, exported, tiny
from onnx import TensorProto, helper, numpy_helper
from watched import watched

from clfer.errors import InputError
from clfer.inference.engines import Exported
from clfer.model.bundle import METADATA

MB = 1 << 20
READ = ("from clfer.inference.engines import Exported\nimport onnxruntime", "Exported(path)")


def put(model, path):
    path.write_bytes(model.SerializeToString())
    return path


def refused(model, path):
    """The line with which it is refused."""
    with pytest.raises(InputError) as caught:
        Exported(put(model, path))
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{path}: expected ")
    assert line.endswith("export it again")
    return line


def test_the_tiny_model_itself_is_taken(tmp_path):
    engine = Exported(put(tiny(), tmp_path / "a.onnx"))
    found = engine(np.full((3, 48, 48, 1), 100, np.uint8))
    logits = 100 * np.linspace(-0.02, 0.02, 8)
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(found, np.tile(expected, (3, 1)), rtol=1e-5)


@pytest.mark.parametrize("place", ["/etc/passwd", "../secret.bin", "beside.bin"])
def test_weights_in_another_file(tmp_path, place):
    for file in (tmp_path / "secret.bin", tmp_path / "in" / "beside.bin"):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes(32))
    model = tiny()
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=place)
    refused(model, tmp_path / "in" / "a.onnx")


def test_weights_in_another_file_within_a_constant(tmp_path):
    model = tiny()
    elsewhere = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 8])
    elsewhere.external_data.add(key="location", value="/etc/passwd")
    model.graph.initializer.pop()
    model.graph.node.insert(0, helper.make_node("Constant", [], ["weight"], value=elsewhere))
    refused(model, tmp_path / "a.onnx")


def test_operators_of_other_libraries(tmp_path):
    model = tiny()
    model.graph.node[0].domain = "evil.library"
    refused(model, tmp_path / "a.onnx")


@pytest.mark.parametrize("shape", [[1 << 40], [1 << 20, 1 << 20], [2**62, 4], [1] * 9, [-1]])
def test_a_tensor_that_declares_more_than_there_is(tmp_path, shape):
    model = tiny()
    model.graph.initializer[0].dims[:] = shape
    path = put(model, tmp_path / "a.onnx")
    line, grown, _ = watched(*READ, path)
    assert line.startswith(f"{path}: expected a model written by `clfer export`, found something")
    assert grown < 20 * MB


@pytest.mark.parametrize("place", ["input", "output"])
def test_faces_or_probabilities_of_other_shapes_than_the_card_says(tmp_path, place):
    for change in (
        lambda shape: setattr(shape.dim[1], "dim_value", 1 << 40),
        lambda shape: setattr(shape.dim[0], "dim_value", 1),
        lambda shape: shape.dim.pop(),
    ):
        model = tiny()
        change(getattr(model.graph, place)[0].type.tensor_type.shape)
        refused(model, tmp_path / "a.onnx")
    model = tiny()
    getattr(model.graph, place)[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    refused(model, tmp_path / "a.onnx")


def test_a_graph_that_fails_only_when_it_is_computed(tmp_path):
    model = tiny()
    model.graph.initializer.append(numpy_helper.from_array(np.array([7, 9]), "shape"))
    model.graph.node.insert(4, helper.make_node("Reshape", ["flat", "shape"], ["reshaped"]))
    model.graph.node[5].input[0] = "reshaped"
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    for name in ("N", 8):
        dim = model.graph.output[0].type.tensor_type.shape.dim.add()
        setattr(dim, "dim_param" if isinstance(name, str) else "dim_value", name)
    path = put(model, tmp_path / "a.onnx")
    with pytest.raises(InputError, match="export it again"):
        Exported(path)(np.zeros((2, 48, 48, 1), np.uint8))


def test_cut_off_anywhere(tmp_path):
    whole = tiny().SerializeToString()
    for length in range(0, len(whole), 7):
        (tmp_path / "a.onnx").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"a\.onnx: expected a (model|card)"):
            Exported(tmp_path / "a.onnx")


def test_what_is_missing_no_file_or_something_else(tmp_path):
    with pytest.raises(InputError, match=r"a\.onnx is missing; `clfer export` writes it"):
        Exported(tmp_path / "a.onnx")
    with pytest.raises(InputError, match=r"found something else \(.*directory"):
        Exported(tmp_path)
    (tmp_path / "a.onnx").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(InputError, match=r"a\.onnx: .* found something else"):
        Exported(tmp_path / "a.onnx")


def test_another_card_or_none(tmp_path):
    model = tiny()
    del model.metadata_props[:]
    with pytest.raises(InputError, match="found one without its card"):
        Exported(put(model, tmp_path / "a.onnx"))
    for text, found in ((json.dumps({"format": 99}), "format 2, found 99"), ("{", "is broken")):
        model = tiny()
        model.metadata_props[0].value = text
        with pytest.raises(InputError, match=found):
            Exported(put(model, tmp_path / "a.onnx"))
    model = tiny()
    model.metadata_props[0].value = card_of().model_copy(update={"classes": ("a",)}).text()
    assert model.metadata_props[0].key == METADATA
    assert "probability tensor(float) [1] as its card says" in refused(model, tmp_path / "a.onnx")


WITHOUT = """
import sys
for name in ("torch", "torchvision", "onnx", "onnxscript"):
    sys.modules[name] = None  # an import of it fails
from pathlib import Path
import numpy as np
from clfer.inference.engines import Exported
engine = Exported(Path(sys.argv[1]))
np.save(sys.argv[3], engine(np.load(sys.argv[2])))
"""


def test_neither_pytorch_nor_onnx_is_needed(tmp_path):
    exported(tmp_path / "a.onnx")
    given = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), dtype=np.uint8)
    np.save(tmp_path / "faces.npy", given)
    places = [tmp_path / name for name in ("a.onnx", "faces.npy", "found.npy")]
    subprocess.run([sys.executable, "-c", WITHOUT, *places], cwd=ROOT, check=True)
    found = np.load(tmp_path / "found.npy")
    np.testing.assert_array_equal(found, Exported(tmp_path / "a.onnx")(given))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
