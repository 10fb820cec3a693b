"""Eight bits: what is quantised and what is not, and how far the answers move."""

import numpy as np
import onnx
import pytest
from exported_models import card_of, faces, network
from variants import OURS, SCN_SETTINGS

from clfer.export.onnx_model import converted, quantised, write
from clfer.inference.engines import Exported
from clfer.progress import silent


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A model in float and in eight bits, and their files."""
    variant = OURS.model_copy(update={"scn": SCN_SETTINGS})
    about = card_of(variant)
    whole = converted(network(variant), about)
    small = quantised(whole, about, faces(70), silent)
    folder = tmp_path_factory.mktemp("int8")
    paths = folder / "a.onnx", folder / "a.int8.onnx"
    for model, path in zip((whole, small), paths, strict=True):
        write(model, path)
    return whole, small, *paths


def feeding(model):
    """Which node makes each tensor."""
    return {name: node for node in model.graph.node for name in node.output}


def test_every_convolution_is_in_eight_bits_the_view_and_the_softmax_in_float(both):
    _, small, _, _ = both
    made = feeding(small)
    kinds = [node.op_type for node in small.graph.node]
    for node in small.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            assert {made[name].op_type for name in node.input} == {"DequantizeLinear"}
        if node.op_type in ("Softmax", "Sigmoid"):
            assert node.input[0] in made
    before = kinds[: kinds.index("Conv")]
    assert before.count("MatMul") == 2
    matrices = [node for node in small.graph.node if node.op_type == "MatMul"][:2]
    pixels = {tensor.name for tensor in small.graph.initializer if tensor.data_type == 1}
    for node in matrices:  # the view's: a matrix in float, and what comes from the pixels
        assert any(name in pixels for name in node.input)
        assert all(
            name not in made or made[name].op_type != "DequantizeLinear" for name in node.input
        )


def test_weights_take_seven_bits_of_eight(both):
    """So that the sum of two products fits into sixteen bits on processors without VNNI."""
    _, small, _, _ = both
    tensors = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in small.graph.initializer
    }
    made = feeding(small)
    for node in small.graph.node:
        if node.op_type == "Conv":
            weight = tensors[made[node.input[1]].input[0]]
            assert weight.dtype == np.int8
            assert np.abs(weight.astype(int)).max() <= 64


def test_a_quarter_of_the_size_and_nearly_the_same_answers(both):
    _, _, whole, small = both
    assert small.stat().st_size < 0.3 * whole.stat().st_size
    given = faces(40, seed=1)
    before, after = (Exported(path)(given) for path in (whole, small))
    assert Exported(small).card == Exported(whole).card
    assert 0 < np.abs(before - after).max() < 0.1
    np.testing.assert_allclose(after.sum(axis=1), 1, rtol=1e-5)


def test_the_model_given_stays_and_the_bytes_repeat(both):
    whole, small, path, _ = both
    again = quantised(
        whole, card_of(OURS.model_copy(update={"scn": SCN_SETTINGS})), faces(70), silent
    )
    assert again.SerializeToString(deterministic=True) == small.SerializeToString(
        deterministic=True
    )
    assert whole.SerializeToString(deterministic=True) == path.read_bytes()
