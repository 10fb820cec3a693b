"""Alignment: landmarks end where the template says, whatever the pose was."""

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError
from skimage.transform import SimilarityTransform
from variants import CUT

from clfer.datasets.demo.drawing import face
from clfer.datasets.expressions import FERPLUS
from clfer.errors import InputError
from clfer.faces.alignment import TEMPLATE, align, boxed, places, similarity, whole
from clfer.faces.detection import are_usable
from clfer.faces.preprocessing import Cut


def cut(margin=0.1, landmarks=None):
    return CUT.model_copy(update={"margin": margin, "landmarks": landmarks})


def test_places_are_the_templates_between_the_margins_or_those_of_the_cut():
    np.testing.assert_array_equal(places(cut(margin=0.3)), TEMPLATE * (1 - 2 * 0.3) + 0.3)
    wanted = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
    np.testing.assert_array_equal(places(cut(landmarks=wanted)), wanted)


NUMBERS = st.floats(-300, 300)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=5, max_size=5), st.sampled_from([48, 224]))
def test_the_similarity_is_that_of_scikit_image_to_the_last_bit(points, size):
    """Of mirrored and scattered points too, whose best transform would be a reflection."""
    points, target = np.array(points), places(cut()) * size
    assume(are_usable(points))
    expected = SimilarityTransform.from_estimate(points, target).params[:2]
    np.testing.assert_array_equal(similarity(points, target), expected)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((5, 2)),
        np.arange(10.0).reshape(5, 2),
        np.full((5, 2), np.nan),
        TEMPLATE * np.inf,
        TEMPLATE * 1e300,
        TEMPLATE * 1e-200,
    ],
    ids=["equal", "on a line", "NaN", "infinite", "far away", "tiny"],
)
def test_points_that_determine_no_similarity_are_refused_in_one_line(points):
    with pytest.raises(
        InputError, match=r"^landmarks: expected five finite points, not all on one"
    ):
        align(np.zeros((9, 9), np.uint8), points, TEMPLATE, 48)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ((0.3, 0.4), "value_error"),
        ((0.3, float("nan")), "finite_number"),
        ((0.3, float("inf")), "finite_number"),
    ],
)
def test_places_that_are_equal_or_no_numbers_are_refused_by_name(last, message):
    wanted = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), last]
    with pytest.raises(ValidationError) as caught:
        Cut(**CUT.model_dump() | {"landmarks": wanted})
    (error,) = caught.value.errors()
    assert error["loc"][0] == "landmarks"
    assert error["type"] == message


@pytest.mark.parametrize("shape", [(60, 40), (40, 60, 3), (48, 48)])
def test_the_whole_picture_is_its_middle_square(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert whole(image, 48).shape == (48, 48, *shape[2:])
    if shape == (48, 48):
        assert (whole(image, 48) == image).all()


def test_a_box_fills_the_crop_between_its_margins():
    image = np.zeros((100, 100), np.uint8)
    image[30:70, 20:60] = 200  # 40 x 40 px
    box = np.array([20.0, 30.0, 40.0, 40.0])
    assert (boxed(image, box, 40, 0.0) == 200).all()
    half = boxed(image, box, 80, 0.25)  # the box takes the middle half
    assert (half[21:59, 21:59] == 200).all()
    assert (half[:19] == 0).all()
    assert (half[:, 61:] == 0).all()


def test_the_longer_side_of_a_box_counts():
    image = np.zeros((100, 100), np.uint8)
    image[20:80, 40:60] = 200  # 60 high, 20 wide
    face = boxed(image, np.array([40.0, 20.0, 20.0, 60.0]), 60, 0.0)
    assert (face[:, 21:39] == 200).all()
    assert (face[:, :19] == 0).all()


@pytest.mark.parametrize("block", [2, 3, 5, 8])
def test_a_large_picture_is_averaged_and_not_sampled(block):
    """Fine stripes become grey, and a face made smaller is the mean over its blocks."""
    stripes = np.tile(np.array([0, 255], np.uint8), (48 * block, 24 * block))
    face = boxed(stripes, np.array([0.0, 0.0, 48.0 * block, 48.0 * block]), 48, 0.0)
    if block % 2 == 0:
        assert np.abs(face.astype(int) - 127).max() <= 1
    image = np.random.default_rng(0).integers(0, 256, (48 * block, 48 * block), dtype=np.uint8)
    face = boxed(image, np.array([0.0, 0.0, 48.0 * block, 48.0 * block]), 48, 0.0)
    expected = image.reshape(48, block, 48, block).mean(axis=(1, 3))
    assert np.abs(face - expected).max() <= 1


@pytest.mark.parametrize("scale", [1, 2, 4, 7])
def test_landmarks_land_on_the_template_at_any_size(scale):
    """A picture enlarged by blocks of pixels gives the same face."""
    rng = np.random.default_rng(1)
    image = cv2.GaussianBlur(rng.integers(0, 256, (90, 90), dtype=np.uint8), (0, 0), 2)
    landmarks = np.array([(30, 35), (58, 33), (45, 50), (33, 66), (57, 65)], float)
    large = np.kron(image, np.ones((scale, scale), np.uint8))
    moved = (landmarks + 0.5) * scale - 0.5
    one, other = align(image, landmarks, places(cut()), 48), align(large, moved, places(cut()), 48)
    assert np.abs(one.astype(int) - other).max() <= 12
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99


def test_the_landmarks_of_drawn_faces_are_recovered_within_a_pixel():
    """Dots put where the demo says that its landmarks are come out on the template."""
    target = places(cut()) * 192
    for number, expression in enumerate(FERPLUS * 5):
        landmarks = face(np.random.default_rng([3, number]), expression, 0.7).landmarks
        fit = similarity(landmarks, target)
        best = landmarks @ fit[:, :2].T + fit[:, 2]  # closest to the template, not on it
        for place, landmark in zip(best, landmarks, strict=True):
            dot = np.zeros((48, 48), np.uint8)
            x, y = landmark.round().astype(int)
            dot[y, x] = 255
            crop = align(dot, landmarks - landmark + (x, y), places(cut()), 192).astype(float)
            rows, columns = np.mgrid[:192, :192]
            seen = np.array([(crop * columns).sum(), (crop * rows).sum()]) / crop.sum()
            assert np.abs(seen - place).max() < 1
        assert np.linalg.norm(best - target, axis=1).mean() < 0.1 * 192
