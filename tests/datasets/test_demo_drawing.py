"""The drawn faces: where their features are, and how well they can be told apart."""

import numpy as np
import pytest
from skimage.feature import hog
from sklearn.linear_model import LogisticRegression

from clfer.datasets.demo import drawing
from clfer.datasets.demo.dataset import row
from clfer.datasets.expressions import FERPLUS


@pytest.mark.parametrize("expression", FERPLUS)
def test_landmarks_are_within_the_image_and_in_their_order_on_an_upright_face(expression):
    for index in range(12):
        points = drawing.face(np.random.default_rng([9, index]), expression, 1.0).landmarks
        assert points.min() > 2
        assert points.max() < 45
        across = (points[1] - points[0]) / np.linalg.norm(points[1] - points[0])
        along, down = points @ across, points @ (-across[1], across[0])
        assert along[0] < along[1]
        assert along[3] < along[4]
        assert down[0] == pytest.approx(down[1])
        assert down[0] < down[2] < min(down[3:])


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


def test_a_simple_classifier_learns_much_and_not_all():
    """Linear on oriented gradients: far above the commonest class (under 30 %), not perfect."""
    rows = [row(seed=11, number=face, face=face) for face in range(800)]
    rows = [drawn for drawn in rows if drawn.expression is not None]
    gradients = [hog(drawn.image, pixels_per_cell=(6, 6), cells_per_block=(2, 2)) for drawn in rows]
    x, y = np.array(gradients), np.array([drawn.votes[:8].argmax() for drawn in rows])
    accuracy = LogisticRegression(C=3, max_iter=300).fit(x[:600], y[:600]).score(x[600:], y[600:])
    assert 0.45 < accuracy < 0.85
