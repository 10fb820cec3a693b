"""Eq. 3-7 and 12 against loops written from the paper."""

import math

import pytest
import torch
from variants import CLBS_SETTINGS, CLFM_SETTINGS, OURS, small

from clfer.model.batch_samples import BatchSampleContrast
from clfer.model.contrast import agreement, unit
from clfer.model.feature_maps import FeatureMapContrast


def slow_agreement(shallow, centroids):
    """Eq. 3-6 for one set: [N, D] and [K, D] as nested lists."""

    def cosine(a, b):
        product = sum(x * y for x, y in zip(a, b, strict=True))
        lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
        return product / lengths if lengths else 0.0

    groups = [[] for _ in centroids]
    for vector in shallow:
        similarities = [cosine(vector, phi) for phi in centroids]
        groups[similarities.index(max(similarities))].append(vector)
    means = [
        [sum(v[d] for v in group) / len(group) for d in range(len(centroids[0]))]
        if group
        else [0.0] * len(centroids[0])
        for group in groups
    ]
    return cosine([x for m in means for x in m], [x for c in centroids for x in c])


@pytest.mark.parametrize("seed", range(5))
def test_agreement_follows_the_paper(seed):
    random = torch.Generator().manual_seed(seed)
    shallow = torch.randn(4, 30, 6, generator=random, dtype=torch.float64)
    centroids = torch.randn(4, 3, 6, generator=random, dtype=torch.float64)
    found = agreement(shallow, centroids, torch.ones(4, 3, dtype=torch.bool))
    expected = [
        slow_agreement(s.tolist(), c.tolist()) for s, c in zip(shallow, centroids, strict=True)
    ]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_an_empty_group_lowers_the_agreement():
    centroids = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    occupied = torch.ones(1, 2, dtype=torch.bool)
    both = agreement(centroids.clone(), centroids, occupied)
    one = agreement(centroids[:, :1].clone(), centroids, occupied)
    assert float(both) == pytest.approx(1.0)
    assert float(one) == pytest.approx(1 / math.sqrt(2))


def test_agreement_does_not_depend_on_the_order_of_channels():
    shallow, centroids = torch.randn(2, 40, 16), torch.randn(2, 4, 16)
    occupied = torch.ones(2, 4, dtype=torch.bool)
    torch.testing.assert_close(
        agreement(shallow, centroids, occupied),
        agreement(shallow[:, torch.randperm(40)], centroids, occupied),
    )


def test_unit_vectors_and_the_zero_vector():
    vectors = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    scaled = unit(vectors)
    scaled.sum().backward()
    torch.testing.assert_close(scaled, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    assert vectors.grad.isfinite().all()
    assert (vectors.grad[1] == 0).all()


def gradients(settings, images=4):
    """Gradient norm at each block's parameters, from the CLFM loss alone."""
    network, contrast = small(OURS.model_copy(update={"clfm": settings, "clbs": None}))
    pictures = torch.randn(images, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    features = network.features(pictures)
    loss, _ = contrast(
        features, torch.zeros(images, dtype=torch.long), torch.rand(images, 4), torch.rand(0)
    )
    if loss.requires_grad:
        loss.backward()
    return [
        math.sqrt(
            sum(float(p.grad.square().sum()) for p in block.parameters() if p.grad is not None)
        )
        for block in network.encoder.blocks
    ]


def test_the_soft_code_trains_block_2_and_the_hard_code_trains_nothing():
    soft = gradients(CLFM_SETTINGS)
    assert soft[1] > 1e-4
    assert soft[3] > 1e-6
    assert gradients(CLFM_SETTINGS.model_copy(update={"hash": "hard"})) == [0, 0, 0, 0]


def test_a_detached_deep_side_leaves_the_deepest_blocks_alone():
    detached = gradients(CLFM_SETTINGS.model_copy(update={"detach_deep": True}))
    assert detached[1] > 1e-4
    assert detached[2:] == [0, 0]


def test_layers_of_weight_zero_have_no_parameters():
    module = FeatureMapContrast((8, 16, 32, 64), CLFM_SETTINGS)
    assert set(module.convolutions) == {"1", "3"}


def test_clfm_of_an_image_does_not_depend_on_its_batch():
    _, contrast = small(OURS)
    pooled = {1: torch.randn(5, 128, 4, 4), 3: torch.randn(5, 512, 4, 4)}
    draws = torch.rand(5, 4)
    whole = contrast.clfm(pooled, draws)
    singly = [
        contrast.clfm({j: p[i : i + 1] for j, p in pooled.items()}, draws[i : i + 1])
        for i in range(5)
    ]
    torch.testing.assert_close(whole, torch.stack(singly).mean())


def test_clbs_with_class_centers_is_equation_12():
    settings = CLBS_SETTINGS.model_copy(update={"centers": "class"})
    module = BatchSampleContrast((8, 16, 32, 64), 4, settings)
    pooled = {1: torch.randn(12, 16, 4, 4), 3: torch.randn(12, 64, 4, 4)}
    labels = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2, 2, 0, 1, 2])  # class 3 is absent
    deep, shallow = (module.project(pooled[j], j).double() for j in (3, 1))
    centers = [deep[labels == t].mean(0).tolist() for t in range(3)]
    expected = -0.1 * slow_agreement(shallow.tolist(), centers)
    found = module(pooled, labels, torch.rand(4))
    assert float(found.detach()) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("images", [1, 2, 5])
def test_clbs_takes_fewer_samples_than_clusters(images):
    module = BatchSampleContrast((8, 16, 32, 64), 8, CLBS_SETTINGS)
    pooled = {1: torch.randn(images, 16, 4, 4), 3: torch.randn(images, 64, 4, 4)}
    loss = module(pooled, torch.zeros(images, dtype=torch.long), torch.rand(8))
    loss.backward()
    assert -0.1 - 1e-6 <= float(loss.detach()) <= 0
    assert all(p.grad.isfinite().all() for p in module.parameters())


def test_dead_features_give_no_loss_and_a_finite_gradient():
    module = BatchSampleContrast((8, 16, 32, 64), 4, CLBS_SETTINGS)
    pooled = {1: torch.zeros(6, 16, 4, 4), 3: torch.zeros(6, 64, 4, 4)}
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    loss = module(pooled, torch.zeros(6, dtype=torch.long), torch.rand(4))
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(p.grad.isfinite().all() for p in module.parameters())
