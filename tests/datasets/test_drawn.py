"""The drawn faces themselves, without the files they are written to."""

import numpy as np
import pytest
from skimage.feature import hog
from sklearn.linear_model import LogisticRegression

from clfer.datasets.demo import anatomy, drawing, raters, rows
from clfer.datasets.expressions import FERPLUS, FERPLUS_VOTES


def test_a_face_does_not_depend_on_the_rows_around_it():
    alone = rows.row(seed=5, number=40, face=40)
    among = [rows.row(seed=5, number=number, face=number) for number in range(38, 43)][2]
    assert np.array_equal(alone.image, among.image)
    assert np.array_equal(alone.votes, among.votes)
    assert not np.array_equal(alone.image, rows.row(seed=6, number=40, face=40).image)


def test_a_copy_has_the_pixels_but_not_the_ratings():
    pairs = [(rows.row(1, face, face), rows.row(1, face + 100, face)) for face in range(40)]
    assert all(np.array_equal(original.image, copy.image) for original, copy in pairs)
    assert any(not np.array_equal(original.votes, copy.votes) for original, copy in pairs)


@pytest.mark.parametrize("duplicates", [0.0, 0.1, 0.5])
def test_copies_show_faces_of_earlier_splits(duplicates):
    shown = rows.faces_shown((100, 40, 60), duplicates, seed=3)
    copies = np.flatnonzero(shown != np.arange(200))
    split = np.searchsorted([100, 140], np.arange(200), side="right")
    assert np.all(split[shown[copies]] < split[copies])
    assert np.array_equal(
        np.bincount(split[copies], minlength=3), np.rint(duplicates * np.array([0, 40, 60]))
    )
    # an original is never a copy itself
    assert np.array_equal(shown[shown], shown)


@pytest.mark.parametrize("seed", range(20))
def test_any_run_of_rows_has_its_share_of_every_expression(seed):
    for start in (0, 1000, 1250):
        drawn = [rows.expression_of(seed, face) for face in range(start, start + 200)]
        for expression, share in rows.SHARES.items():
            assert drawn.count(expression) == pytest.approx(200 * share, abs=4)
    assert sum(rows.SHARES.values()) < 1
    assert tuple(rows.SHARES) == FERPLUS


@pytest.mark.parametrize("expression", FERPLUS)
def test_landmarks_are_within_the_image_and_upright_after_undoing_the_pose(expression):
    for index in range(12):
        drawn = drawing.face(np.random.default_rng([9, index]), expression, 1.0)
        assert drawn.landmarks.min() > 2
        assert drawn.landmarks.max() < 45
        left, right, nose, mouth_left, mouth_right = drawn.pose.undo_plane(drawn.landmarks + 0.5)
        assert left[1] == pytest.approx(right[1])
        assert left[0] < right[0]
        assert mouth_left[0] < mouth_right[0]
        assert left[1] < nose[1] < min(mouth_left[1], mouth_right[1])


def test_landmarks_are_where_the_features_are_drawn():
    """Pupils are dark: around the true eyes the image is darker than on the cheeks 8 px below."""
    eyes, cheeks = [], []
    for index in range(30):
        drawn = drawing.face(np.random.default_rng([2, index]), "surprise", 1.0)
        if drawn.hidden == 0:
            for x, y in np.rint(drawn.landmarks[:2]).astype(int):
                eyes.append(drawn.image[y - 1 : y + 2, x - 1 : x + 2].min())
                cheeks.append(drawn.image[y + 7 : y + 10, x - 1 : x + 2].min())
    assert np.mean(np.array(eyes) < np.array(cheeks)) > 0.9


def test_contempt_is_one_sided_and_no_other_expression_is():
    for expression in FERPLUS:
        units = anatomy.activity(np.random.default_rng(4), expression, 1.0)
        apart = np.ptp(anatomy.features(units).mouth.corner_up)
        assert (apart > 1.5) == (expression == "contempt")


@pytest.mark.parametrize("expression", [name for name in FERPLUS if name != "neutral"])
def test_raters_agree_more_the_stronger_and_the_less_hidden_an_expression_is(expression):
    truth = FERPLUS_VOTES.index(expression)

    def mean(strength: float, hidden: float) -> float:
        rng = np.random.default_rng(0)
        votes = [raters.votes(rng, expression, strength, hidden) for _ in range(300)]
        assert all(int(vote.sum()) == raters.RATERS for vote in votes)
        return float(np.mean(votes, axis=0)[truth])

    assert mean(0.3, 0.0) + 1 < mean(0.6, 0.0) < mean(0.9, 0.0) - 1
    assert mean(0.9, 0.45) + 1 < mean(0.9, 0.0)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("hidden", [0.0, 0.45])
def test_chances_are_a_distribution(strength, hidden):
    for expression in FERPLUS:
        chances = raters.chances(expression, strength, hidden)
        assert chances.min() >= 0
        assert chances.sum() == pytest.approx(1)


def test_a_simple_classifier_learns_much_and_not_all():
    """Linear on oriented gradients: far above the commonest class (under 30 %), not perfect."""
    drawn = [rows.row(seed=11, number=face, face=face) for face in range(800)]
    drawn = [row for row in drawn if row.expression is not None]
    x = np.array([hog(row.image, pixels_per_cell=(6, 6), cells_per_block=(2, 2)) for row in drawn])
    y = np.array([row.votes[:8].argmax() for row in drawn])
    model = LogisticRegression(C=3, max_iter=300).fit(x[:600], y[:600])
    accuracy = model.score(x[600:], y[600:])
    assert 0.45 < accuracy < 0.85
