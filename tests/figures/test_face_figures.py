"""Annotated pictures: words stay inside the picture and off the faces where there is room."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clfer.figures.faces import (
    FacePlace,
    _label_place,
    _overlap,
    annotated,
    draw_close,
    draw_picture,
)
from clfer.inference.predictor import Face

CLASSES = ("neutral", "happiness")
side = st.floats(0, 500)


def face(box, chance=0.9):
    return Face({"neutral": 1 - chance, "happiness": chance}, box, 0.8)


@given(side, side, st.floats(1, 300), st.floats(1, 300), st.floats(1, 200), st.floats(1, 60))
def test_words_are_inside_the_picture(left, top, width, height, wide, high):
    box = (left, top, left + width, top + height)
    x0, y0, x1, y1 = _label_place(box, (wide, high), [box], (600, 600))
    assert min(x0, y0) >= 0
    assert x1 <= 600 + 1e-9
    assert y1 <= 600 + 1e-9
    np.testing.assert_allclose([x1 - x0, y1 - y0], [wide, high], atol=1e-9)


def test_words_leave_a_neighbour_s_face_alone():
    box, above = (100.0, 100.0, 140.0, 150.0), (90.0, 60.0, 150.0, 99.0)
    place = _label_place(box, (50.0, 12.0), [box, above], (400, 400))
    assert _overlap(place, above) == 0
    assert place[1] == 150  # below


def test_a_box_is_drawn_and_the_rest_of_the_picture_stays():
    picture = np.full((200, 300), 128, np.uint8)
    drawn = annotated(picture, [face((100.0, 80.0, 60.0, 70.0))], CLASSES, 0.0)
    assert drawn.shape == (200, 300, 3)
    changed = (drawn != 128).any(axis=2)
    assert changed[80, 100:160].all()
    assert changed[150, 100:160].all()
    assert not changed[:50].any()
    assert not changed[100:140, 110:150].any()
    assert not changed[:, :90].any()


def test_what_is_unsure_looks_otherwise():
    picture = np.full((200, 300, 3), 128, np.uint8)
    one = [face((100.0, 80.0, 60.0, 70.0), 0.6)]
    sure, unsure = (annotated(picture, one, CLASSES, minimum) for minimum in (0.5, 0.7))
    assert (sure != unsure).any()
    assert (annotated(picture, [], CLASSES, 0.0) == picture).all()


def test_a_crop_has_its_words_in_the_corner():
    crop = np.full((48, 48), 128, np.uint8)
    changed = (annotated(crop, [face(None)], CLASSES, 0.0) != 128).any(axis=2)
    assert changed[:6, :20].any()
    assert not changed[24:].any()


BOXES = np.array([[4.0, 10, 20, 24], [40, 8, 16, 20]])
POINTS = np.array([[44.0, 14], [52, 14], [48, 18], [45, 23], [51, 23]])
PLACE = FacePlace(np.zeros((40, 60, 3), np.uint8), BOXES, 1, POINTS)


def test_boxes_and_landmarks_lie_on_their_face():
    axes = Figure().add_subplot()
    draw_picture(axes, PLACE)
    drawn = {patch.get_bbox().bounds for patch in axes.patches if isinstance(patch, Rectangle)}
    assert drawn == {tuple(box) for box in BOXES}
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    assert axes.get_xlim() == (-0.5, 59.5)
    axes = Figure().add_subplot()
    draw_close(axes, PLACE)
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xydata(), POINTS)
    (left, right), (below, above) = axes.get_xlim(), axes.get_ylim()
    assert left < POINTS[:, 0].min() < POINTS[:, 0].max() < right
    assert above < POINTS[:, 1].min() < POINTS[:, 1].max() < below
