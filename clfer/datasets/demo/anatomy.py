"""What an expression does to a face: expression -> facial action units -> displaced features.

The units of each expression are those of EMFACS (Friesen & Ekman's Emotional Facial Action Coding
System). Lengths are px of a 48 x 48 face, "up" and "open" are positive; a pair [2] holds the left
and the right side of the image.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

EMFACS: dict[str, tuple[int, ...]] = {
    "neutral": (),
    "happiness": (6, 12),
    "surprise": (1, 2, 5, 26),
    "sadness": (1, 4, 15),
    "anger": (4, 5, 7, 23),
    "disgust": (9, 15, 16),
    "fear": (1, 2, 4, 5, 20, 26),
    "contempt": (12, 14),
}
ONE_SIDED = "contempt"
# Lips part (25) belongs to no expression's code, yet opens most strong smiles.
ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 12, 14, 15, 16, 20, 23, 25, 26)

Pair = Float[np.ndarray, "2"]
Activity = dict[int, Pair]


@dataclass(frozen=True)
class Upper:
    """Brows and lids."""

    brow_inner: Pair
    brow_middle: Pair
    brow_outer: Pair
    brow_gather: Pair  # inner ends towards the midline
    lid_upper: Pair  # up: more white above the iris
    lid_lower: Pair  # up: a narrower eye
    lid_slant: Pair  # inner corner of the upper lid up


@dataclass(frozen=True)
class Mouth:
    """Lips, teeth and jaw."""

    corner_up: Pair
    corner_out: Pair
    lip_up: float  # the whole upper lip
    part_up: float  # how far the parted lips leave the mouth's line
    part_down: float
    thickness: float  # of both lips, a factor
    lower_lip_out: float
    roundness: float  # 0 a lens between the corners .. 1 an oval
    jaw: float
    upper_teeth: float  # 0 hidden .. 1 in full
    lower_teeth: float


@dataclass(frozen=True)
class Creases:
    """The darkness of the skin's folds, 0..1."""

    fold: Pair  # nose wing to mouth corner
    crow: Pair  # outer corner of the eye
    dimple: Pair  # beside the mouth corner
    below_corner: Pair
    forehead: float
    frown: float  # upright, between the brows
    nose: float  # across the bridge


@dataclass(frozen=True)
class Features:
    """Where the action units have moved the features, relative to the same face at rest."""

    upper: Upper
    mouth: Mouth
    creases: Creases


def activity(rng: np.random.Generator, expression: str, strength: float) -> Activity:
    """How strongly each action unit acts, 0..1 on either side, at an expression's `strength` 0..1.

    Each unit differs a little from the rest and between the sides; one or two others act faintly,
    as in any face.
    """
    units = {unit: np.zeros(2) for unit in ACTION_UNITS}
    for unit in EMFACS[expression]:
        units[unit] = strength * rng.uniform(0.8, 1.15) * rng.uniform(0.92, 1.08, 2)
    for unit in rng.choice(ACTION_UNITS, 2, replace=False):
        units[int(unit)] = units[int(unit)] + rng.uniform(0, 0.2)
    if expression == ONE_SIDED:
        side = rng.permutation([0.05, 1.1])
        units[12], units[14] = units[12] * side, units[14] * side
    if expression == "happiness" and rng.random() < strength:
        units[25] = units[25] + strength * rng.uniform(0.5, 1.0)
    if expression == "anger" and rng.random() < 0.4:
        units[25] = units[25] + 0.5 * strength
    return {unit: np.clip(amount, 0, 1.1) for unit, amount in units.items()}


def features(units: Activity) -> Features:
    """What the action units add up to; the gains let a full unit move its feature by 2 to 5 px."""
    return Features(_upper(units), _mouth(units), _creases(units))


def _upper(a: Activity) -> Upper:
    """Where 1 and 4 act together, 1 wins at the inner end: the oblique brow of sadness."""
    oblique = np.minimum(a[1], a[4])
    return Upper(
        brow_inner=2.6 * a[1] + 0.8 * a[2] - 3.2 * a[4] + 3.0 * oblique - 1.6 * a[9],
        brow_middle=1.0 * a[1] + 3.0 * a[2] - 2.2 * a[4] - 1.1 * a[9],
        brow_outer=2.4 * a[2] - 1.0 * a[4] - 0.7 * oblique - 0.3 * a[9],
        brow_gather=1.7 * a[4] + 0.4 * a[9],
        lid_upper=1.5 * a[5] - 0.5 * a[6] - 0.7 * a[7] - 0.8 * a[9] - 0.5 * oblique * (1 - a[5]),
        lid_lower=1.1 * a[6] + 0.7 * a[7] + 0.8 * a[9] - 0.4 * a[5],
        lid_slant=1.0 * oblique * (1 - a[5]) - 0.9 * a[7],
    )


def _mouth(a: Activity) -> Mouth:
    """A jaw that drops (26) pulls the corners in, unless they are stretched (20) as in fear."""
    mean = {unit: float(amount.mean()) for unit, amount in a.items()}
    opening = mean[26]
    return Mouth(
        corner_up=3.2 * a[12] - 2.9 * a[15] + 0.8 * a[14] - 0.7 * a[20],
        corner_out=1.9 * (a[12] - a[26] * (1 - a[20])) + 2.4 * a[20] + 0.5 * a[14] - 0.9 * a[23],
        lip_up=1.9 * mean[9] + 0.3 * mean[26],
        part_up=0.6 * mean[25] + 1.7 * opening + 0.4 * mean[9] * mean[16],
        part_down=3.0 * mean[25] + 4.6 * opening * (1 - 0.45 * mean[20]) + 1.7 * mean[16],
        thickness=1.0 - 0.65 * mean[23] - 0.25 * mean[12] - 0.2 * mean[20],
        lower_lip_out=1.2 * mean[16],
        roundness=min(1.0, 1.2 * opening),
        jaw=3.2 * opening + 0.6 * mean[25],
        upper_teeth=min(1.0, 1.3 * mean[25] + 0.5 * mean[20]),
        lower_teeth=min(1.0, 0.8 * mean[16] + 0.8 * mean[20] * opening + 0.8 * mean[25] * mean[23]),
    )


def _creases(a: Activity) -> Creases:
    mean = {unit: float(amount.mean()) for unit, amount in a.items()}
    return Creases(
        fold=np.clip(0.9 * a[12] + 0.9 * a[9] + 0.2 * a[20], 0, 1),
        crow=np.clip(1.0 * a[6], 0, 1),
        dimple=np.clip(1.0 * a[14], 0, 1),
        below_corner=np.clip(0.8 * a[15], 0, 1),
        forehead=min(1.0, 0.6 * mean[1] + 0.4 * mean[2]),
        frown=min(1.0, mean[4] + 0.5 * mean[9]),
        nose=min(1.0, mean[9]),
    )
