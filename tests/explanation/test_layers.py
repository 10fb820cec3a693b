"""Parts of the logits against the network's own logits, and groups of channels that are known."""

import pytest
import torch
from variants import BASELINE, OURS, SCN_SETTINGS, small

from clfer.explanation.layers import contributions, grouped
from clfer.model.feature_maps import SEMANTICS

SCN = OURS.model_copy(update={"scn": SCN_SETTINGS})


@pytest.mark.parametrize("variant", [OURS, SCN], ids=["ours", "scn"])
def test_parts_add_up_to_the_prediction(variant):
    """And F is the sum of the blocks' vectors by mu, found again by least squares."""
    network, _ = small(variant)
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        features = network.eval().features(images)
        reshaped, vectors = network.representation.reshape(features), network.represent(features)
        bias = network.classifier.bias * network.importance(vectors)[:, None]
        expected = network(images).softmax(1)
    mu, parts = contributions(network, features)
    assert parts.shape == (3, 4, 8)
    assert float(parts.mean(2).abs().max()) < 1e-6
    torch.testing.assert_close((parts.sum(1) + bias).softmax(1), expected)
    solved = torch.linalg.lstsq(reshaped.mT.double(), vectors.double().unsqueeze(2)).solution
    torch.testing.assert_close(mu, solved.squeeze(2).float())
    assert ((mu > 0) & (mu < 1)).all()
    assert contributions(small(BASELINE)[0], features) is None


def test_groups_stand_from_the_top_of_the_face_to_its_bottom_each_by_its_strongest():
    """Each channel responds in a patch within one of four bands; the bands are the groups."""
    bands = [3, 0, 2, 1, 0, 3, 1, 2, 2, 0, 1, 3]
    strength = torch.tensor([1.0, 4, 2, 5, 4, 3, 6, 7, 9, 5, 1, 2])  # channels 1 and 4 are equal
    deep = torch.zeros(1, len(bands), 8, 8)
    for channel, band in enumerate(bands):
        patch = torch.arange(8.0, 0.0, -1.0).view(2, 4)
        deep[0, channel, 2 * band : 2 * band + 2, 2:6] = patch * strength[channel]
    shallow = deep.repeat_interleave(2, -1).repeat_interleave(2, -2)
    for block, feature in ((1, shallow), (2, deep)):
        maps, sizes = grouped([shallow, deep], block, 4)
        assert sizes == [3] * SEMANTICS
        assert maps[:, 3].isnan().all()  # no group has a fourth channel
        for band, order in enumerate([[9, 1, 4], [6, 3, 10], [8, 7, 2], [5, 11, 0]]):
            assert torch.equal(maps[band, :3], feature[0, order])
    assert torch.equal(grouped([shallow, deep], 2, 1)[0][:, 0], deep[0, [9, 6, 8, 5]])
