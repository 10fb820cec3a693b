"""What blocks add to the logits, against the network's own logits."""

import pytest
import torch
from variants import BASELINE, OURS, SCN_SETTINGS, small

from clfer.explanation.layers import shares, weights

SCN = OURS.model_copy(update={"scn": SCN_SETTINGS})


@pytest.mark.parametrize("variant", [OURS, SCN], ids=["ours", "scn"])
def test_parts_add_up_to_the_prediction(variant):
    network, _ = small(variant)
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        features = network.eval().features(images)
        vectors = network.represent(features)
        bias = network.classifier.bias * network.importance(vectors)[:, None]
        expected = network(images).softmax(1)
    parts = shares(network, features)
    assert parts.shape == (3, 4, 8)
    assert float(parts.mean(2).abs().max()) < 1e-6
    torch.testing.assert_close((parts.sum(1) + bias).softmax(1), expected)


def test_weights_are_those_of_the_sum():
    """F is the sum of the blocks' vectors by these weights, found again by least squares."""
    network, _ = small(OURS)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        features = network.eval().features(images)
        reshaped, vectors = network.representation.reshape(features), network.represent(features)
    found = weights(network, features)
    expected = torch.linalg.lstsq(reshaped.mT.double(), vectors.double().unsqueeze(2)).solution
    torch.testing.assert_close(found, expected.squeeze(2).float())
    assert ((found > 0) & (found < 1)).all()


def test_a_network_without_msr_has_neither():
    network, _ = small(BASELINE)
    with torch.no_grad():
        features = network.eval().features(torch.randn(1, 3, 32, 32))
    assert weights(network, features) is None
    assert shares(network, features) is None
