"""CLBS, its loss of a batch (eq. 7 and 12), against loops from maps to loss."""

import pytest
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from variants import CLBS_SETTINGS

from clfer.model.batch_samples import BatchSampleContrast

CHANNELS = (5, 7, 9, 12)


def module(channels=CHANNELS, classes=3, **changes):
    """In double precision."""
    small = {"beta": (0.3, 0.0, 0.7), "fd": 10} | changes
    settings = CLBS_SETTINGS.model_copy(update=small)
    return BatchSampleContrast(channels, classes, settings).double()


def random_maps(seed, images, layers=(0, 2, 3)):
    random = torch.Generator().manual_seed(seed)
    return {
        j: torch.randn(images, CHANNELS[j], 2, 3, generator=random, dtype=torch.float64)
        for j in layers
    }


def draws(seed, *shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def no_labels(images):
    return torch.full((images,), -1)


def slow_loss(clbs, maps, labels, uniform):
    return references.batch_sample_loss(
        {j: m.numpy() for j, m in maps.items()},
        {
            int(j): [(p[i].weight.detach().numpy(), p[i].bias.detach().numpy()) for i in (0, 1)]
            for j, p in clbs.projections.items()
        },
        clbs.settings,
        uniform.numpy(),
        labels.tolist(),
        clbs.classes,
    )


@given(
    seed=st.integers(0, 2**31),
    images=st.integers(1, 9),
    restarts=st.integers(1, 3),
    classes=st.integers(2, 6),
    k=st.sampled_from([None, 2, 5]),
    beta=st.sampled_from([(0.3, 0.0, 0.7), (0.0, 0.2, 0.0), (0.1, 0.2, 0.3)]),
    centers=st.sampled_from(["kmeans", "class"]),
    groups=st.sampled_from(["nearest", "own"]),
)
@settings(max_examples=100, deadline=None)
def test_the_loss_is_equation_7_or_with_class_centers_12(
    seed, images, restarts, classes, k, beta, centers, groups
):
    """Also with fewer samples than clusters. Classes may be absent, labels too; the unlabelled
    samples still join a class by eq. 4, or with groups of their own none.
    """
    torch.manual_seed(seed)
    clbs = module(classes=classes, k=k, beta=beta, centers=centers, groups=groups)
    maps, uniform = random_maps(seed, images, range(4)), draws(seed, restarts, k or classes)
    labels = torch.randint(-1, classes, (images,))
    labels[seed % images] = seed % classes
    found = float(clbs(maps, labels, uniform).detach())
    assert found == pytest.approx(slow_loss(clbs, maps, labels, uniform), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("centers", ["kmeans", "class"])
def test_the_gradient_of_the_loss(centers):
    """In the maps, and in the last layer's weights, with the clusters as they fall."""
    clbs = module(centers=centers)
    maps, labels = random_maps(2, 6), torch.tensor([0, 1, 1, 2, -1, 0])
    names = [f"projections.{j}.1.weight" for j in (0, 2, 3)]
    uniform = draws(2, 1, 3)

    def loss(*values):
        given = dict(zip(clbs.layers, values, strict=False))
        changed = dict(zip(names, values[len(given) :], strict=True))
        return torch.func.functional_call(clbs, changed, (given, labels, uniform))

    weights = [clbs.get_parameter(name) for name in names]
    inputs = [value.detach().clone().requires_grad_() for value in (*maps.values(), *weights)]
    assert torch.autograd.gradcheck(loss, inputs, fast_mode=True)


@pytest.mark.parametrize(("groups", "expected"), [("nearest", -1 / 3), ("own", -1)])
def test_vectors_that_all_point_one_way(groups, expected):
    """They join one of the nine centroids of equal length, or each its own."""
    clbs = module((2, 2, 2, 2), fd=4, k=9, beta=(0.0, 1.0, 0.0), groups=groups)
    for projection in clbs.projections.values():
        projection[1].bias.data.fill_(1e6)  # beside which what tells the images apart is nothing
    maps = {j: torch.rand(30, 2, 2, 2, dtype=torch.float64) for j in (1, 3)}
    found = float(clbs(maps, no_labels(30), draws(0, 1, 9)).detach())
    assert found == pytest.approx(expected, abs=1e-4)


DEAD = {"maps": 0.0, "weights": 0.0}
DEGENERATE = {
    "one sample": (1, [0], {}),
    "fewer samples than clusters": (5, [0] * 5, {}),
    "equal samples": (6, [0] * 6, {"maps": 2.0}),
    "dead features": (6, [0, 0, 1, 1, 1, 0], DEAD),
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("centers", ["kmeans", "class"])
def test_a_degenerate_batch_gives_a_finite_loss_and_gradient(centers, name):
    images, labels, constant = DEGENERATE[name]
    clbs, maps = module(classes=8, centers=centers), random_maps(0, images)
    if "maps" in constant:
        maps = {j: torch.full_like(m, constant["maps"]) for j, m in maps.items()}
    if "weights" in constant:
        for parameter in clbs.parameters():
            torch.nn.init.constant_(parameter, constant["weights"])
    loss = clbs(maps, torch.tensor(labels), draws(0, 1, 8))
    loss.backward()
    value = float(loss.detach())
    assert value == 0 if name == "dead features" else -1 - 1e-9 <= value < 0
    assert all(p.grad.isfinite().all() for p in clbs.parameters())


def test_class_centers_without_any_label_give_no_loss_and_a_finite_gradient():
    clbs = module(centers="class")
    loss = clbs(random_maps(0, 4), no_labels(4), draws(0, 1, 3))
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(p.grad.isfinite().all() for p in clbs.parameters())


def test_layers_of_weight_zero_have_no_parameters_and_are_never_asked_for():
    clbs = module(beta=(0.0, 0.1, 0.0))
    assert set(clbs.projections) == {"1", "3"}
    assert float(clbs(random_maps(0, 4, (1, 3)), no_labels(4), draws(0, 1, 3)).detach()) != 0


def test_the_deepest_layer_learns_unless_it_is_detached():
    for detach in (False, True):
        clbs = module(detach_deep=detach)
        clbs(random_maps(0, 5), no_labels(5), draws(0, 1, 3)).backward()
        gradient = clbs.projections["3"][0].weight.grad
        assert (gradient is None) == detach
        assert clbs.projections["0"][0].weight.grad.abs().max() > 0
