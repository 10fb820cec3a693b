"""CLBS, its loss of a batch (eq. 7 and 12), against loops from maps to loss."""

import pytest
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import CHANNELS, draws, random_maps
from variants import CLBS_SETTINGS

from clfer.errors import InputError
from clfer.model.batch_samples import BatchSampleContrast


def module(channels=CHANNELS, classes=3, **changes):
    """In double precision."""
    small = {"beta": (0.3, 0.0, 0.7), "fd": 10} | changes
    settings = CLBS_SETTINGS.model_copy(update=small)
    return BatchSampleContrast(channels, classes, settings).double()


@given(
    seed=st.integers(0, 2**31),
    images=st.integers(1, 9),
    restarts=st.integers(1, 3),
    classes=st.integers(2, 6),
    k=st.sampled_from([None, 2, 5]),
    beta=st.sampled_from([(0.3, 0.0, 0.7), (0.0, 0.2, 0.0), (0.1, 0.2, 0.3)]),
    centers=st.sampled_from(["kmeans", "class"]),
    groups=st.sampled_from(["nearest", "own"]),
    normalised=st.booleans(),
    centred=st.booleans(),
    deep=st.sampled_from(["head", "features"]),
    loss=st.sampled_from(["cosine", "softmax"]),
    temperature=st.sampled_from([0.1, 1.0]),
)
@settings(max_examples=200)
def test_the_loss_is_equation_7_or_with_class_centers_12(
    seed, images, restarts, classes, **changes
):
    """And what is not in the paper. Also with fewer samples than clusters. Classes may be absent,
    labels too; the unlabelled samples still join a class by eq. 4, or with groups of their own
    none.
    """
    torch.manual_seed(seed)
    images = max(images, 2) if changes["normalised"] else images
    clbs = module(classes=classes, **changes)
    maps, uniform = random_maps(seed, images, range(4)), draws(seed, restarts, clbs.k)
    labels = torch.randint(-1, classes, (images,))
    labels[seed % images] = seed % classes
    projections = {
        int(j): [references.layer(p[i]) for i in (0, 1)] for j, p in clbs.projections.items()
    }
    expected = references.batch_sample_loss(
        references.arrays(maps),
        {j: projections.get(j) for j in clbs.layers},
        clbs.settings,
        uniform.numpy(),
        labels.tolist(),
        clbs.classes,
    )
    loss, joined = clbs(maps, labels, uniform)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert 0.99 < joined < max(clbs.k, clbs.classes) + 0.01


def test_features_get_no_gradient_and_heads_do():
    clbs = module(deep="features", loss="softmax", groups="own")
    maps = {j: m.requires_grad_() for j, m in random_maps(0, 6).items()}
    clbs(maps, torch.full((6,), -1), draws(0, 1, 3))[0].backward()
    assert maps[3].grad is None
    assert all(maps[j].grad.abs().sum() > 0 for j in (0, 2))


def test_a_single_image_cannot_be_normalised():
    with pytest.raises(InputError, match=r"clbs.normalised: expected at least 2 images in a batch"):
        module(normalised=True)(random_maps(0, 1), torch.tensor([0]), draws(0, 1, 3))


@pytest.mark.parametrize("changes", [{"normalised": True}, {"centred": True}])
def test_vectors_that_all_but_point_one_way_are_told_apart(changes):
    """What the paper's heads start with: most of a vector is the same for all images."""
    clbs = module((2, 2, 2, 2), fd=4, k=3, beta=(0.0, 1.0, 0.0), **changes)
    for projection in clbs.projections.values():
        projection[1].bias.data.fill_(100.0)
    maps = torch.rand(30, 2, 2, 2, dtype=torch.float64)
    vectors = clbs.vectors(maps, 3)[0].detach()
    cosine = torch.nn.functional.cosine_similarity(vectors[:, None], vectors[None], dim=2)
    assert float(cosine.mean()) < 0.6


@pytest.mark.parametrize(("groups", "expected"), [("nearest", -1 / 3), ("own", -1)])
def test_vectors_that_all_point_one_way(groups, expected):
    """They join one of the nine centroids of equal length, or each its own."""
    clbs = module((2, 2, 2, 2), fd=4, k=9, beta=(0.0, 1.0, 0.0), groups=groups)
    for projection in clbs.projections.values():
        projection[1].bias.data.fill_(1e6)  # beside which what tells the images apart is nothing
    maps = {j: torch.rand(30, 2, 2, 2, dtype=torch.float64) for j in (1, 3)}
    loss, joined = clbs(maps, torch.full((30,), -1), draws(0, 1, 9))
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-4)
    assert joined == (1 if groups == "nearest" else 9)


DEGENERATE = {
    "one sample": ([0], None),
    "fewer samples than clusters": ([0] * 5, None),
    "equal samples": ([0] * 6, "maps"),
    "dead features": ([0, 0, 1, 1, 1, 0], "weights"),
    "no labels": ([-1] * 4, None),
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("centers", ["kmeans", "class"])
@pytest.mark.parametrize("changes", [{}, {"loss": "softmax", "centred": True, "groups": "own"}])
def test_a_degenerate_batch_gives_a_finite_loss_and_gradient(name, centers, changes):
    labels, constant = DEGENERATE[name]
    clbs, maps = module(classes=8, centers=centers, **changes), random_maps(0, len(labels))
    if constant == "maps":
        maps = {j: torch.full_like(m, 2.0) for j, m in maps.items()}
    elif constant == "weights":
        for parameter in clbs.parameters():
            torch.nn.init.zeros_(parameter)
    loss, _ = clbs(maps, torch.tensor(labels), draws(0, 1, 8))
    loss.backward()
    value = float(loss.detach())
    if changes:
        assert 0 <= value < float("inf")
    elif constant == "weights" or (name == "no labels" and centers == "class"):
        assert value == 0
    else:
        assert -1 - 1e-9 <= value < 0
    assert all(p.grad.isfinite().all() for p in clbs.parameters())


def test_the_gradient_has_the_order_of_the_maps():
    """In another one, whatever comes after it in the backward pass takes longer."""
    maps, uniform = random_maps(0, 4, range(4)), draws(0, 1, 3)
    maps = {j: f.to(memory_format=torch.channels_last).requires_grad_() for j, f in maps.items()}
    loss, _ = module()(maps, torch.zeros(4, dtype=torch.long), uniform)
    for gradient in torch.autograd.grad(loss, [maps[j] for j in (0, 2, 3)]):
        assert gradient.is_contiguous(memory_format=torch.channels_last)
