"""A patch on the image, on networks that look at a known place."""

import pytest
import torch
from variants import OURS, small

from clfer.explanation.occlusion import GRID, PATCH, covered


class Looking(torch.nn.Module):
    """A network whose first class is the sum of the red of one region; the others are 0."""

    def __init__(self, rows, columns, classes=4):
        super().__init__()
        self.rows, self.columns, self.classes = rows, columns, classes

    def forward(self, images):
        logits = images.new_zeros(len(images), self.classes)
        logits[:, 0] = images[:, 0, self.rows, self.columns].sum((1, 2))
        return logits


def test_the_fall_is_what_the_patch_covers():
    """In closed form: the logit falls by what of the region lies under the patch."""
    side, rows, columns = 48, slice(8, 16), slice(30, 42)
    found = covered(Looking(rows, columns), torch.ones(3, side, side), 0)
    half, cell = side * PATCH / 2, side / GRID
    for y in range(GRID):
        for x in range(GRID):
            shared = [
                max(
                    0,
                    min(one.stop, (at + 0.5) * cell + half)
                    - max(one.start, (at + 0.5) * cell - half),
                )
                for one, at in ((rows, y), (columns, x))
            ]
            # less its part in the mean of four classes
            assert float(found[y, x]) == pytest.approx(shared[0] * shared[1] * 3 / 4)
    other = covered(Looking(rows, columns), torch.ones(3, side, side), 1)
    torch.testing.assert_close(other, -found / 3)  # what speaks for one speaks against the rest


def test_of_a_real_network_against_one_image_at_a_time():
    network, _ = small(OURS)
    image = torch.randn(3, 32, 32)
    found = covered(network.eval(), image, 2)
    with torch.no_grad():
        for y, x in ((0, 0), (5, 7), (GRID - 1, 3)):
            changed = image.clone()
            top, left = (round(32 * max((at + 0.5) / GRID - PATCH / 2, 0)) for at in (y, x))
            below, right = (round(32 * min((at + 0.5) / GRID + PATCH / 2, 1)) for at in (y, x))
            changed[:, top:below, left:right] = 0
            logits = torch.stack([network(one[None])[0] for one in (image, changed)])
            fall = (logits[:, 2] - logits.mean(1)).diff()
            assert float(found[y, x]) == pytest.approx(-float(fall), abs=1e-5)
