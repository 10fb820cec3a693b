"""SimSiam and SCN against loops, and what SimSiam's stopped gradient leaves out."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from references import cosine
from torch import nn
from torch.nn import functional as F
from variants import SCN_SETTINGS

from clfer.errors import InputError
from clfer.model.comparators import SiameseContrast, rank_regularisation, relabelled
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


@given(
    st.integers(0, 2**31),
    st.integers(3, 8),
    st.integers(2, 6),
    st.integers(2, 6),
    st.integers(1, 4),
    st.sampled_from([0.5, 1.0, 3.0]),
)
@settings(max_examples=40)
def test_the_loss_is_the_mean_of_both_directions(seed, images, width, fd, bottleneck, weight):
    head, first, second = random_case(seed, images, width, fd, bottleneck, weight)
    lengths = torch.stack([head.project(view).norm(dim=1) for view in (first, second)])
    assume(lengths.min() > 1e-6)  # a projection without length has no direction either
    z1, z2 = head.project(first), head.project(second)
    directions = [(head.predict(z1), z2), (head.predict(z2), z1)]
    cosines = [
        cosine(p, z) for ps, zs in directions for p, z in zip(ps.tolist(), zs.tolist(), strict=True)
    ]
    found = float(head(first, second).detach())
    assert found == pytest.approx(-weight * sum(cosines) / len(cosines), rel=1e-9, abs=1e-12)


def test_projector_and_predictor_have_the_layers_of_the_paper():
    """And which have a bias; the projection is normalised without scale and shift."""
    head, _, _ = random_case(0)
    hidden = [("Linear", False), ("BatchNorm1d", True), ("ReLU", False)]
    last = [("Linear", False), ("BatchNorm1d", False)]
    for part, expected in (
        (head.project, [*hidden, *hidden, *last]),
        (head.predict, [*hidden, ("Linear", True)]),
    ):
        found = [(type(one).__name__, getattr(one, "bias", None) is not None) for one in part]
        assert found == expected


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


def important(importance, share):
    """The most important images: the share rounded, at least one, and not all of several."""
    count = round(share * len(importance))
    if count == len(importance):
        count -= 1
    return sorted(range(len(importance)), key=lambda i: -importance[i])[: max(count, 1)]


def scn(**changes):
    return SCN_SETTINGS.model_copy(update=changes)


@given(
    st.integers(0, 2**31),
    st.integers(2, 12),
    st.floats(0.05, 0.95),
    st.floats(0.0, 1.0),
    st.sampled_from([0.0, 0.5, 2.0]),
)
@settings(max_examples=40)
def test_rank_regularisation_is_the_missing_part_of_the_margin(seed, images, high, margin, weight):
    """SCN, its eq. 3: max(0, margin - (mean of the high group - mean of the low group))."""
    importance = torch.rand(images, generator=torch.Generator().manual_seed(seed)).double()
    found = rank_regularisation(importance, scn(high=high, margin=margin, weight=weight))
    first = important(importance.tolist(), high)
    others = [i for i in range(images) if i not in first]
    gap = float(importance[first].mean() - importance[others].mean())
    expected = weight * max(0.0, margin - gap)
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_gradient_of_the_rank_regularisation_on_both_sides_of_its_kink():
    importance = torch.rand(8, dtype=torch.float64, requires_grad=True)
    for margin in (0.9, 0.01):
        settings = scn(margin=margin)
        assert torch.autograd.gradcheck(lambda i, s=settings: rank_regularisation(i, s), importance)
    rank_regularisation(importance, scn(margin=0.9)).backward()
    assert importance.grad.tolist().count(-0.5 / 6) == 6  # 70 % of 8 images
    assert importance.grad.tolist().count(0.5 / 2) == 2


@given(
    st.integers(0, 2**31),
    st.integers(1, 12),
    st.integers(2, 5),
    st.floats(0.05, 0.95),
    st.floats(0.0, 0.6),
)
@settings(max_examples=60)
def test_relabelling_doubts_the_unimportant_alone(seed, images, classes, high, margin):
    """SCN, its eq. 5: the most probable class where it beats the given one by more than the margin;
    an image without a label (-1) stays so.
    """
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, classes, (images,), generator=random)
    logits = 3 * torch.randn(images, classes, generator=random)
    importance = torch.rand(images, generator=random)
    found = relabelled(labels, logits, importance, scn(high=high, relabel_margin=margin))
    expected, trusted = labels.tolist(), important(importance.tolist(), high)
    for i, probability in enumerate(logits.softmax(1).tolist()):
        if i not in trusted and expected[i] >= 0:
            likeliest = max(probability)
            if likeliest - probability[expected[i]] > margin:
                expected[i] = probability.index(likeliest)
    assert found.tolist() == expected


def test_of_equally_important_images_the_first_are_trusted():
    label, logits = torch.zeros(64, dtype=torch.int64), torch.tensor([[0.0, 9.0]]).expand(64, 2)
    found = relabelled(label, logits, torch.full((64,), 0.5), scn(high=0.25))
    assert found.tolist() == [0] * 16 + [1] * 48


def test_of_one_image_nothing_is_ranked_or_doubted():
    label, logits = torch.tensor([0]), torch.tensor([[0.0, 9.0]])
    assert float(rank_regularisation(torch.tensor([0.4]), scn())) == 0
    assert relabelled(label, logits, torch.tensor([0.1]), scn(high=0.05)).tolist() == [0]
