"""Augmentation: from stored faces to the network's inputs, in batches on any device.

Training sees a random window of the enlarged face, mirrored and partly erased (Sec. IV-A);
everything else sees the window in the middle. Every random choice is a function of the sample's own
uniform numbers in [0, 1), so that order and number of processes do not matter.

Notation: B faces, S stored side, C stored channels (1 or 3), H = W the side of the window.
"""

import math
from functools import cache

import torch
from jaxtyping import Bool, Float, UInt8
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from clfer.faces.preprocessing import MEAN, STD, View
from clfer.settings import Settings

Stored = UInt8[Tensor, "B S S C"]
Pixels = Float[Tensor, "B C H W"]  # levels 0..255
Images = Float[Tensor, "B 3 H W"]  # normalised

PLACED, DISTORTED = 8, 4  # uniform numbers that placing and distorting one sample take
DRAWS = PLACED + DISTORTED
SMALLEST_ERASED = 0.02  # share of the image's area, as in random erasing (Zhong et al. 2020)
ASPECT = 3.3  # largest ratio of an erased rectangle's sides


class Augmentation(Settings):
    """How a face is changed at random while training; 0 leaves a thing as it is."""

    flip: float = Field(ge=0, le=1)  # probability of mirroring
    erasing: float = Field(ge=0, le=1)  # probability of erasing a rectangle
    erasing_area: float = Field(ge=SMALLEST_ERASED, le=1)  # its largest share of the image
    rotation: float = Field(ge=0, le=180)  # degrees at most, either way
    zoom: float = Field(ge=0, le=1)  # enlarged or made smaller by a factor of at most 1 + zoom
    brightness: float = Field(ge=0, le=1)  # added at most, as a share of the range of grey levels
    contrast: float = Field(ge=0, le=1)  # largest relative change of the distance from the mean


def central(faces: Stored, view: View) -> Images:
    """The window in the middle of each face, normalised."""
    middle = torch.full((len(faces), 2), 0.5, device=faces.device)
    mirrored = torch.zeros(len(faces), dtype=torch.bool, device=faces.device)
    return _normalise(_window(faces, middle, mirrored, None, view))


def augmented(
    faces: Stored, uniform: Float[Tensor, "B 12"], view: View, augmentation: Augmentation
) -> Images:
    """A random window of each face, perhaps mirrored, turned, enlarged, lit otherwise, and with a
    rectangle erased (set to the mean).
    """
    placed, distorted = uniform.split([PLACED, DISTORTED], dim=1)
    # whole pixels of the enlarged face, each offset equally likely
    steps = view.resize - view.crop + 1
    offset = (placed[:, 0:2] * steps).floor() / max(steps - 1, 1)
    turn = _turn(distorted[:, 0:2], augmentation)
    pixels = _window(faces, offset, placed[:, 2] < augmentation.flip, turn, view)
    images = _normalise(_lit(pixels, distorted[:, 2:4], augmentation))
    return images.masked_fill(_rectangle(placed[:, 3:8], view.crop, augmentation), 0.0)


def _window(
    faces: Stored,
    offset: Float[Tensor, "B 2"],
    mirrored: Bool[Tensor, " B"],
    turn: Float[Tensor, "B 2 2"] | None,
    view: View,
) -> Pixels:
    """Faces enlarged to `resize` and cut to `crop`, in one bilinear sampling.

    `offset` is (down, right) as a share of the room there is: 0.5 is the middle. `turn` takes the
    directions of the window to those of the face.
    """
    pixels = faces.permute(0, 3, 1, 2).float()
    if pixels.shape[-1] > view.resize:  # made smaller: average, or fine detail turns into noise
        pixels = F.interpolate(pixels, size=view.resize, mode="bilinear", antialias=True)
    scale = view.crop / view.resize
    shift = (offset * 2 - 1) * (1 - scale)  # [B, 2], in units of half a face
    across = torch.where(mirrored, -scale, scale)
    directions = torch.diag_embed(torch.stack([across, torch.full_like(across, scale)], dim=1))
    if turn is not None:
        directions = turn @ directions
    affine = torch.cat([directions, shift.flip(1).unsqueeze(2)], dim=2)  # x before y
    grid = F.affine_grid(affine, [len(faces), 1, view.crop, view.crop], align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _turn(
    uniform: Float[Tensor, "B 2"], augmentation: Augmentation
) -> Float[Tensor, "B 2 2"] | None:
    """Rotation and change of size of each window about its middle; None where there is none."""
    if not (augmentation.rotation or augmentation.zoom):
        return None
    signed = 2 * uniform - 1
    angle = signed[:, 0] * math.radians(augmentation.rotation)
    size = (signed[:, 1] * math.log1p(augmentation.zoom)).exp()
    cosine, sine = size * angle.cos(), size * angle.sin()
    return torch.stack([cosine, -sine, sine, cosine], dim=1).view(-1, 2, 2)


def _lit(pixels: Pixels, uniform: Float[Tensor, "B 2"], augmentation: Augmentation) -> Pixels:
    """Pixels of other brightness and contrast, kept inside their range."""
    if not (augmentation.brightness or augmentation.contrast):
        return pixels
    lighter, stronger = (2 * uniform - 1)[..., None, None, None].unbind(dim=1)
    mean = pixels.mean((1, 2, 3), keepdim=True)
    changed = (pixels - mean) * (1 + stronger * augmentation.contrast)
    return (changed + mean + 255 * lighter * augmentation.brightness).clamp(0, 255)


def _normalise(pixels: Pixels) -> Images:
    """Grey or coloured pixels as the three normalised channels that the encoder expects."""
    mean, std = _statistics(pixels.device)
    images = (pixels / 255 - mean) / std  # grey becomes three channels here
    return images.contiguous(memory_format=torch.channels_last)


@cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """MEAN and STD [3, 1, 1] on a device, put there once."""
    mean, std = torch.tensor([MEAN, STD]).view(2, 3, 1, 1).to(device)
    return mean, std


def _rectangle(
    uniform: Float[Tensor, "B 5"], side: int, augmentation: Augmentation
) -> Bool[Tensor, "B 1 {side} {side}"]:
    """The pixels to erase: none, or a rectangle of random area, aspect and place in the image."""
    chosen = uniform[:, 0] < augmentation.erasing
    span = augmentation.erasing_area - SMALLEST_ERASED
    area = side**2 * (SMALLEST_ERASED + uniform[:, 1] * span)
    ratio = ASPECT ** (2 * uniform[:, 2] - 1)
    size = torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], dim=1).round().clamp(1, side)
    low = ((side - size + 1) * uniform[:, 3:5]).floor()  # [B, 2], top and left
    place = torch.arange(side, device=uniform.device)
    inside = (place >= low.unsqueeze(-1)) & (place < (low + size).unsqueeze(-1))  # [B, 2, side]
    return (inside[:, 0, :, None] & inside[:, 1, None, :] & chosen[:, None, None]).unsqueeze(1)
