"""How a person is drawn: polygons on an enlarged canvas, then light, blur and noise.

Points are px of the 48 x 48 image from the point between eyes and mouth, y down, the head upright;
`_Canvas` puts them where the scene has them. Tones are 0..255.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from clfer.datasets.demo.person import HIDDEN, Person, Scene, Units, action_units

SIZE = 48
ENLARGED = 4  # the canvas, which is then averaged down
EYES_Y, BROWS_Y, MOUTH_Y = -4.0, -9.3, 11.0
SIDES = (-1.0, 1.0)  # of the image: left, right

Grey = Float[np.ndarray, "48 48"]
Picture = UInt8[np.ndarray, "48 48"]
Points = Float[np.ndarray, "_ 2"]
Point = tuple[float, float]


class Drawing(NamedTuple):
    """A finished image, and what is true of it.

    landmarks: x, y in px of left eye, right eye, nose tip, left and right mouth corner, left being
    the left of the image; as in insightface, whole numbers are the centres of pixels.
    """

    image: Picture
    landmarks: Float[np.ndarray, "5 2"]
    hidden: float  # the part of the face that is covered, 0..1


def face(rng: np.random.Generator, expression: str, strength: float) -> Drawing:
    """A random person showing `expression` at `strength` 0..1, drawn from `rng` alone."""
    who, scene = Person(rng), Scene(rng)
    units = action_units(rng, expression, strength)
    corners = [_mouth_corner(who, *half) for half in zip(units, SIDES, strict=True)]
    canvas = _Canvas(_background(rng), scene, who.half_width)
    _head(canvas, who, units[0])
    _nose(canvas, who, units[0])
    _mouth(canvas, who, units, corners)
    for half, sign in zip(units, SIDES, strict=True):
        _eye(canvas, who, half, sign)
        _brow(canvas, who, half, sign)
    _occluder(rng, canvas, who, scene.occluder)
    eyes = [(sign * who.eye_distance, EYES_Y) for sign in SIDES]
    places = canvas.place(np.array([*eyes, (0.0, who.nose_length - 0.6), *corners]))
    image = _photograph(rng, canvas.grey(), scene)
    # the canvas counts from the edge of the first pixel
    return Drawing(image, places - 0.5, HIDDEN.get(scene.occluder, 0.0))


def no_face(rng: np.random.Generator) -> Picture:
    """An image without a face, as FER2013 has some: a background alone."""
    return _photograph(rng, _background(rng), Scene(rng))


class _Canvas:
    """A greyscale drawing in a head's coordinates."""

    def __init__(self, background: Grey, scene: Scene, half_width: float) -> None:
        ground, side = Image.fromarray(background.astype(np.uint8)), SIZE * ENLARGED
        self._picture = ground.resize((side, side), Image.Resampling.BILINEAR)
        self._draw = ImageDraw.Draw(self._picture)
        self._scene, self._half_width = scene, half_width

    def place(self, points: Points) -> Points:
        """Points of the head -> px of the image.

        A turn moves a point by its height above the plane of the ears, that of an elliptic head:
        the nose moves most, the outline least. It never changes y: eyes stay level.
        """
        (x, y), width, scene = points.T, self._half_width, self._scene
        height = 0.75 * width * np.sqrt(1 - np.clip(x / (1.25 * width), -1, 1) ** 2)
        turned = x * math.cos(scene.yaw) + (height - 0.55 * width) * math.sin(scene.yaw)
        cos, sin = math.cos(scene.rotation), math.sin(scene.rotation)
        rotated = np.stack([turned * cos - y * sin, turned * sin + y * cos], axis=1)
        return SIZE / 2 + scene.shift + scene.scale * rotated

    def fill(self, points: Points, tone: float) -> None:
        self._draw.polygon((self.place(points) * ENLARGED).ravel().tolist(), int(tone))

    def stroke(self, points: Points, tone: float, width: float) -> None:
        pixels, thick = self.place(points) * ENLARGED, width * self._scene.scale * ENLARGED
        self._draw.line(pixels.ravel().tolist(), int(tone), max(1, round(thick)), joint="curve")

    def crease(self, points: Points, skin: float, depth: float) -> None:
        """A fold of the skin, which shows from a depth of 0.3 and is darkest at 1."""
        if depth > 0.3:
            self.stroke(points, skin * (1 - 0.55 * min(1.0, depth)), 0.65)

    def grey(self) -> Grey:
        return np.asarray(self._picture.reduce(ENLARGED), np.float64)


def _head(canvas: _Canvas, who: Person, a: Units) -> None:
    """Shoulders, neck, ears, skin and hair."""
    w, top, line, chin = who.half_width, who.skull + 1.5, who.hairline, who.chin + 3.2 * a[26]
    outline = _oval(0.0, 0.0, w, 1.0, 0.15)
    outline[:, 1] *= np.where(outline[:, 1] > 0, chin, who.skull)
    outline[:, 0] *= 1 - 0.16 * np.clip(outline[:, 1] / chin, 0, 1) ** 1.5  # narrower at the jaw
    if who.hair == "long":
        canvas.fill(_oval(0.0, 2.0, w + 4, 26.0, 0.4), who.hair_tone)
    canvas.fill(_oval(0.0, 20.0, 0.62 * w, 10.0, 0.9), 0.72 * who.skin)
    canvas.fill(_oval(0.0, who.chin + 15, 24.0, 9.0, 0.3), 0.55 * who.hair_tone + 50)
    for sign in SIDES if who.hair != "long" else ():
        canvas.fill(_oval(sign * (w + 0.4), -1.0, 1.9, 4.2), 0.85 * who.skin)
    canvas.fill(outline, who.skin)
    if who.hair != "bald":
        side = [(w + 0.8, -8.0), (w + 1.4, -14.0), (0.8 * w, 2 - top), (0.0, -3 - top)]
        front = _curve((-0.86 * w, -9.0), (-0.6 * w, -line), (0.5 * w, -line), (0.86 * w, -9.0))
        canvas.fill(np.array([*side, *((-x, y) for x, y in side[-2::-1]), *front]), who.hair_tone)


def _brow(canvas: _Canvas, who: Person, a: Units, sign: float) -> None:
    """Thick at the inner end, thin at the outer one; the frown between the two.

    Where 1 and 4 act together, 1 wins at the inner end: the oblique brow of sadness and fear.
    """
    x, y, oblique = who.eye_distance, BROWS_Y - who.brow_raised, min(a[1], a[4])
    inner = 2.6 * a[1] + 0.8 * a[2] - 3.4 * a[4] + 3.6 * oblique - 1.6 * a[9]
    middle = a[1] + 3.0 * a[2] - 2.2 * a[4] - 0.6 * oblique - 1.1 * a[9]
    outer = 2.4 * a[2] - a[4] - 1.3 * oblique - 0.3 * a[9]
    line = _curve(
        (sign * (x - 4 - 1.7 * a[4] - 0.4 * a[9]), y - inner),
        (sign * (x + 0.2), y - 1.1 - middle),
        (sign * (x + 4.6), y + 0.5 - outer),
    )
    thickness = who.brow_thickness * (0.55 - 0.4 * np.linspace(0, 1, len(line)) ** 2)
    half = np.outer(thickness, (0, 1))
    canvas.fill(_between(line - half, line + half), who.brow_tone)
    canvas.crease(_curve((sign * 1.1, -6.5), (sign * 1.4, -10.5)), who.skin, a[4])


def _eye(canvas: _Canvas, who: Person, a: Units, sign: float) -> None:
    """White and iris between two lids, the upper one dark, the lower one faint; glasses."""
    oblique, squint = min(a[1], a[4]) * (1 - a[5]), 0.7 * a[7] + 0.9 * a[9]
    upper = max(0.3, who.eye_open + 1.6 * a[5] - 0.5 * a[6] - squint - 0.6 * oblique)
    lower = max(0.2, 0.85 * who.eye_open + 0.4 * a[5] - 1.1 * a[6] - squint)
    slant = oblique - 0.9 * a[7]  # inner corner of the upper lid up
    x, y, out = sign * who.eye_distance, EYES_Y, sign * who.eye_half_width
    inner, outer = (x - out, y + 0.3 - 0.4 * slant), (x + out, y + 0.1 + 0.5 * slant)
    middle = (x - 0.5 * out, y - 0.8 * upper - 0.6 * slant)
    lid = _curve(inner, middle, (x + 0.3 * out, y - upper), outer)
    under = _curve(inner, (x, y + lower), outer)
    canvas.fill(_between(lid, under), 0.45 * who.skin + 140)
    iris = _oval(x, y - 0.1, 1.5, 1.55)
    top, bottom = (np.interp(sign * iris[:, 0], sign * e[:, 0], e[:, 1]) for e in (lid, under))
    iris[:, 1] = np.clip(iris[:, 1], top, np.maximum(top, bottom))
    canvas.fill(iris, who.iris_tone)
    canvas.stroke(lid, 0.22 * who.skin, 0.6)
    canvas.stroke(under, 0.62 * who.skin, 0.35)
    if who.glasses:
        canvas.stroke(_oval(1.03 * x, y + 0.4, 5.2, 4.4, 0.35)[np.r_[:32, 0]], 30.0, 0.6)
        canvas.stroke(np.array([(0.0, y), (x - sign * 5, y)]), 30.0, 0.6)


def _nose(canvas: _Canvas, who: Person, a: Units) -> None:
    """Nostrils, wings and wrinkles."""
    w, y, skin = who.nose_half_width, who.nose_length, who.skin
    for sign in SIDES:
        canvas.fill(_oval(sign * 0.5 * w, y, 0.28 * w, 0.55), 0.35 * skin)
        wing = _curve((sign * w * 0.8, y - 2.2), (sign * w, y - 0.8), (sign * w * 0.8, y + 0.3))
        canvas.stroke(wing, 0.62 * skin, 0.5)
        for at in (-5.2, -3.6, -2.0):
            canvas.crease(_curve((sign * 0.3, at), (sign * 2.4, at - 1.2)), skin, a[9])


def _mouth_corner(who: Person, a: Units, sign: float) -> Point:
    up = who.mouth_raised + 3.2 * a[12] + 1.2 * a[14] - 3.2 * a[15] - 0.8 * a[16] - 0.7 * a[20]
    out = who.mouth_half_width + 1.9 * (a[12] - a[26]) + 0.5 * a[14] + 2.4 * a[20] - 0.9 * a[23]
    return sign * out, MOUTH_Y - up + 0.6 * a[26]


def _mouth(canvas: _Canvas, who: Person, units: Sequence[Units], corners: Sequence[Point]) -> None:
    """Lips around a line from corner to corner; where they part it is dark, with teeth; folds."""
    (left, left_y), (right, right_y) = corners
    a, t, down = units[0], np.linspace(-1, 1, 25), (0, 1)  # t is -1 at the left corner
    # the middle follows the lower corner: only a smile with both corners sags between them
    middle = 0.65 * MOUTH_Y + 0.35 * max(left_y, right_y) - 1.7 * a[9] - 1.2 * a[10]
    height = middle + (np.where(t < 0, left_y, right_y) - middle) * np.abs(t) ** 1.7
    line = np.stack([np.where(t < 0, -left, right) * t, height], axis=1)
    roundness = min(1.0, a[26] + a[20])
    bow = np.outer((1 - t**2) ** (1 - 0.5 * roundness), down)
    top = line - bow * (0.6 * a[25] + 1.7 * a[26] + a[10])
    bottom = line + bow * (3.0 * a[25] + 5.0 * a[26] + 1.7 * a[16])
    lip = np.outer(np.sqrt(1 - t**2), down) * who.lip * max(0.3, 1 - 0.65 * a[23] - 0.2 * a[20])
    canvas.fill(_between(top - lip, top), 0.62 * who.skin)
    canvas.fill(_between(bottom, bottom + (1.25 + 0.8 * a[16]) * lip), 0.7 * who.skin)
    canvas.fill(_between(top, bottom), 25.0)
    canvas.stroke(top, 0.25 * who.skin, 0.5)
    teeth = np.minimum(0.8 * (bottom - top), np.array(down) * 2.6 * min(1.0, a[25] + a[10]))
    canvas.fill(_between(top, top + teeth)[np.tile(np.abs(t) < 0.93, 2)], 232.0)
    for half, sign, (x, y) in zip(units, SIDES, corners, strict=True):
        wing, out = (sign * who.nose_half_width, who.nose_length - 2), x + sign * 0.9
        fold = _curve(wing, (x + sign * 0.3, y - 3.6), (x + sign * 1.7, y - 1))
        canvas.crease(fold, who.skin, 0.9 * (half[12] + half[9]))
        dimple = _curve((out, y - 1.9), (out + sign * 0.9, y - 0.2), (out, y + 1.5))
        canvas.crease(dimple, who.skin, half[14])


def _occluder(rng: np.random.Generator, canvas: _Canvas, who: Person, kind: str) -> None:
    """Whatever of person.HIDDEN is in front of the face."""
    tone, w, edge = rng.uniform(30, 220), who.half_width + 2, MOUTH_Y - rng.uniform(0.5, 3.5)
    if kind == "sunglasses":
        for sign in SIDES:
            canvas.fill(_oval(sign * who.eye_distance, EYES_Y + 0.3, 5.3, 3.6, 0.4), 0.2 * tone)
        canvas.fill(_oval(0.0, EYES_Y - 0.9, 3.0, 0.6, 0.9), 0.2 * tone)
    elif kind == "scarf":
        canvas.fill(
            np.array([(-w, edge - 2), (0.0, edge), (w, edge - 2), (w, 34.0), (-w, 34.0)]), tone
        )


def _background(rng: np.random.Generator) -> Grey:
    """A wall in uneven light, or blurred clutter."""
    down, across = np.mgrid[0:SIZE, 0:SIZE] / SIZE - 0.5
    slope = rng.normal(0, 40, 2)
    tones: Grey = rng.uniform(20, 235) + slope[0] * across + slope[1] * down
    if rng.random() < 0.5:
        clutter = gaussian_filter(rng.normal(size=(SIZE, SIZE)), rng.uniform(1.5, 5.0))
        tones += rng.uniform(10, 45) * clutter / clutter.std()
    return np.asarray(np.clip(tones, 0, 255))


def _photograph(rng: np.random.Generator, grey: Grey, scene: Scene) -> Picture:
    """Light from one side, contrast, exposure, focus and grain of an old snapshot."""
    down, across = 2 * (np.mgrid[0:SIZE, 0:SIZE] + 0.5) / SIZE - 1
    lit = grey * (1 + scene.light[0] * across + scene.light[1] * down)
    exposed = 128 + scene.contrast * (lit - 128) + scene.brightness
    grainy = gaussian_filter(exposed, scene.blur) + rng.normal(0, scene.noise, grey.shape)
    return np.clip(np.rint(grainy), 0, 255).astype(np.uint8)


def _curve(*knots: Point, steps: int = 6) -> Points:
    """A smooth open line through the knots (Catmull-Rom): [(len(knots) - 1) * steps + 1, 2]."""
    p = np.array([knots[0], *knots, knots[-1]], np.float64)
    t = (np.arange(steps) / steps)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    between = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.concatenate([between.transpose(1, 0, 2).reshape(-1, 2), p[-1:]])


def _oval(x: float, y: float, half_width: float, half_height: float, square: float = 0) -> Points:
    """A closed oval of 32 points; `square` 0 is an ellipse, 1 nearly a rectangle."""
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rounded = np.sign(points) * np.abs(points) ** (1 - 0.7 * square)
    return np.asarray((x, y) + (half_width, half_height) * rounded)


def _between(one: Points, other: Points) -> Points:
    """The closed outline between two lines that run the same way."""
    return np.concatenate([one, other[::-1]])
