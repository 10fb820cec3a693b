"""Parts of the logits against the network's own logits, and groups of channels that are known."""

import pytest
import torch
from variants import BASELINE, OURS, SCN_SETTINGS, small

from clfer.explanation.layers import (
    grouped,
    shares,
    stretched,
    strongest,
    weights,
)
from clfer.model.feature_maps import SEMANTICS

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


def test_stretching_keeps_the_order_within_each_map():
    found = stretched(torch.tensor([[[1.0, 3.0], [2.0, 5.0]], [[-4.0, -4.0], [-4.0, -4.0]]]))
    assert found.tolist() == [[[0.0, 0.5], [0.25, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]


def test_no_channel_is_no_response():
    """The maps of a group with fewer channels than are shown are NaN, and stay so."""
    assert stretched(torch.full((1, 2, 2), torch.nan)).isnan().all()


def test_the_strongest_of_each_group():
    scale = torch.tensor([1.0, -5.0, 2.0, 2.0, 3.0])
    maps = scale[:, None, None] * torch.ones(5, 2, 2)
    found = strongest(maps, torch.tensor([0, 0, 2, 2, 2]), groups=3, count=2)
    assert [one.tolist() for one in found] == [[1, 0], [], [4, 2]]  # 2 before its equal, 3


def test_groups_stand_from_the_top_of_the_face_to_its_bottom():
    """Each channel responds in a patch within one of four bands; the bands are the groups."""
    bands = [3, 0, 2, 1, 0, 3, 1, 2, 2, 0, 1, 3]
    patch = torch.arange(8.0, 0.0, -1.0).view(2, 4)
    deep = torch.zeros(1, len(bands), 8, 8)
    for channel, band in enumerate(bands):
        deep[0, channel, 2 * band : 2 * band + 2, 2:6] = patch + torch.rand(())
    shallow = deep.repeat_interleave(2, -1).repeat_interleave(2, -2)
    shallow[0, bands.index(3)] *= 10
    for block, feature in ((1, shallow), (2, deep)):
        maps, sizes = grouped([shallow, deep], block, 4)
        assert sizes == [3] * SEMANTICS
        assert maps[:, 3].isnan().all()  # no group has a fourth channel
        for band in range(SEMANTICS):
            rows = maps[band, :3].mean((0, 2)).unflatten(0, (4, -1)).sum(1)
            assert int(rows.argmax()) == band
        assert torch.equal(maps[3, 0], feature[0, bands.index(3)]) == (block == 1)


def test_a_network_without_msr_has_neither():
    network, _ = small(BASELINE)
    features = network.eval().features(torch.randn(1, 3, 32, 32))
    assert weights(network, features) is shares(network, features) is None
