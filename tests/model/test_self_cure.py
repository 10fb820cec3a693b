"""SCN's rank regularisation and relabelling against loops."""

import pytest
import references_network as references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from variants import SCN_SETTINGS

from clfer.model.comparators import rank_regularisation, relabelled


def scn(**changes):
    return SCN_SETTINGS.model_copy(update=changes)


@given(
    st.integers(0, 2**31),
    st.integers(2, 12),
    st.floats(0.05, 0.95),
    st.floats(0.0, 1.0),
    st.sampled_from([0.0, 0.5, 2.0]),
)
@settings(max_examples=40, deadline=None)
def test_rank_regularisation_is_the_missing_part_of_the_margin(seed, images, high, margin, weight):
    importance = torch.rand(images, generator=torch.Generator().manual_seed(seed)).double()
    found = rank_regularisation(importance, scn(high=high, margin=margin, weight=weight))
    expected = weight * references.rank_regularisation(importance.tolist(), high, margin)
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_rank_regularisation_does_not_depend_on_the_order():
    importance, order = torch.rand(9).double(), torch.randperm(9)
    settings = scn(margin=0.9)
    found = rank_regularisation(importance[order], settings)
    torch.testing.assert_close(found, rank_regularisation(importance, settings))
    assert found > 0


def test_the_gradient_of_the_rank_regularisation_on_both_sides_of_its_kink():
    importance = torch.rand(8, dtype=torch.float64, requires_grad=True)
    for margin in (0.9, 0.01):
        settings = scn(margin=margin)
        assert torch.autograd.gradcheck(lambda i, s=settings: rank_regularisation(i, s), importance)
    rank_regularisation(importance, scn(margin=0.9)).backward()
    assert importance.grad.tolist().count(-0.5 / 6) == 6  # 70 % of 8 images
    assert importance.grad.tolist().count(0.5 / 2) == 2


def test_equal_importance_costs_the_whole_margin_with_a_finite_gradient():
    importance = torch.full((6,), 0.4, requires_grad=True)
    loss = rank_regularisation(importance, scn(weight=1.0, margin=0.15))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.15)
    assert importance.grad.isfinite().all()


def test_rank_regularisation_of_one_image_is_nothing():
    assert float(rank_regularisation(torch.tensor([0.4]), scn())) == 0


@given(
    st.integers(0, 2**31),
    st.integers(1, 12),
    st.integers(2, 5),
    st.floats(0.05, 0.95),
    st.floats(0.0, 0.6),
)
@settings(max_examples=60, deadline=None)
def test_relabelling_doubts_the_unimportant_alone(seed, images, classes, high, margin):
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, classes, (images,), generator=random)
    logits = 3 * torch.randn(images, classes, generator=random)
    importance = torch.rand(images, generator=random)
    found = relabelled(labels, logits, importance, scn(high=high, relabel_margin=margin))
    expected = references.relabelled(
        labels.tolist(), logits.tolist(), importance.tolist(), high, margin
    )
    assert found.tolist() == expected


def test_of_one_image_nothing_is_doubted():
    label, logits = torch.tensor([0]), torch.tensor([[0.0, 9.0]])
    assert relabelled(label, logits, torch.tensor([0.1]), scn(high=0.05)).tolist() == [0]


def test_of_equally_important_images_the_first_are_trusted():
    label, logits = torch.zeros(64, dtype=torch.int64), torch.tensor([[0.0, 9.0]]).expand(64, 2)
    found = relabelled(label, logits, torch.full((64,), 0.5), scn(high=0.25))
    assert found.tolist() == [0] * 16 + [1] * 48


def test_relabelling_by_hand():
    """Importance 0.9 keeps its wrong label, 0.1 with a sure guess does not, 0.2 with an unsure one
    does, 0.3 has no label.
    """
    labels = torch.tensor([0, 0, 0, -1])
    logits = torch.tensor([[0.0, 9.0], [0.0, 9.0], [0.0, 0.1], [0.0, 9.0]])
    importance = torch.tensor([0.9, 0.1, 0.2, 0.3])
    found = relabelled(labels, logits, importance, scn(high=0.25, relabel_margin=0.2))
    assert found.tolist() == [0, 1, 0, -1]
    assert labels.tolist() == [0, 0, 0, -1]
