"""Eq. 3-6 against loops: which group a shallow vector joins, and how well the groups agree."""

import pytest
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clfer.model.contrast import Cosine, agreement, assign, unit


def random_case(seed, sets, count, k, dimensions):
    """Shallow vectors, centroids, and which clusters are occupied: at least one of each set."""
    random = torch.Generator().manual_seed(seed)
    shallow = torch.randn(sets, count, dimensions, generator=random, dtype=torch.float64)
    occupied = torch.rand(sets, k, generator=random) < 0.7
    occupied[:, seed % k] = True
    centroids = torch.randn(sets, k, dimensions, generator=random, dtype=torch.float64)
    return shallow, centroids * occupied.unsqueeze(2), occupied


@given(
    seed=st.integers(0, 2**31),
    sets=st.integers(1, 3),
    count=st.integers(1, 12),
    k=st.integers(1, 5),
    dimensions=st.integers(2, 6),
)
@settings(max_examples=60)
def test_groups_and_agreement_are_equations_3_to_6(seed, sets, count, k, dimensions):
    """Fewer vectors than groups among them, so that groups are empty."""
    shallow, centroids, occupied = random_case(seed, sets, count, k, dimensions)
    group = assign(shallow, centroids, occupied)
    found, joined = agreement(shallow, centroids, group)
    for b in range(sets):
        pairs = zip(centroids[b].numpy(), occupied[b].tolist(), strict=True)
        there = [centroid if one else None for centroid, one in pairs]
        assert joined[b].nonzero().flatten().tolist() == sorted(set(group[b].tolist()))
        assert group[b].tolist() == references.assign(shallow[b].numpy(), there)
        expected = references.agreement(shallow[b].numpy(), there)
        assert float(found[b]) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_cosine_and_its_gradient():
    one, other = (torch.randn(3, 5, dtype=torch.float64, requires_grad=True) for _ in "ab")
    expected = [references.cosine(a, b) for a, b in zip(one.tolist(), other.tolist(), strict=True)]
    assert Cosine.apply(one, other).tolist() == pytest.approx(expected)
    assert torch.autograd.gradcheck(Cosine.apply, (one, other))


def test_a_zero_vector_has_no_cosine_and_passes_no_gradient():
    one = torch.tensor([[3.0, 4.0], [3e-5, 4e-5], [0.0, 0.0]], requires_grad=True)
    other = torch.tensor([[3.0, 4.0]] * 3, requires_grad=True)
    cosine = Cosine.apply(one, other)
    cosine.sum().backward()
    torch.testing.assert_close(cosine, torch.tensor([1.0, 1.0, 0.0]))
    for vectors in (one, other):
        assert vectors.grad.isfinite().all()
        assert (vectors.grad[2] == 0).all()


def test_a_zero_vector_has_no_unit_and_passes_no_gradient():
    vectors = torch.tensor([[3.0, 4.0], [3e-5, 4e-5], [0.0, 0.0]], requires_grad=True)
    scaled = unit(vectors)
    (scaled * torch.tensor([1.0, 2.0])).sum().backward()
    torch.testing.assert_close(scaled, torch.tensor([[0.6, 0.8], [0.6, 0.8], [0.0, 0.0]]))
    assert vectors.grad.isfinite().all()
    assert (vectors.grad[2] == 0).all()
