"""Bringing a face to a standard place by five landmarks and a similarity transform."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from skimage.transform import SimilarityTransform

from clfer.faces.preprocessing import Cut

# Where ArcFace (Deng et al. 2019) wants the eyes, the nose and the corners of the mouth, as shares
# of the crop's side: (x, y), left to right as seen in the picture.
TEMPLATE = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
) / 112  # fmt: skip


def places(cut: Cut) -> Float[np.ndarray, "5 2"]:
    """Where a cut face has its landmarks, as shares of its side: at the template's places with
    `margin` of the side left free around its frame, or where the cut itself says.
    """
    if cut.landmarks is not None:
        return np.array(cut.landmarks)
    return TEMPLATE * (1 - 2 * cut.margin) + cut.margin


def transform(
    landmarks: Float[np.ndarray, "5 2"], places: Float[np.ndarray, "5 2"], size: int
) -> Float[np.ndarray, "2 3"]:
    """The similarity (rotation, scale, shift) that takes landmarks closest to their places in a
    crop of this size, least squares.
    """
    found = SimilarityTransform.from_estimate(landmarks, places * size)
    matrix: np.ndarray = found.params[:2]
    return matrix


def align(
    image: UInt8[np.ndarray, "H W *C"],
    landmarks: Float[np.ndarray, "5 2"],
    places: Float[np.ndarray, "5 2"],
    size: int,
) -> UInt8[np.ndarray, "S S *C"]:
    """The face upright in a size x size crop; beyond the picture its border is repeated."""
    return _warped(image, transform(landmarks, places, size), size)


def boxed(
    image: UInt8[np.ndarray, "H W *C"], box: Float[np.ndarray, "4"], size: int, margin: float
) -> UInt8[np.ndarray, "S S *C"]:
    """The square around a box (left, top, width, height) in a size x size crop.

    `margin`: share of the crop's side left free on each side beyond the box's longer side.
    """
    left, top, width, height = box
    side = max(width, height) / (1 - 2 * margin)
    scale = size / side
    corner = np.array([left + width / 2, top + height / 2]) - side / 2
    # edges are meant by a box, centres of pixels by a matrix
    shift = scale * (0.5 - corner) - 0.5
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return _warped(image, matrix, size)


def _warped(
    image: UInt8[np.ndarray, "H W *C"], matrix: Float[np.ndarray, "2 3"], size: int
) -> UInt8[np.ndarray, "S S *C"]:
    """The crop into which `matrix` takes the picture.

    A picture to be made smaller than half is averaged over whole blocks of pixels first: warpAffine
    looks at no more than four, and would make noise of the rest.
    """
    # the sum of tiny errors shall not cost a whole block
    block = int(1 / np.sqrt(abs(np.linalg.det(matrix[:, :2]))) + 1e-6)
    block = min(block, *image.shape[:2])
    if block > 1:
        height, width = (side // block for side in image.shape[:2])
        whole_blocks = image[: height * block, : width * block]
        image = cv2.resize(whole_blocks, (width, height), interpolation=cv2.INTER_AREA)
        shift = matrix[:, :2].sum(axis=1) * (block - 1) / 2  # to the middle of a block
        matrix = np.column_stack([matrix[:, :2] * block, matrix[:, 2] + shift])
    return cv2.warpAffine(
        image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def whole(image: UInt8[np.ndarray, "H W *C"], size: int) -> UInt8[np.ndarray, "S S *C"]:
    """The largest square in the middle of the picture, brought to size x size."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    return (
        square if side == size else cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)
    )
