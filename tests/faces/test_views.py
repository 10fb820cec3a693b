"""Views of faces against torchvision's own resizing, cropping and mirroring."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torchvision.transforms.functional import InterpolationMode, affine

from clfer.faces.preprocessing import MEAN, STD, View
from clfer.faces.views import DRAWS, PLACED, Augmentation, augmented, central

VIEW = View(resize=72, crop=64)
PLAIN = Augmentation(**dict.fromkeys(Augmentation.model_fields, 0.0) | {"erasing_area": 0.1})
MEANS, STDS = torch.tensor([MEAN, STD]).view(2, 3, 1, 1)
BILINEAR = InterpolationMode.BILINEAR


def faces(count, channels=1, side=48, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, side, side, channels), dtype=torch.uint8, generator=random)


def enlarged(stored, view=VIEW):
    """The plain way: resize, three channels, normalise."""
    pixels = stored.permute(0, 3, 1, 2).float()
    big = F.interpolate(pixels, size=view.resize, mode="bilinear", antialias=True)
    return (big.expand(-1, 3, -1, -1) / 255 - MEANS) / STDS


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [48, 72, 112])
def test_the_central_view_is_resize_and_centre_crop(channels, side):
    stored = faces(3, channels, side)
    expected = enlarged(stored)[:, :, 4:68, 4:68]
    torch.testing.assert_close(central(stored, VIEW), expected, atol=2e-3, rtol=0)


@given(st.floats(0, 0.999), st.floats(0, 0.999), st.booleans())
@settings(max_examples=20)
def test_an_augmented_view_is_one_of_the_crops_perhaps_mirrored(down, right, mirrored):
    uniform = torch.full((1, DRAWS), 0.5)
    uniform[0, :2] = torch.tensor([down, right])
    flip = PLAIN.model_copy(update={"flip": float(mirrored)})
    view = augmented(faces(1), uniform, VIEW, flip)
    top, left = int(torch.tensor(down) * 9), int(torch.tensor(right) * 9)
    expected = enlarged(faces(1))[:, :, top : top + 64, left : left + 64]
    expected = expected.flip(-1) if mirrored else expected
    torch.testing.assert_close(view, expected, atol=2e-3, rtol=0)


def test_every_offset_is_reached():
    uniform = torch.rand(400, DRAWS, generator=torch.Generator().manual_seed(0))
    views = augmented(faces(1).expand(400, -1, -1, -1), uniform, View(resize=66, crop=64), PLAIN)
    assert len({tuple(v.flatten()[:500].tolist()) for v in views}) == 9


def test_erasing_covers_the_share_that_is_asked_for():
    stored = torch.full((600, 48, 48, 1), 255, dtype=torch.uint8)
    uniform = torch.rand(600, DRAWS, generator=torch.Generator().manual_seed(0))
    half = PLAIN.model_copy(update={"erasing": 0.5})
    erased = (augmented(stored, uniform, VIEW, half)[:, 0] == 0).float().mean((1, 2))
    hit = erased[erased > 0]
    assert 0.45 < len(hit) / 600 < 0.55
    assert hit.min() > 0.01
    assert hit.max() < 0.12
    assert 0.05 < hit.mean() < 0.07


def test_a_face_is_turned_and_enlarged_about_the_middle_of_its_window():
    """Against torchvision's affine map of the face that has been enlarged before."""
    smooth = faces(2, side=12).permute(0, 3, 1, 2).float()
    smooth = F.interpolate(smooth, size=48, mode="bicubic").clamp(0, 255)
    stored = smooth.round().byte().permute(0, 2, 3, 1)
    uniform = torch.full((2, DRAWS), 0.5)
    uniform[:, PLACED] = torch.tensor([1.0, 0.25])  # all of the rotation, half of it backwards
    uniform[:, PLACED + 1] = torch.tensor([0.0, 0.5])  # larger by 1 + zoom, unchanged
    turning = PLAIN.model_copy(update={"rotation": 20.0, "zoom": 0.25})
    found = augmented(stored, uniform, VIEW, turning)
    for one, (angle, size) in enumerate(((20.0, 1.25), (-10.0, 1.0))):
        # the window's middle; towards the edges torchvision fills with zeros
        inner, before = found[one][:, 16:48, 16:48], enlarged(stored)[one]
        apart = [
            (inner - affine(before, turned, [0, 0], size, [0.0], BILINEAR)[:, 20:52, 20:52]).abs()
            for turned in (-angle, angle)
        ]
        assert apart[0].mean() < 0.02
        assert apart[1].mean() > 0.1


def test_brightness_and_contrast_move_the_grey_levels_as_they_say():
    stored = torch.randint(100, 140, (2, 48, 48, 1), dtype=torch.uint8)
    uniform = torch.full((2, DRAWS), 0.5)
    uniform[:, PLACED + 2] = torch.tensor([1.0, 0.25])
    uniform[:, PLACED + 3] = torch.tensor([0.0, 1.0])
    lit = PLAIN.model_copy(update={"brightness": 0.1, "contrast": 0.5})
    before = 255 * (augmented(stored, uniform, VIEW, PLAIN) * STDS + MEANS)
    after = 255 * (augmented(stored, uniform, VIEW, lit) * STDS + MEANS)
    for old, new, lighter, stronger in zip(before, after, (25.5, -12.75), (0.5, 1.5), strict=True):
        middle = old.mean()
        torch.testing.assert_close(
            new, (old - middle) * stronger + middle + lighter, atol=0.02, rtol=0
        )
    extreme = PLAIN.model_copy(update={"brightness": 1.0, "contrast": 0.0})
    assert float((255 * (augmented(stored, uniform, VIEW, extreme) * STDS + MEANS)).max()) <= 255.01


def test_a_sample_looks_the_same_in_any_batch():
    stored, uniform = faces(6), torch.rand(6, DRAWS)
    halves = {"flip": 0.5, "erasing": 0.5, "rotation": 20.0}
    fifths = dict.fromkeys(("erasing_area", "zoom", "brightness", "contrast"), 0.2)
    busy = Augmentation(**halves, **fifths)
    together = augmented(stored, uniform, VIEW, busy)
    alone = torch.cat(
        [augmented(stored[i : i + 1], uniform[i : i + 1], VIEW, busy) for i in range(6)]
    )
    assert torch.equal(together, alone)
