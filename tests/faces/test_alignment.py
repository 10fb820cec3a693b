"""Alignment: landmarks end where the template says, whatever the pose was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clfer.faces.alignment import TEMPLATE, align, transform, whole


@given(
    st.floats(-3.1, 3.1),
    st.floats(0.2, 5),
    st.floats(-50, 50),
    st.floats(-50, 50),
    st.floats(0, 0.3),
)
@settings(max_examples=50, deadline=None)
def test_a_moved_template_comes_back(angle, scale, x, y, margin):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = TEMPLATE @ turn.T * 100 * scale + (x, y)
    matrix = transform(landmarks, 48, margin)
    back = landmarks @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(back, (TEMPLATE * (1 - 2 * margin) + margin) * 48, atol=1e-6)


def test_the_drawn_points_land_on_the_template():
    image = np.zeros((200, 200), np.uint8)
    landmarks = np.array([(60, 80), (120, 90), (85, 115), (55, 140), (110, 150)], float)
    for x, y in landmarks.astype(int):
        image[y - 4 : y + 5, x - 4 : x + 5] = 255
    matrix = transform(landmarks, 96, 0.1)
    expected = landmarks @ matrix[:, :2].T + matrix[:, 2]
    face = align(image, landmarks, 96, 0.1)
    assert face.shape == (96, 96)
    for x, y in expected.round().astype(int):
        assert face[y, x] > 200


@pytest.mark.parametrize("shape", [(60, 40), (40, 60, 3), (48, 48)])
def test_the_whole_picture_is_its_middle_square(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert whole(image, 48).shape == (48, 48, *shape[2:])
    if shape == (48, 48):
        assert (whole(image, 48) == image).all()
