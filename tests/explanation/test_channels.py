"""Channels by semantic group, on maps whose groups are known."""

import torch

from clfer.explanation.channels import grouped, strongest
from clfer.model.semantics import SEMANTICS


def test_the_strongest_of_each_group():
    scale = torch.tensor([1.0, -5.0, 2.0, 2.0, 3.0])
    maps = scale[:, None, None] * torch.ones(5, 2, 2)
    found = strongest(maps, torch.tensor([0, 0, 2, 2, 2]), groups=3, count=2)
    assert [one.tolist() for one in found] == [[1, 0], [], [4, 2]]  # 2 before its equal, 3


def test_groups_stand_from_the_top_of_the_face_to_its_bottom():
    """Each channel responds in a patch within one of four bands; the bands are the groups."""
    bands = [3, 0, 2, 1, 0, 3, 1, 2, 2, 0, 1, 3]
    patch = torch.arange(8.0, 0.0, -1.0).view(2, 4)
    deep = torch.zeros(1, len(bands), 8, 8)
    for channel, band in enumerate(bands):
        deep[0, channel, 2 * band : 2 * band + 2, 2:6] = patch + torch.rand(())
    shallow = deep.repeat_interleave(2, -1).repeat_interleave(2, -2)
    shallow[0, bands.index(3)] *= 10
    for block, feature in ((1, shallow), (2, deep)):
        maps, sizes = grouped([shallow, deep], block, 4)
        assert sizes == [3] * SEMANTICS
        assert maps[:, 3].isnan().all()  # no group has a fourth channel
        for band in range(SEMANTICS):
            rows = maps[band, :3].mean((0, 2)).unflatten(0, (4, -1)).sum(1)
            assert int(rows.argmax()) == band
        assert torch.equal(maps[3, 0], feature[0, bands.index(3)]) == (block == 1)
