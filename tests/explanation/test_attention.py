"""Class activation maps against closed forms and against differences."""

import pytest
import torch
from variants import BASELINE, OURS, SCN_SETTINGS, small

from clfer.explanation.attention import class_maps, grad_cam, layer_cam, scaled, sensitivity

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
    weight, bias = network.classifier.weight.detach(), network.classifier.bias.detach()
    logits = network(images).detach()
    for i, c in enumerate(classes.tolist()):
        maps = features[-1][i]
        cam = sum(weight[c, k] * maps[k] for k in range(len(maps)))
        torch.testing.assert_close(found[i], cam.clamp(min=0) / cam.numel())
        assert float(cam.mean() + bias[c]) == pytest.approx(float(logits[i, c]))
        above = sum(max(float(weight[c, k]), 0) * maps[k] for k in range(len(maps)))
        torch.testing.assert_close(positive[i], above / cam.numel())


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


def test_an_image_has_its_maps_alone_and_in_any_batch():
    network, images, classes = ready(OURS)
    together = class_maps(network, images, classes)
    for i in range(len(images)):
        alone = class_maps(network, images[i : i + 1], classes[i : i + 1])
        for many, one in zip(together, alone, strict=True):
            torch.testing.assert_close(many[i], one[0])


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


def test_scaling_keeps_zero():
    found = scaled(torch.tensor([[[0.0, 1.0], [4.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]]))
    assert found.tolist() == [[[0, 0.25], [1, 0.5]], [[0, 0], [0, 0]]]
