"""Eight bits: what is quantised and what is not, and how far the answers move."""

from itertools import takewhile

import numpy as np
import onnx
import pytest
from exported_models import card_of, faces, network
from variants import OURS, SCN_SETTINGS

from clfer.export.onnx_model import converted, quantised, write
from clfer.inference.engines import Exported
from clfer.progress import silent

ABOUT = card_of(OURS.model_copy(update={"scn": SCN_SETTINGS}))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A model in float and in eight bits, and their files."""
    whole = converted(network(ABOUT.variant), ABOUT)
    small = quantised(whole, ABOUT, faces(70), silent)
    paths = [tmp_path_factory.mktemp("int8") / name for name in ("a.onnx", "a.int8.onnx")]
    write(whole, paths[0])
    write(small, paths[1])
    return whole, small, *paths


def test_convolutions_are_in_eight_bits_the_view_and_what_gives_probabilities_in_float(both):
    """Weights take seven of the bits, so that the sum of two products fits into sixteen on
    processors without VNNI.
    """
    _, small, _, _ = both
    nodes = small.graph.node
    made = {name: node for node in nodes for name in node.output}
    tensors = {one.name: onnx.numpy_helper.to_array(one) for one in small.graph.initializer}
    for node in nodes:
        sources = {made[name].op_type for name in node.input if name in made}
        if node.op_type in ("Conv", "Gemm"):
            assert sources == {"DequantizeLinear"}
            weight = tensors[made[node.input[1]].input[0]]
            assert weight.dtype == np.int8
            assert np.abs(weight.astype(int)).max() <= 64
        elif node.op_type in ("Softmax", "Sigmoid"):
            assert sources
    view = list(takewhile(lambda node: node.op_type != "Conv", nodes))
    matrices = [node for node in view if node.op_type == "MatMul"]
    assert len(matrices) == 2
    for node in matrices:  # a matrix in float, and what comes from the pixels
        assert any(name in tensors and tensors[name].dtype == np.float32 for name in node.input)
        assert all(made[name].op_type != "DequantizeLinear" for name in node.input if name in made)


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
    again = quantised(whole, ABOUT, faces(70), silent)
    first, second = (one.SerializeToString(deterministic=True) for one in (small, again))
    assert first == second
    assert whole.SerializeToString(deterministic=True) == path.read_bytes()
