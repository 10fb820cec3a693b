"""Maps of activation against loops, and where they lie over the image."""

import pytest
import torch

from clfer.explanation.activation import enlarged, maps, stretched


def test_mean_absolute_activation():
    feature = torch.randn(2, 3, 4, 5)
    (found,) = maps([feature])
    for i in range(2):
        for y in range(4):
            for x in range(5):
                expected = sum(abs(float(feature[i, c, y, x])) for c in range(3)) / 3
                assert float(found[i, y, x]) == pytest.approx(expected, rel=1e-5)


def test_a_response_stays_where_it_is():
    """The brightest pixel lies in the cell that responds, at any size; a plane stays a plane."""
    for cell in ((0, 0), (1, 2), (3, 3)):
        small = torch.zeros(4, 4)
        small[cell] = 1.0
        large = enlarged(small, 64)
        assert large.shape == (64, 64)
        y, x = divmod(int(large.argmax()), 64)
        assert (y // 16, x // 16) == cell
    assert torch.equal(enlarged(torch.full((2, 3, 4, 4), 0.5), 8), torch.full((2, 3, 8, 8), 0.5))


def test_stretching_keeps_the_order_within_each_map():
    found = stretched(torch.tensor([[[1.0, 3.0], [2.0, 5.0]], [[-4.0, -4.0], [-4.0, -4.0]]]))
    assert found.tolist() == [[[0.0, 0.5], [0.25, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]


def test_no_channel_is_no_response():
    """The maps of a group with fewer channels than are shown are NaN, and stay so."""
    assert stretched(torch.full((1, 2, 2), torch.nan)).isnan().all()
