"""The view inside an exported graph against the one that training and evaluation use."""

import pytest
import torch
from exported_models import network

from clfer.export.deployed import Deployed
from clfer.faces.preprocessing import View
from clfer.faces.views import central


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("size", "resize", "crop"),
    [
        (48, 72, 64),  # enlarged
        (48, 256, 224),
        (100, 256, 224),
        (64, 64, 64),  # as it is
        (112, 72, 64),  # made smaller: antialiased
        (300, 256, 224),
        (49, 73, 64),  # a window that is not at whole pixels
    ],
)
def test_two_products_of_matrices_are_the_central_view(channels, size, resize, crop):
    view = View(resize=resize, crop=crop)
    random = torch.Generator().manual_seed(0)
    shape = (4, size, size, channels)
    stored = torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)
    made = Deployed(network(), size, view).view(stored)
    torch.testing.assert_close(made, central(stored, view), atol=1e-5, rtol=0)


def test_each_row_of_the_matrix_is_a_mean_of_pixels():
    """A face that is the same everywhere stays so, whatever is made of its size."""
    for size, resize, crop in ((48, 72, 64), (300, 72, 64)):
        matrix = Deployed(network(), size, View(resize=resize, crop=crop)).matrix
        assert matrix.shape == (crop, size)
        torch.testing.assert_close(matrix.sum(1), torch.ones(crop))
        assert float(matrix.min()) > -1e-6
