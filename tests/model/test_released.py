"""The released code's head and contrast against loops written from its formulas, and what they
imply: an answer that depends on the batch, and a loss that trains nothing.
"""

import math

import pytest
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


def shuffled_pixels(maps, r):
    """[C, H, W] to [C / r^2, H r, W r], number by number."""
    channels, height, width = maps.shape
    out = torch.zeros(channels // r**2, height * r, width * r)
    for c in range(channels // r**2):
        for a in range(r):
            for b in range(r):
                out[c, a::r, b::r] = maps[c * r**2 + a * r + b]
    return out


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
            large = shuffled_pixels(features[j][i], 2 ** (j + 1))
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
        means, centroids = grouped(shallow[i].tolist(), deep[i].tolist(), clusters[i].tolist(), 4)
        for number in range(4):
            column = [mean[number] for mean in means], [one[number] for one in centroids]
            along_groups.append(cosine(*column))
    expected = -0.05 * sum(along_groups) / len(along_groups)
    assert float(losses["loss_fm"]) == pytest.approx(expected, abs=1e-5)

    part = contrast.released
    deep, shallow = (part.vector(features[j], j).detach() for j in (3, 1))
    assert deep.shape == (images, 484)
    groups = min(CLASSES, images)
    clusters = kmeans(deep[None], per_batch[None, :, :groups], 10)[0]
    means, centroids = grouped(shallow.tolist(), deep.tolist(), clusters.tolist(), groups)
    matches = [cosine(*pair) for pair in zip(means, centroids, strict=True)]
    expected = -0.05 * sum(matches) / groups
    assert losses["loss_bs"].item() == pytest.approx(expected, abs=1e-5)

    assert not losses["loss_fm"].requires_grad  # half of the contrast trains nothing
    losses["loss_bs"].backward()
    assert all(features[j].grad.abs().sum() > 0 for j in (1, 3))
    assert all(features[j].grad is None for j in (0, 2))


def grouped(shallow, deep, clusters, k):
    """Means of the shallow vectors that join each centroid, and the centroids."""
    numbers = range(len(deep[0]))
    centroids = []
    for group in range(k):
        members = [one for one, own in zip(deep, clusters, strict=True) if own == group]
        count = max(len(members), 1)
        centroids.append([sum(one[d] for one in members) / count for d in numbers])
    joined = [[] for _ in range(k)]
    for vector in shallow:
        occupied = [g for g in range(k) if g in clusters]
        joined[max(occupied, key=lambda g: cosine(vector, centroids[g]))].append(vector)
    means = [
        [sum(one[d] for one in members) / len(members) for d in numbers] if members else centroid
        for members, centroid in zip(joined, centroids, strict=True)
    ]
    return means, centroids


def test_what_does_not_fit_is_said():
    with pytest.raises(InputError, match="multiple of 256 channels, found 128"):
        ReleasedHead((16, 32, 64, 128), Released())
    network, _ = built()
    with pytest.raises(InputError, match="expected a map of 56 x 56 from block 1, found 32"):
        network(torch.rand(2, 3, 64, 64))
    with pytest.raises(ValueError, match="expected no other"):
        Variant(released=Released(), msr={})
