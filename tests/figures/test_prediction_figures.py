"""Annotated photos, whose labels leave faces alone, and means over time against all frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clfer.figures.annotation import annotated, label_place, overlap
from clfer.figures.timeline import BINS, NARROWEST, Timeline
from clfer.inference.predictor import Face

CLASSES = ("neutral", "happiness")
TIMED = ("a", "b", "c")
BOX = (100.0, 80.0, 60.0, 70.0)
side = st.floats(0, 500)


def face(box, chance=0.9):
    return Face({"neutral": 1 - chance, "happiness": chance}, box, 0.8)


@given(side, side, st.floats(1, 300), st.floats(1, 300), st.floats(1, 200), st.floats(1, 60))
def test_words_are_inside_the_picture(left, top, width, height, wide, high):
    box = (left, top, left + width, top + height)
    x0, y0, x1, y1 = label_place(box, (wide, high), [box], (600, 600))
    assert min(x0, y0) >= 0
    assert max(x1, y1) <= 600 + 1e-9
    np.testing.assert_allclose([x1 - x0, y1 - y0], [wide, high], atol=1e-9)


def test_words_leave_a_neighbour_s_face_alone():
    box, above = (100.0, 100.0, 140.0, 150.0), (90.0, 60.0, 150.0, 99.0)
    place = label_place(box, (50.0, 12.0), [box, above], (400, 400))
    assert overlap(place, above) == 0
    assert place[1] == 150  # below


def test_a_box_is_drawn_and_the_rest_of_the_picture_stays():
    picture = np.full((200, 300), 128, np.uint8)
    drawn = annotated(picture, [face(BOX)], CLASSES, 0.0)
    assert drawn.shape == (200, 300, 3)
    changed = (drawn != 128).any(axis=2)
    assert changed[[80, 150], 100:160].all()
    assert not changed[:50].any()
    assert not changed[100:140, 110:150].any()
    assert not changed[:, :90].any()
    assert (annotated(picture, [], CLASSES, 0.0) == 128).all()
    unsure = annotated(picture, [face(BOX, 0.9)], CLASSES, 0.95)
    assert (unsure != drawn).any()
    crop = (annotated(picture, [face(None)], CLASSES, 0.0) != 128).any(axis=2)
    assert crop[:6, :20].any()  # its words are in the corner
    assert not crop[100:].any()


def timed(*chances):
    return Face(dict(zip(TIMED, chances, strict=True)))


@pytest.mark.parametrize("length", [3.0, 100.0, 5000.0])
def test_bins_are_means_over_their_frames(length):
    random = np.random.default_rng(0)
    timeline = Timeline(TIMED)
    every = []
    for seconds in (np.arange(700) + 0.37) * length / 700:
        faces = [timed(*random.dirichlet([1, 1, 1])) for _ in range(random.integers(0, 3))]
        timeline.add(float(seconds), faces)
        every.append((seconds, faces))
    bins = len(timeline.faces)
    assert bins <= BINS
    assert length / 2 / timeline.width < BINS
    assert timeline.width / NARROWEST == 2 ** round(np.log2(timeline.width / NARROWEST))
    for number in range(bins):
        low = number * timeline.width
        inside = [faces for at, faces in every if low <= at < low + timeline.width]
        seen = [list(one.probability.values()) for faces in inside for one in faces]
        mean = np.mean(seen, axis=0) if seen else np.full(3, np.nan)
        np.testing.assert_allclose(timeline.probability[number], mean)
        assert timeline.faces[number] == pytest.approx(len(seen) / len(inside))


def test_it_is_drawn_also_with_gaps_and_from_one_frame(tmp_path):
    timeline = Timeline(TIMED)
    timeline.add(0.0, [timed(0.5, 0.25, 0.25)])
    for path in (tmp_path / "one.png", tmp_path / "gap.png"):
        timeline.draw("title", path)
        assert path.stat().st_size > 5000
        timeline.add(3.0, [])
        timeline.add(9.0, [timed(0.1, 0.1, 0.8)])


@pytest.mark.parametrize("rate", [2.0, 10.0, 30000 / 1001, 60.0])
def test_a_bin_between_two_frames_is_as_the_one_before(rate):
    """Times as a file has them, in whole milliseconds."""
    timeline = Timeline(TIMED)
    times = np.round(np.arange(100) / rate, 3)
    for number, seconds in enumerate(times):
        timeline.add(float(seconds), [timed(0.5, 0.25, 0.25)] * (2 if number < 50 else 0))
    before = np.arange(len(timeline.faces)) < times[50] // timeline.width
    assert (timeline.faces[before] == 2).all()
    assert (timeline.faces[~before][1:] == 0).all()
