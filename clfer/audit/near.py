"""Near duplicates: one photograph in another crop, brightness or resolution, perhaps mirrored.

Each face is made grey, averaged to SIDE x SIDE, and freed of its own brightness and contrast and of
the mean face. The correlation of two such signatures is 1 for the same picture and about 0 for two
people. One of the two is also compared mirrored, moved and enlarged. Two people lit from the same
side correlate as well, so a pair has to agree in its fine detail, too.

Notation: N faces, S stored side, C channels, D = SIDE^2.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
import polars as pl
from jaxtyping import Float, UInt8
from scipy.spatial import cKDTree

GREY = 48  # pixels of a face's side while it is moved
SIDE = 16  # pixels of a signature's side
COMPONENTS = 12  # of the signatures, in which candidates are searched
BLOCK = 512  # faces whose candidates are held at a time
FLAT = 0.5  # grey levels: a face that varies less has no signature
FINE, BLUR, SHIFT = 24, 2.0, 1  # side at which detail is compared, blur taken away, pixels moved
DETAIL = 0.7  # least agreement of details
DETAIL_MIRRORED = 0.8  # faces are nearly symmetric: two frontal ones agree more easily mirrored
PAIRS = {
    "a": pl.Int64(),
    "b": pl.Int64(),
    "correlation": pl.Float64(),
    "mirrored": pl.Boolean(),
    "cropped": pl.Boolean(),
}

Grey = UInt8[np.ndarray, "side side"]
Signatures = Float[np.ndarray, "N D"]


class View(NamedTuple):
    """A face enlarged by `zoom`, moved by `right` and `down` pixels, mirrored left to right."""

    zoom: float = 1.0
    right: float = 0.0
    down: float = 0.0
    mirrored: bool = False


IN_PLACE = (View(), View(mirrored=True))
# every face is compared with every other one moved, so that the opposite moves are among these
CROPS = (
    *(View(1.0, right, down) for right, down in ((3.0, 0.0), (0.0, 3.0), (3.0, 3.0), (3.0, -3.0))),
    *(
        View(zoom, right, down)
        for zoom in (1.12, 1.25)
        for room in (GREY * (1 - 1 / zoom) / 2,)
        for right, down in product((-room, 0.0, room), repeat=2)
    ),
)


def near_duplicates(
    faces: UInt8[np.ndarray, "N S S C"], threshold: float, crops: bool
) -> pl.DataFrame:
    """Pairs of faces that correlate by `threshold` (above 0, up to 1) or more and agree in detail,
    each pair once. Without `crops` they are compared in place and mirrored only: 12 times faster.

    Columns: `a` < `b`, indices of the faces; `correlation` to 4 decimals; `mirrored` and `cropped`,
    whether one of them had to be for it. Faces without contrast are in no pair.

    In each view no pair is missed: correlation is 1 - d^2 / 2 with d the distance of two
    signatures, and a projection only shrinks distances, so that a search within that distance among
    the leading principal components yields every pair and some more, whose full correlation then
    decides. Between the views, pairs are missed.
    """
    greys = [_grey(face) for face in faces]
    index = [i for i, image in enumerate(greys) if image.std() >= FLAT]
    if not index:
        return pl.DataFrame(schema=PAIRS)
    greys = [greys[i] for i in index]
    small = _reduced(greys, View())
    mean = small.mean(axis=0)
    signatures = _unit(small - mean)  # what each face has beyond the mean face
    axes = np.linalg.eigh(signatures.T @ signatures)[1][:, -COMPONENTS:].astype(np.float32)
    tree = cKDTree(signatures @ axes)
    pairs: dict[tuple[int, int], tuple[float, bool, bool]] = {}
    for view in (*IN_PLACE, *CROPS) if crops else IN_PLACE:
        others = _unit(_reduced(greys, view) - mean)
        least = DETAIL_MIRRORED if view.mirrored else DETAIL
        for a, b, correlation in _correlated(tree, axes, signatures, others, threshold):
            pair = (min(a, b), max(a, b))
            if a == b or pair in pairs:
                continue
            if detail_agreement(greys[a], _seen(greys[b], view)) >= least:
                pairs[pair] = (correlation, view.mirrored, view in CROPS)
    rows = [(index[a], index[b], *rest) for (a, b), rest in pairs.items()]
    return pl.DataFrame(rows, PAIRS, orient="row").sort("a", "b")


def _grey(face: UInt8[np.ndarray, "S S C"]) -> Grey:
    """The mean of the channels, at GREY x GREY."""
    levels = face.mean(axis=2).round().astype(np.uint8)
    return np.asarray(cv2.resize(levels, (GREY, GREY), interpolation=cv2.INTER_AREA))


def _seen(face: Grey, view: View) -> Grey:
    """The face in this view; beyond its border the border is repeated."""
    if view == View():
        return face
    if view.mirrored:
        return np.ascontiguousarray(face[:, ::-1])
    corner = (GREY - 1) / 2 * (1 - 1 / view.zoom)
    matrix = np.array(
        [[1 / view.zoom, 0, corner + view.right], [0, 1 / view.zoom, corner + view.down]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    moved = cv2.warpAffine(face, matrix, (GREY, GREY), flags=flags, borderMode=border)
    return np.asarray(moved)


def _reduced(greys: list[Grey], view: View) -> Signatures:
    """Each face in a view at SIDE x SIDE, of mean 0 and length 1."""
    small = np.stack(
        [
            cv2.resize(
                _seen(grey, view).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA
            ).ravel()
            for grey in greys
        ]
    )
    return _unit(small - small.mean(axis=1, keepdims=True))


def _unit(rows: Signatures) -> Signatures:
    """Rows of length 1; zeros where there is nothing."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-6), np.float32)


def _correlated(
    tree: cKDTree,
    axes: Float[np.ndarray, "D P"],
    signatures: Signatures,
    others: Signatures,
    threshold: float,
) -> Iterator[tuple[int, int, float]]:
    """Each of the signatures (whose components the tree has), each of the others that correlates
    enough with it, and how much.
    """
    within = np.sqrt(2 * (1 - threshold)) + 1e-4  # float32 rounds
    for start in range(0, len(others), BLOCK):
        block = others[start : start + BLOCK]
        candidates = tree.query_ball_point(block @ axes, within, workers=-1)
        for b, (other, some) in enumerate(zip(block, candidates, strict=True), start):
            correlation = (signatures[some] @ other).astype(float).round(4)  # BLAS varies beyond
            for place in np.flatnonzero(correlation >= threshold):
                yield some[place], b, float(correlation[place])


def detail_agreement(one: Grey, other: Grey) -> float:
    """The correlation of two faces freed of what is coarse, the highest of those with one moved by
    up to SHIFT pixels; 0 where one has no detail.
    """
    first, second = (_detail(face) for face in (one, other))
    inner = first[SHIFT:-SHIFT, SHIFT:-SHIFT]
    if inner.std() == 0 or second.std() == 0:
        return 0.0
    return float(cv2.matchTemplate(second, inner, cv2.TM_CCOEFF_NORMED).max())


def _detail(face: Grey) -> Float[np.ndarray, "n n"]:
    small = cv2.resize(face, (FINE, FINE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(small - cv2.GaussianBlur(small, (0, 0), BLUR), np.float32)
