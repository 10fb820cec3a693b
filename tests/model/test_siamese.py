"""SimSiam's loss against loops, and its stopped gradient against a projection that is constant."""

import pytest
import references_network as references
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from clfer.errors import InputError
from clfer.model.comparators import SiameseContrast
from clfer.model.variant import SimSiam


def random_case(seed, images=6, width=4, fd=5, bottleneck=3, weight=0.5):
    """In double precision, with scales and shifts that are not the initial ones."""
    torch.manual_seed(seed)
    head = SiameseContrast(width, SimSiam(weight=weight, fd=fd, bottleneck=bottleneck)).double()
    for module in head.modules():
        if isinstance(module, nn.BatchNorm1d) and module.affine:
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.normal_()
    views = torch.randn(2, images, width, dtype=torch.float64)
    return head, views[0], views[1]


def layers(modules):
    """What the reference takes: (matrix, bias, scale and shift, whether ReLU follows) a layer."""
    found = []
    for module in modules:
        if isinstance(module, nn.Linear):
            bias = None if module.bias is None else module.bias.detach().numpy()
            found.append([module.weight.detach().numpy(), bias, None, False])
        elif isinstance(module, nn.BatchNorm1d):
            scale = module.weight.detach().numpy() if module.affine else 1.0
            found[-1][2] = (scale, module.bias.detach().numpy() if module.affine else 0.0)
        else:
            assert isinstance(module, nn.ReLU)
            found[-1][3] = True
    return found


@given(
    st.integers(0, 2**31),
    st.integers(3, 8),
    st.integers(2, 6),
    st.integers(2, 6),
    st.integers(1, 4),
    st.sampled_from([0.5, 1.0, 3.0]),
)
@settings(max_examples=40, deadline=None)
def test_the_loss_is_the_mean_of_both_directions(seed, images, width, fd, bottleneck, weight):
    head, first, second = random_case(seed, images, width, fd, bottleneck, weight)
    lengths = torch.stack([head.project(view).norm(dim=1) for view in (first, second)])
    assume(lengths.min() > 1e-6)  # a projection without length has no direction either
    projector, predictor = layers(head.project), layers(head.predict)
    assert [step[2] is not None for step in projector + predictor] == [True] * 4 + [False]
    assert [step[3] for step in projector + predictor] == [True, True, False, True, False]
    expected = references.siamese_loss(first.numpy(), second.numpy(), projector, predictor)
    found = float(head(first, second).detach())
    assert found == pytest.approx(weight * expected, rel=1e-9, abs=1e-12)
    assert float(head(second, first).detach()) == pytest.approx(found)


def test_the_gradient_takes_the_projections_as_given():
    head, first, second = random_case(0)
    inputs = (first.requires_grad_(), second.requires_grad_(), *head.parameters())
    found = torch.autograd.grad(head(first, second), inputs)

    with torch.no_grad():
        z1, z2 = head.project(first).clone(), head.project(second).clone()

    def similarity(view, constant):
        return F.cosine_similarity(head.predict(head.project(view)), constant).mean()

    constant = -0.5 * (similarity(first, z2) + similarity(second, z1)) / 2
    for ours, expected in zip(found, torch.autograd.grad(constant, inputs), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)

    z1, z2 = head.project(first), head.project(second)
    passing = -0.5 * (similarity(first, z2) + similarity(second, z1)) / 2
    through = torch.autograd.grad(passing, inputs)
    assert (found[0] - through[0]).abs().max() > 1e-4, "the stop makes no difference here"


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_of_projection_and_prediction(training):
    head, first, _ = random_case(1)
    head.train(training)
    names, weights = zip(*head.named_parameters(), strict=True)

    def predicted(view, *values):
        def call(module, prefix, argument):
            mine = {
                name.removeprefix(prefix): value
                for name, value in zip(names, values, strict=True)
                if name.startswith(prefix)
            }
            return torch.func.functional_call(module, mine, (argument,))

        return call(head.predict, "predict.", call(head.project, "project.", view))

    inputs = [value.detach().clone().requires_grad_() for value in (first, *weights)]
    assert torch.autograd.gradcheck(predicted, inputs, fast_mode=True)


def test_constant_representations_give_a_finite_loss_and_gradient():
    head, first, _ = random_case(2)
    same = torch.ones_like(first).requires_grad_()
    loss = head(same, same)
    loss.backward()
    assert loss.isfinite()
    assert same.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in head.parameters())


def test_a_single_image_is_refused():
    head, first, second = random_case(0, images=1)
    with pytest.raises(InputError, match="simsiam: expected at least 2 images in a batch, found 1"):
        head(first, second)
