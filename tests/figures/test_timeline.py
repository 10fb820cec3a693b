"""Expressions over time: means of bins that double, against sums over all frames."""

import numpy as np
import pytest

from clfer.figures.timeline import BINS, NARROWEST, Timeline
from clfer.inference.predictor import Face

CLASSES = ("a", "b", "c")


def face(*chances):
    return Face(dict(zip(CLASSES, chances, strict=True)))


@pytest.mark.parametrize("length", [3.0, 100.0, 5000.0])
def test_bins_are_means_over_their_frames(length):
    random = np.random.default_rng(0)
    timeline = Timeline(CLASSES, 0.01)
    every = []
    for seconds in (np.arange(700) + 0.37) * length / 700:
        faces = [face(*random.dirichlet([1, 1, 1])) for _ in range(random.integers(0, 3))]
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
        if inside:
            assert timeline.faces[number] == pytest.approx(len(seen) / len(inside))
        if seen:
            np.testing.assert_allclose(timeline.probability[number], np.mean(seen, axis=0))
        else:
            assert np.isnan(timeline.probability[number]).all()


def test_it_is_drawn_also_with_gaps_and_from_one_frame(tmp_path):
    timeline = Timeline(CLASSES, 0.01)
    timeline.add(0.0, [face(0.5, 0.25, 0.25)])
    for path in (tmp_path / "one.png", tmp_path / "gap.png"):
        timeline.draw("title", path)
        assert path.stat().st_size > 5000
        timeline.add(3.0, [])
        timeline.add(9.0, [face(0.1, 0.1, 0.8)])


@pytest.mark.parametrize("rate", [2.0, 10.0, 25.0, 30000 / 1001, 60.0])
def test_no_bin_falls_between_two_frames(rate):
    """Times as a file has them, in whole milliseconds; every frame shows two faces."""
    timeline = Timeline(CLASSES, 1 / rate)
    for number in range(3000):
        timeline.add(round(number / rate, 3), [face(0.5, 0.25, 0.25)] * 2)
    assert timeline.width >= 1 / rate
    assert (timeline.faces == 2).all()
