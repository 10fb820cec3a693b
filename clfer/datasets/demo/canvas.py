"""A greyscale drawing in the face's own coordinates, supersampled, under a head pose."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageChops, ImageDraw

SIZE = 48
SUPERSAMPLING = 5

Points = Float[np.ndarray, "_ 2"]


@dataclass(frozen=True)
class Pose:
    """How the head stands in the image: turned, scaled, rotated, shifted (radians, px)."""

    rotation: float
    yaw: float
    scale: float
    shift: tuple[float, float]
    half_width: float  # of the head: how quickly it curves away

    def place(self, points: Points, depth: float = 0.0) -> Points:
        """Face coordinates (px from between eyes and mouth, y down) -> px of the 48 x 48 image.

        A turn moves a point by its height above the plane of the ears, that of an elliptic head
        plus `depth`: the nose moves most, the outline least. It never changes y: eyes stay level.
        """
        x, y = points.T
        across = np.clip(x / (1.25 * self.half_width), -1, 1)
        height = 0.75 * self.half_width * np.sqrt(1 - across**2) + depth
        turned = x * np.cos(self.yaw) + (height - 0.55 * self.half_width) * np.sin(self.yaw)
        cos, sin = np.cos(self.rotation), np.sin(self.rotation)
        rotated = np.stack([turned * cos - y * sin, turned * sin + y * cos], axis=1)
        return SIZE / 2 + np.array(self.shift) + self.scale * rotated

    def undo_plane(self, points: Points) -> Points:
        """Image px -> upright, unshifted, unscaled coordinates; the turn stays."""
        x, y = ((points - SIZE / 2 - np.array(self.shift)) / self.scale).T
        cos, sin = np.cos(self.rotation), np.sin(self.rotation)
        return np.stack([x * cos + y * sin, y * cos - x * sin], axis=1)


class Canvas:
    """A drawing SUPERSAMPLING times larger than its `image`. Tones are 0..255."""

    def __init__(self, pose: Pose, ground: UInt8[np.ndarray, "48 48"]) -> None:
        self.pose = pose
        side = SIZE * SUPERSAMPLING
        self._picture = Image.fromarray(ground).resize((side, side), Image.Resampling.BILINEAR)
        self._draw = ImageDraw.Draw(self._picture)

    def fill(self, points: Points, tone: float, depth: float = 0.0) -> None:
        self._draw.polygon(self._pixels(points, depth), fill=_grey(tone))

    def stroke(self, points: Points, tone: float, width: float, depth: float = 0.0) -> None:
        """A line `width` px of the 48 x 48 image wide, with round joints."""
        thick = max(1, round(width * self.pose.scale * SUPERSAMPLING))
        self._draw.line(self._pixels(points, depth), fill=_grey(tone), width=thick, joint="curve")

    def fill_within(self, window: Points, points: Points, tone: float) -> None:
        """`points` filled, but only where they lie inside `window`: an iris inside its lids."""
        both = ImageChops.logical_and(self._mask(window), self._mask(points))
        self._picture.paste(_grey(tone), mask=both)

    def image(self) -> Float[np.ndarray, "48 48"]:
        return np.asarray(self._picture.reduce(SUPERSAMPLING), np.float64)

    def _mask(self, points: Points) -> Image.Image:
        mask = Image.new("1", self._picture.size)
        ImageDraw.Draw(mask).polygon(self._pixels(points, 0.0), fill=1)
        return mask

    def _pixels(self, points: Points, depth: float) -> list[float]:
        placed: list[float] = (self.pose.place(points, depth) * SUPERSAMPLING).ravel().tolist()
        return placed


def black(pose: Pose) -> Canvas:
    """To draw a mask or a shade on."""
    return Canvas(pose, np.zeros((SIZE, SIZE), np.uint8))


def _grey(tone: float) -> int:
    return int(np.clip(tone, 0, 255))


def curve(*knots: tuple[float, float], steps: int = 6) -> Points:
    """A smooth open line through the knots (Catmull-Rom): [(len(knots) - 1) * steps + 1, 2]."""
    p = np.array([knots[0], *knots, knots[-1]], np.float64)
    t = (np.arange(steps) / steps)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    between = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.concatenate([between.transpose(1, 0, 2).reshape(-1, 2), p[-1:]])


def oval(
    x: float, y: float, half_width: float, half_height: float, squareness: float = 0.0
) -> Points:
    """A closed oval of 32 points; `squareness` 0 is an ellipse, 1 nearly a rectangle."""
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    power = 1 - 0.7 * squareness
    cos, sin = np.cos(angle), np.sin(angle)
    across, down = np.sign(cos) * np.abs(cos) ** power, np.sign(sin) * np.abs(sin) ** power
    return np.stack([x + half_width * across, y + half_height * down], axis=1)
