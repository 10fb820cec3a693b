"""The released code's head and contrast against loops written from its formulas, and what they
imply: an answer that depends on the batch, and a loss that trains nothing.
"""

import math

import numpy as np
import pytest
import references
import torch
from references import cosine
from torch.nn import functional as F

from clfer.errors import InputError
from clfer.model.clustering import kmeans
from clfer.model.network import build
from clfer.model.released import ReleasedHead, code
from clfer.model.variant import Released, Variant

CHANNELS, SIDES, CLASSES = (64, 128, 256, 512), (56, 28, 14, 7), 7


def built(seed=0, **settings):
    variant = Variant(released=Released(**settings))
    return build("resnet18", "none", "small", CLASSES, variant, seed)


def features_of(images, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = zip(CHANNELS, SIDES, strict=True)
    return [torch.rand(images, c, side, side, generator=generator) for c, side in sizes]


@torch.no_grad()
def test_the_head_is_that_of_the_formulas():
    network, _ = built(contrast=0.0)
    head, features = network.representation.eval(), features_of(3)
    vectors = []
    for i in range(3):
        total = 0
        kernels = ((4, 11, 1), (8, 11, 3), (16, 10, 2), (32, 8, 0))
        for j, (size, stride, padding) in enumerate(kernels):
            weight = head.scale[j][1].weight
            assert weight.shape == (128, 16 >> j, size, size)
            large = F.pixel_shuffle(features[j][i], 2 ** (j + 1))
            total = total + F.conv2d(large[None], weight, stride=stride, padding=padding)
        assert total.shape == (1, 128, 11, 11)
        h = F.conv2d(total, head.fuse[0].weight, padding=1) / math.sqrt(1 + head.fuse[1].eps)
        vectors.append(h[0].mean(0).flatten())
    own = torch.stack(vectors)
    torch.testing.assert_close(head(features), own + own.mean(0), rtol=1e-4, atol=1e-6)
    logits = network.classify(head(features))
    W, b = network.classifier.weight, network.classifier.bias
    expected = own @ W.T + b + (own @ W.T).mean(0)  # z_i + the batch's mean of z
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_an_answer_depends_on_the_batch_and_with_the_running_mean_it_does_not():
    images = torch.rand(6, 3, 112, 112)
    for mean in ("batch", "running"):
        network, _ = built(mean=mean)
        network.train()(images)  # moves the running mean
        network.eval()
        together, alone = network(images), torch.cat([network(one[None]) for one in images])
        assert torch.allclose(together, alone, atol=1e-5) == (mean == "running")
    assert network.representation.running.abs().sum() > 0


def test_codes_are_pooled_positions_in_rows_of_eight():
    maps = torch.zeros(1, 1, 28, 28)
    maps[0, 0, 6:9, 24:27] = 5  # row 2, column 8 of 9: position 26
    maps[0, 0, 0:3, 3:6] = 3  # position 1
    assert code(maps).tolist() == [[[26 // 8, 26 % 8, 0, 1]]]


@pytest.mark.parametrize("images", [2, 5, 9])
def test_the_losses_are_those_of_loops(images):
    _, contrast = built(contrast=0.1)
    features = [one.requires_grad_() for one in features_of(images, seed=images)]
    (restarts, k), (_, classes) = contrast.draws
    per_image, per_batch = torch.rand(images, restarts, k), torch.rand(1, classes)
    labels = torch.zeros(images, dtype=torch.long)
    losses, _ = contrast(features, labels, per_image, per_batch, [])

    along_groups = []
    deep, shallow = code(features[3]), code(features[1])
    clusters = kmeans(deep, per_image, 10)
    for i in range(images):
        means, centroids = grouped(shallow[i], deep[i], clusters[i], 4)
        along_groups += map(cosine, means.T, centroids.T)
    expected = -0.05 * sum(along_groups) / len(along_groups)
    assert float(losses["loss_fm"]) == pytest.approx(expected, abs=1e-5)

    part = contrast.released
    deep, shallow = (part.vector(features[j], j).detach() for j in (3, 1))
    assert deep.shape == (images, 484)
    groups = min(CLASSES, images)
    clusters = kmeans(deep[None], per_batch[None, :, :groups], 10)[0]
    means, centroids = grouped(shallow, deep, clusters, groups)
    expected = -0.05 * sum(map(cosine, means, centroids)) / groups
    assert losses["loss_bs"].item() == pytest.approx(expected, abs=1e-5)

    assert not losses["loss_fm"].requires_grad  # half of the contrast trains nothing
    losses["loss_bs"].backward()
    assert all(features[j].grad.abs().sum() > 0 for j in (1, 3))
    assert all(features[j].grad is None for j in (0, 2))


def grouped(shallow, deep, clusters, k):
    """Means of the shallow vectors that join each centroid, or else itself, and the centroids: zero
    without a member.
    """
    shallow, deep = shallow.double().numpy(), deep.double().numpy()
    there = references.group_means(deep, clusters, k)
    joined = references.group_means(shallow, references.assign(shallow, there), k)
    centroids = np.array([0 * deep[0] if one is None else one for one in there])
    pairs = zip(joined, centroids, strict=True)
    return np.array([one if mean is None else mean for mean, one in pairs]), centroids


def test_what_does_not_fit_is_said():
    with pytest.raises(InputError, match="multiple of 256 channels, found 128"):
        ReleasedHead((16, 32, 64, 128), Released())
    network, _ = built()
    with pytest.raises(InputError, match="expected a map of 56 x 56 from block 1, found 32"):
        network(torch.rand(2, 3, 64, 64))
    with pytest.raises(ValueError, match="expected no other"):
        Variant(released=Released(), msr={})
