"""CLFM (eq. 1-6) against loops from maps to loss; semantic groups on maps made by hand."""

import pytest
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from variants import CLFM_SETTINGS

from clfer.errors import InputError
from clfer.model.feature_maps import FeatureMapContrast, semantic_groups

CHANNELS = (5, 7, 9, 12)


def module(channels=CHANNELS, **changes):
    """In double precision."""
    small = {"alpha": (0.3, 0.0, 0.7), "k": 3, "fd": 6, "temperature": 0.5} | changes
    return FeatureMapContrast(channels, CLFM_SETTINGS.model_copy(update=small)).double()


def random_maps(seed, images, channels=CHANNELS, layers=(0, 2, 3), side=3):
    random = torch.Generator().manual_seed(seed)
    shape = images, side, side + 1
    maps = {}
    for j in layers:
        maps[j] = torch.randn(channels[j], *shape, generator=random, dtype=torch.float64)
    return {j: m.transpose(0, 1).contiguous() for j, m in maps.items()}


def draws(seed, *shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow_codes(clfm, maps):
    weights = {
        int(j): (c.weight.detach().numpy()[:, :, 0, 0], c.bias.detach().numpy())
        for j, c in clfm.convolutions.items()
    }
    return references.codes({j: m.numpy() for j, m in maps.items()}, weights, clfm.settings)


sizes = {
    "seed": st.integers(0, 2**31),
    "images": st.integers(1, 3),
    "restarts": st.integers(1, 2),
    "k": st.integers(2, 5),
    "alpha": st.sampled_from([(0.3, 0.0, 0.7), (0.0, 0.2, 0.0), (0.1, 0.2, 0.3)]),
    "detach": st.booleans(),
}


@given(**sizes)
@settings(max_examples=60, deadline=None)
def test_the_loss_is_equations_1_to_6(seed, images, restarts, k, alpha, detach):
    torch.manual_seed(seed)
    clfm = module(k=k, alpha=alpha, detach_deep=detach)
    maps, uniform = random_maps(seed, images, layers=range(4)), draws(seed, images, restarts, k)
    codes = slow_codes(clfm, maps)
    pairs = zip(codes[3], uniform.numpy(), strict=True)
    clusters = [references.kmeans(deep, u, clfm.settings.iterations) for deep, u in pairs]
    expected = references.feature_map_loss(codes, clfm.settings, clusters)
    assert float(clfm(maps, uniform).detach()) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.integers(0, 2**31), st.sampled_from([(0.3, 0.0, 0.7), (0.0, 0.2, 0.0)]))
@settings(max_examples=12, deadline=None)
def test_the_gradient_of_the_loss(seed, alpha):
    """In the maps and in the convolutions, with the clusters as they fall."""
    torch.manual_seed(seed)
    clfm = module(channels=(2, 3, 4, 5), alpha=alpha, k=2)
    maps = random_maps(seed, 2, (2, 3, 4, 5), clfm.layers)
    names, weights = zip(*clfm.named_parameters(), strict=True)
    uniform = draws(seed, 2, 1, 2)

    def loss(*values):
        given = dict(zip(clfm.layers, values, strict=False))
        changed = dict(zip(names, values[len(given) :], strict=True))
        return torch.func.functional_call(clfm, changed, (given, uniform))

    inputs = [value.detach().clone().requires_grad_() for value in (*maps.values(), *weights)]
    assert torch.autograd.gradcheck(loss, inputs, fast_mode=True)


def test_layers_of_weight_zero_have_no_parameters_and_are_never_asked_for():
    clfm = module(alpha=(0.0, 0.1, 0.0))
    assert set(clfm.convolutions) == {"1", "3"}
    maps = random_maps(0, 2, layers=(1, 3))
    assert float(clfm(maps, draws(0, 2, 1, 3)).detach()) != 0


def test_the_deepest_layer_learns_unless_it_is_detached():
    for detach in (False, True):
        clfm = module(detach_deep=detach)
        clfm(random_maps(0, 2), draws(0, 2, 1, 3)).backward()
        gradient = clfm.convolutions["3"].weight.grad
        assert (gradient is None) == detach
        assert clfm.convolutions["0"].weight.grad.abs().max() > 0


@pytest.mark.parametrize("value", [0.0, 7.0])
@pytest.mark.parametrize("which", [(0,), (3,), (0, 2, 3)])
@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_constant_maps_give_a_finite_loss_and_gradient(value, which, kind):
    clfm, maps = module(hash=kind), random_maps(0, 2)
    for j in which:
        maps[j] = torch.full_like(maps[j], value)
    for m in maps.values():
        m.requires_grad_()
    loss = clfm(maps, draws(0, 2, 2, 3))
    assert loss.isfinite()
    assert abs(float(loss.detach())) <= 1 + 1e-9
    assert loss.requires_grad == (kind == "soft")
    if kind == "soft":
        loss.backward()
        assert all(v.grad.isfinite().all() for v in (*maps.values(), *clfm.parameters()))


def test_more_clusters_than_channels_leave_the_loss_finite():
    clfm = module(k=15)
    loss = clfm(random_maps(0, 2), draws(0, 2, 1, 15))
    loss.backward()
    assert -1 <= float(loss.detach()) < 0
    assert all(p.grad.isfinite().all() for p in clfm.parameters())


def test_maps_too_small_for_the_code_are_refused():
    clfm = module(fd=24)
    with pytest.raises(InputError, match=r"clfm.fd: the deepest map has 12 .* under 24; found 24"):
        clfm(random_maps(0, 1), draws(0, 1, 1, 3))


SIDE = 8
BANDS = (0, 2, 4, 6)  # first row of each of four bands


def banded(bands, side=SIDE):
    """Maps [1, C, side, side]: channel c responds along one row of band `bands[c]` of the deepest
    grid, from left to right ever less, over a little noise.
    """
    maps = torch.rand(1, len(bands), side, side) * 0.01
    step = side // SIDE
    for channel, band in enumerate(bands):
        top = BANDS[band] * step
        maps[0, channel, top : top + step] += torch.linspace(2, 1, SIDE).repeat_interleave(step)
    return maps


DEEP = [3, 0, 2, 1, 0, 3, 1, 2, 2, 1]
SHALLOW = [1, 1, 3, 0, 2, 0]


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_numbered_from_the_top_whatever_kmeans_draws(seed):
    features = [banded(SHALLOW, 4 * SIDE), banded(SHALLOW[::-1], 2 * SIDE), banded(DEEP)]
    first, second, deep = semantic_groups(features, draws(seed, 1, 3, 4), 8)
    assert deep.tolist() == [DEEP]
    assert first.tolist() == [SHALLOW]
    assert second.tolist() == [SHALLOW[::-1]]


def test_each_image_is_grouped_by_itself():
    pair = [torch.cat([banded(one), banded(one[::-1])]) for one in (SHALLOW, DEEP)]
    shallow, deep = semantic_groups(pair, draws(0, 2, 3, 4), 8)
    assert deep.tolist() == [DEEP, DEEP[::-1]]
    assert shallow.tolist() == [SHALLOW, SHALLOW[::-1]]


def test_dead_channels_and_constant_maps_are_grouped_too():
    features = [torch.zeros(2, 3, SIDE, SIDE), torch.zeros(2, 5, SIDE, SIDE)]
    for groups in semantic_groups(features, draws(0, 2, 3, 4), 8):
        assert ((groups >= 0) & (groups < 4)).all()
