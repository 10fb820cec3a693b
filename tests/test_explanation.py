"""Attention maps against closed forms and differences; parts of the logits; groups of channels."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from variants import BASELINE, OURS, SCN_SETTINGS, small

from clfer.explanation import (
    GRID,
    PATCH,
    class_maps,
    contributions,
    denormalised,
    enlarged,
    grad_cam,
    grouped,
    layer_cam,
    occlusion,
    scaled,
    sensitivity,
    stretched,
)
from clfer.faces.preprocessing import View
from clfer.faces.views import central
from clfer.model.feature_maps import SEMANTICS

STEP = 1e-6
SCN = OURS.model_copy(update={"scn": SCN_SETTINGS})


def ready(variant, side=32, count=3):
    """A network whose normalisation does something, and images, in float64."""
    network, _ = small(variant)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    images = torch.randn(count, 3, side, side, dtype=torch.float64)
    return network.double().eval(), images, torch.arange(count) % 8


def test_with_global_pooling_grad_cam_is_the_map_of_the_heads_weights():
    """CAM as Zhou et al. define it, by loops; with the bias its mean is the logit."""
    network, images, classes = ready(BASELINE)
    features, gradients = sensitivity(network, images, classes)
    found = grad_cam(features[-1], gradients[-1])
    positive = layer_cam(features[-1], gradients[-1])
    weight, bias = (one.detach() for one in (network.classifier.weight, network.classifier.bias))
    logits = network(images).detach()
    for maps, c, *cams, logit in zip(features[-1], classes, found, positive, logits, strict=True):
        cam = sum(weight[c, k] * maps[k] for k in range(len(maps)))
        torch.testing.assert_close(cams[0], cam.clamp(min=0) / cam.numel())
        assert float(cam.mean() + bias[c]) == pytest.approx(float(logit[c]))
        above = sum(max(float(weight[c, k]), 0) * maps[k] for k in range(len(maps)))
        torch.testing.assert_close(cams[1], above / cam.numel())


@pytest.mark.parametrize("variant", [BASELINE, OURS, SCN], ids=["baseline", "ours", "scn"])
def test_maps_are_those_of_differences(variant):
    """Each activation of a position moved up and down by hand, the blocks above run again."""
    network, images, classes = ready(variant, side=16, count=2)
    found = class_maps(network, images, classes)
    with torch.no_grad():
        features = network.features(images)
        for j, maps in enumerate(features):
            side = maps.shape[-1]
            assert found[j].shape == (2, side, side)
            for i, y, x in ((0, 0, 0), (1, side // 2, side - 1)):
                slope = difference(network, features, j, i, y, x, int(classes[i]))
                expected = (slope.clamp(min=0) * maps[i, :, y, x]).sum().clamp(min=0)
                assert float(found[j][i, y, x]) == pytest.approx(float(expected), abs=1e-7)


def difference(network, features, j, i, y, x, label):
    """The slope of an image's logit in each channel of block j at one position."""
    one = [maps[i : i + 1] for maps in features]
    channels = one[j].shape[1]
    logits = []
    for step in (STEP, -STEP):
        moved = one[j].repeat(channels, 1, 1, 1)
        moved[range(channels), range(channels), y, x] += step
        every = [maps.expand(channels, -1, -1, -1) for maps in one[:j]] + [moved]
        for block in network.encoder.blocks[j + 1 :]:
            every.append(block(every[-1]))
        logits.append(network.classify(network.represent(every))[:, label])
    return (logits[0] - logits[1]) / (2 * STEP)


def test_the_network_is_left_as_it_was():
    """Frozen or not, and where gradients are off; nothing is added to its weights' gradients."""
    network, images, classes = ready(OURS)
    before = class_maps(network, images, classes)
    assert all(weight.grad is None for weight in network.parameters())
    network.requires_grad_(False)
    with torch.no_grad():
        after = class_maps(network, images, classes)
    assert all(map(torch.equal, before, after))
    assert not any(one.requires_grad for one in after)


def test_scaling_keeps_zero_and_stretching_the_order():
    maps = torch.tensor([[[0.0, 1.0], [4.0, 2.0]], [[-4.0, -4.0], [-4.0, -4.0]]])
    assert scaled(maps.relu()).tolist() == [[[0, 0.25], [1, 0.5]], [[0, 0], [0, 0]]]
    assert stretched(maps + 3).tolist() == [[[0, 0.25], [1, 0.5]], [[0, 0], [0, 0]]]
    assert stretched(torch.full((1, 2, 2), torch.nan)).isnan().all()  # where no channel is shown


def test_a_response_stays_where_it_is():
    """The brightest pixel lies in the cell that responds, at any size; a plane stays a plane."""
    for cell in ((0, 0), (1, 2), (3, 3)):
        small = torch.zeros(4, 4)
        small[cell] = 1.0
        large = enlarged(small, 64)
        assert large.shape == (64, 64)
        y, x = divmod(int(large.argmax()), 64)
        assert (y // 16, x // 16) == cell
    assert torch.equal(enlarged(torch.full((2, 3, 4, 4), 0.5), 8), torch.full((2, 3, 8, 8), 0.5))


def test_a_face_looks_as_stored():
    stored = torch.randint(0, 256, (2, 16, 16, 1), dtype=torch.uint8)
    found = denormalised(central(stored, View(resize=16, crop=16)))
    np.testing.assert_allclose(found, stored.expand(-1, -1, -1, 3) / 255, atol=1e-4)


def test_the_fall_is_what_the_patch_covers():
    """In closed form: the logit falls by what of the region lies under the patch."""
    side, rows, columns = 48, slice(8, 16), slice(30, 42)

    class Looking(torch.nn.Module):
        """Its first class is the sum of the red of one region; the other three are 0."""

        def forward(self, images):
            return F.pad(images[:, :1, rows, columns].sum((2, 3)), (0, 3))

    def shared(region, cell):
        """Pixels of a side of the region that the patch in a cell covers."""
        middle, half = (cell + 0.5) * side / GRID, side * PATCH / 2
        return max(0, min(region.stop, middle + half) - max(region.start, middle - half))

    found = occlusion(Looking(), torch.ones(3, side, side), 0)
    for y in range(GRID):
        for x in range(GRID):
            # less its part in the mean of four classes
            expected = shared(rows, y) * shared(columns, x) * 3 / 4
            assert float(found[y, x]) == pytest.approx(expected)
    other = occlusion(Looking(), torch.ones(3, side, side), 1)
    torch.testing.assert_close(other, -found / 3)  # what speaks for one speaks against the rest


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
