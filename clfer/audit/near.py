"""Images that are nearly the same: one photograph in another crop, brightness or resolution.

What is compared first is what distinguishes a face from all others. Each is made grey, averaged to
SIDE x SIDE, freed of its own brightness and contrast and of the mean face; the correlation of two
such signatures is 1 for the same picture and about 0 for two people. One of the two is also looked
at moved, enlarged and mirrored (`views`). What correlates has to agree in its `detail`, too.

Notation: N faces, S stored side, C channels, D = SIDE^2.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import polars as pl
from jaxtyping import Float, UInt8
from scipy.spatial import cKDTree

from clfer.audit.detail import agreement, detail
from clfer.audit.views import CROPS, PLAIN, View, grey, seen

SIDE = 16
COMPONENTS = 12  # of the signatures, in which candidates are looked for
BLOCK = 512  # faces whose candidates are held at a time
PRODUCTS = 1 << 16  # candidates whose correlation is computed at a time
DETAIL = 0.7  # least agreement of details
FLAT = 0.5  # grey levels: a face that varies less has no signature
PAIRS = {
    "a": pl.Int64(),
    "b": pl.Int64(),
    "correlation": pl.Float32(),
    "mirrored": pl.Boolean(),
    "cropped": pl.Boolean(),
}


def near(faces: UInt8[np.ndarray, "N S S C"], threshold: float, crops: bool) -> pl.DataFrame:
    """Pairs of faces that correlate by `threshold` (above 0, up to 1) or more and agree in detail,
    each once. Without `crops` they are compared in place and mirrored only: 12 times faster.

    Columns: `a` < `b`, indices of the faces; `correlation`; `mirrored` and `cropped`, whether one
    of them had to be for it. Faces without contrast are in no pair.

    In each view no pair is missed: correlation is 1 - d^2 / 2 with d the distance of two
    signatures, and a projection only shrinks distances, so that a search within that distance among
    the leading principal components finds every pair and some more, whose full correlation then
    decides. Between the views, pairs are missed.
    """
    all_greys = [grey(face) for face in faces]
    index = [i for i, image in enumerate(all_greys) if image.std() >= FLAT]
    if not index:
        return pl.DataFrame(schema=PAIRS)
    greys = np.stack([all_greys[i] for i in index])
    small = _reduced(greys, PLAIN[0])
    mean = small.mean(axis=0)
    signatures = _signatures(small, mean)
    axes = _components(signatures)
    tree = cKDTree(signatures @ axes)
    found: dict[tuple[int, int], tuple[float, bool, bool]] = {}
    for view in (*PLAIN, *CROPS) if crops else PLAIN:
        others = _signatures(_reduced(greys, view), mean)
        for a, b, correlation in _search(tree, axes, signatures, others, threshold):
            pair = (min(a, b), max(a, b))
            if a != b and pair not in found and _alike(greys[a], seen(greys[b], view)):
                found[pair] = (correlation, view.mirrored, view.cropped)
    rows = [(index[a], index[b], *rest) for (a, b), rest in found.items()]
    return pl.DataFrame(rows, PAIRS, orient="row").sort("a", "b")


def _reduced(greys: UInt8[np.ndarray, "N side side"], view: View) -> Float[np.ndarray, "N D"]:
    """Each face in a view at SIDE x SIDE, of mean 0 and length 1."""
    found = np.zeros((len(greys), SIDE**2), np.float32)
    for place, image in enumerate(greys):
        levels = seen(image, view).astype(np.float32)
        small = cv2.resize(levels, (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel()
        small -= small.mean()
        found[place] = small / max(float(np.linalg.norm(small)), 1e-6)
    return found


def _signatures(
    small: Float[np.ndarray, "N D"], mean: Float[np.ndarray, "D"]
) -> Float[np.ndarray, "N D"]:
    """What each face has beyond the mean face, of length 1; zeros where it has nothing."""
    rest = small - mean
    length = np.linalg.norm(rest, axis=1, keepdims=True)
    return np.asarray(rest / np.where(length > 0, length, 1), np.float32)


def _components(signatures: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "D P"]:
    """The directions in which the signatures differ most, orthonormal."""
    _, vectors = np.linalg.eigh(signatures.T @ signatures)
    return np.asarray(vectors[:, ::-1][:, :COMPONENTS], np.float32)


def _search(
    tree: cKDTree,
    axes: Float[np.ndarray, "D P"],
    signatures: Float[np.ndarray, "N D"],
    others: Float[np.ndarray, "N D"],
    threshold: float,
) -> Iterator[tuple[int, int, float]]:
    """Each of the signatures (whose components the tree has), each of the others that correlates
    enough with it, and how much.
    """
    within = np.sqrt(2 * (1 - threshold)) + 1e-4  # float32 rounds
    for start in range(0, len(others), BLOCK):
        block = others[start : start + BLOCK] @ axes
        lists = tree.query_ball_point(block, within, workers=-1, return_sorted=False)
        b = np.repeat(np.arange(start, start + len(block)), [len(found) for found in lists])
        a = np.fromiter((i for found in lists for i in found), np.int64, len(b))
        for some in range(0, len(a), PRODUCTS):
            left, right = a[some : some + PRODUCTS], b[some : some + PRODUCTS]
            correlation = np.einsum("nd,nd->n", signatures[left], others[right])
            enough = correlation >= threshold
            yield from zip(
                left[enough].tolist(),
                right[enough].tolist(),
                correlation[enough].tolist(),
                strict=True,
            )


def _alike(one: UInt8[np.ndarray, "side side"], other: UInt8[np.ndarray, "side side"]) -> bool:
    return agreement(detail(one), detail(other)) >= DETAIL
