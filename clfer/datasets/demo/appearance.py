"""Who is drawn, and under which circumstances: everything about a demo face but its expression."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import gaussian_filter

from clfer.datasets.demo.canvas import SIZE, Pose

HAIR = ("bald", "short", "fringe", "parted", "long", "curly", "receding")
# Occluders, and how much of what raters look at each one hides.
OCCLUDERS = {"hand": 0.35, "scarf": 0.45, "sunglasses": 0.4, "block": 0.3}


@dataclass(frozen=True)
class Person:
    """An identity. Lengths are px of the 48 x 48 image, tones 0..255."""

    skin: float
    hair_tone: float
    hair: str
    half_width: float
    skull: float  # height above the point between eyes and mouth
    chin: float  # depth below it
    squareness: float  # of the jaw
    eye_distance: float  # of each eye from the midline
    eye_half_width: float
    eye_open: float
    iris_tone: float
    brow_thickness: float
    brow_raised: float  # at rest
    brow_tilt: float  # outer end up
    nose_width: float
    nose_length: float
    mouth_half_width: float
    mouth_rest: float  # corners up at rest
    lip: float
    lip_tone: float  # a fraction of the skin's
    glasses: bool
    moustache: bool
    beard: bool
    lined: float  # 0 young skin .. 1 creases at rest

    @property
    def brow_tone(self) -> float:
        """Close to the hair's, but always darker than the skin."""
        return min(0.6 * self.skin, 0.5 * self.hair_tone + 0.15 * self.skin)


def person(rng: np.random.Generator) -> Person:
    """Anybody: hair and skin vary independently, and every trait is drawn on its own."""
    skin, dyed = rng.uniform(85, 215), rng.choice([20.0, 45.0, 90.0, 160.0, 215.0])
    male = rng.random() < 0.5
    return Person(
        skin=skin,
        hair_tone=float(np.clip(dyed + rng.normal(0, 8), 8, 230)),
        hair=str(rng.choice(HAIR if male else HAIR[1:-1])),
        half_width=rng.uniform(13.3, 16.3),
        skull=rng.uniform(20.5, 24.0),
        chin=rng.uniform(17.3, 19.8),
        squareness=rng.uniform(0.0, 0.35) + 0.12 * male,
        eye_distance=rng.uniform(6.0, 7.6),
        eye_half_width=rng.uniform(2.9, 3.7),
        eye_open=rng.uniform(1.35, 1.9),
        iris_tone=rng.uniform(15, 75),
        brow_thickness=rng.uniform(1.0, 1.6) + 0.4 * male,
        brow_raised=rng.normal(0, 0.5),
        brow_tilt=rng.normal(0, 0.45),
        nose_width=rng.uniform(2.5, 3.7),
        nose_length=rng.uniform(4.2, 5.8),
        mouth_half_width=rng.uniform(4.8, 6.2),
        mouth_rest=rng.normal(0, 0.4),
        lip=rng.uniform(0.9, 1.5) + 0.3 * (not male),
        lip_tone=rng.uniform(0.55, 0.78),
        glasses=bool(rng.random() < 0.16),
        moustache=bool(male and rng.random() < 0.18),
        beard=bool(male and rng.random() < 0.2),
        lined=rng.uniform(0, 1) ** 2 * 0.6,
    )


@dataclass(frozen=True)
class Scene:
    """What stands between the person and the image."""

    light: tuple[float, float]  # direction it comes from, its length the strength
    contrast: float
    brightness: float
    occluder: str | None
    blur: float  # standard deviation in px
    noise: float  # standard deviation in grey levels


def scene(rng: np.random.Generator) -> Scene:
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.45)
    return Scene(
        light=(strength * np.cos(angle), strength * np.sin(angle)),
        contrast=rng.uniform(0.75, 1.15),
        brightness=rng.normal(0, 14),
        occluder=str(rng.choice(list(OCCLUDERS))) if rng.random() < 0.16 else None,
        blur=rng.uniform(0.0, 0.75),
        noise=rng.uniform(1.0, 9.0),
    )


def pose(rng: np.random.Generator, half_width: float) -> Pose:
    """A head turned by up to 25 degrees and rotated by up to 15, off centre by up to 2.5 px."""
    return Pose(
        rotation=float(np.deg2rad(np.clip(rng.normal(0, 6), -15, 15))),
        yaw=float(np.deg2rad(np.clip(rng.normal(0, 10), -25, 25))),
        scale=rng.uniform(0.95, 1.2),
        shift=(float(rng.uniform(-2.5, 2.5)), float(rng.uniform(-2.5, 2.5))),
        half_width=half_width,
    )


def background(rng: np.random.Generator) -> UInt8[np.ndarray, "48 48"]:
    """A plain wall, a gradient, or blurred clutter."""
    down, across = np.mgrid[0:SIZE, 0:SIZE] / SIZE - 0.5
    slope = rng.normal(0, 60, 2) * (rng.random() < 0.6)
    tones: Float[np.ndarray, "48 48"] = rng.uniform(20, 235) + slope[0] * across + slope[1] * down
    if rng.random() < 0.5:
        clutter = gaussian_filter(rng.normal(size=(SIZE, SIZE)), rng.uniform(1.5, 5.0))
        tones = tones + rng.uniform(10, 45) * clutter / clutter.std()
    return np.asarray(np.clip(tones, 0, 255), np.uint8)
