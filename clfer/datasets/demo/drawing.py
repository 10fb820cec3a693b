"""One drawn face, finished: a person's expression, posed, lit, partly hidden, blurred and noisy."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import gaussian_filter

from clfer.datasets.demo import anatomy, appearance, creases, occlusion, places, portrait
from clfer.datasets.demo.canvas import SIZE, Canvas, Pose, black

Grey = Float[np.ndarray, "48 48"]
Picture = UInt8[np.ndarray, "48 48"]
Landmarks = Float[np.ndarray, "5 2"]


@dataclass(frozen=True)
class Drawing:
    """A finished face, and what is true of it.

    landmarks: x, y in px of left eye, right eye, nose tip, left and right mouth corner, left being
    the left of the image; as in insightface, whole numbers are the centres of pixels.
    """

    image: Picture
    landmarks: Landmarks
    pose: Pose
    strength: float  # of the expression, 0 for neutral
    hidden: float  # the part of the face that an occluder hides, 0..1


def face(rng: np.random.Generator, expression: str, strength: float) -> Drawing:
    """A random person showing `expression` at `strength` 0..1, drawn from `rng` alone."""
    who, scene = appearance.person(rng), appearance.scene(rng)
    pose = appearance.pose(rng, who.half_width)
    moved = anatomy.features(anatomy.activity(rng, expression, strength))
    canvas = Canvas(pose, appearance.background(rng))
    portrait.draw(canvas, who, moved)
    grey = canvas.image() * _shade(who, moved, pose)
    if scene.occluder is not None:
        grey = occlusion.cover(rng, grey, pose, who, scene.occluder)
    return Drawing(
        image=_photographed(rng, grey * _light(scene, pose, who), scene),
        landmarks=_landmarks(who, moved, pose),
        pose=pose,
        strength=strength,
        hidden=appearance.OCCLUDERS.get(scene.occluder or "", 0.0),
    )


def nothing(rng: np.random.Generator) -> Picture:
    """An image without a face, as FER2013 has some: a background alone."""
    return _photographed(rng, appearance.background(rng).astype(np.float64), appearance.scene(rng))


def _landmarks(who: appearance.Person, moved: anatomy.Features, pose: Pose) -> Landmarks:
    eyes = pose.place(places.eye_centres(who))
    nose = pose.place(places.nose_tip(who, moved), places.NOSE_DEPTH)
    # the canvas counts from the edge of the first pixel
    return np.concatenate([eyes, nose, pose.place(places.mouth_corners(who, moved))]) - 0.5


def _shade(who: appearance.Person, moved: anatomy.Features, pose: Pose) -> Grey:
    """The factor by which soft shadows darken, 0.6..1."""
    canvas = black(pose)
    creases.shadows(canvas, who, moved)
    return 1 - 0.4 * np.asarray(gaussian_filter(canvas.image(), 1.3)) / 100


def _light(scene: appearance.Scene, pose: Pose, who: appearance.Person) -> Grey:
    """The factor of a lamp to one side of an ellipsoid; the background takes half of it."""
    down, across = np.mgrid[0:SIZE, 0:SIZE] + 0.5
    upright = pose.undo_plane(np.stack([across.ravel(), down.ravel()], axis=1))
    u, v = (upright / [who.half_width, who.skull]).T.reshape(2, SIZE, SIZE)
    toward = (u * scene.light[0] + v * scene.light[1]) * np.where(np.hypot(u, v) < 1, 1.0, 0.5)
    return np.clip(1 + toward, 0.45, 1.5)


def _photographed(rng: np.random.Generator, grey: Grey, scene: appearance.Scene) -> Picture:
    """Contrast, exposure, focus and grain of an old snapshot."""
    exposed = 128 + scene.contrast * (grey - 128) + scene.brightness
    focused = np.asarray(gaussian_filter(exposed, scene.blur))
    grainy = np.rint(focused + rng.normal(0, scene.noise, grey.shape))
    return np.clip(grainy, 0, 255).astype(np.uint8)
