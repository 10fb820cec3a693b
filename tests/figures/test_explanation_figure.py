"""The page of one face: its size, its words, and where boxes and maps lie."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pictures import check_picture

from clfer.explanation import Reasons
from clfer.figures.explanation import ALPHA, FacePlace, draw, draw_close, draw_picture, signed
from clfer.figures.features import over
from clfer.figures.style import picture
from clfer.report.numbers import short

RNG = np.random.default_rng(0)
CLASSES = [
    "neutral",
    "costs $5 or $6",
    "a name of a class that is longer than any line could hold",
    "one_without_any_blank_that_is_as_long_as_this",
    *(f"class number {k}" for k in range(4)),
]
BOXES = np.array([[4.0, 10, 20, 24], [40, 8, 16, 20]])
POINTS = np.array([[44.0, 14], [52, 14], [48, 18], [45, 23], [51, 23]])
PLACE = FacePlace(RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8), BOXES, 1, POINTS)
WHOLE = FacePlace(PLACE.picture, np.zeros((0, 4)), 0, None)


def found(msr=True, classes=8):
    groups = RNG.uniform(size=(4, 4, 16, 16))
    groups[2, 1:] = np.nan
    return Reasons(
        face=RNG.uniform(size=(16, 16, 3)),
        probabilities=np.full(classes, 1 / classes),
        explained=1,
        attention=RNG.uniform(size=(4, 16, 16)),
        deepest=None if msr else RNG.uniform(size=(16, 16)),
        logit=2.5,
        covered=RNG.uniform(size=(16, 16)),
        fall=0.75,
        grids=[(32, 32), (16, 16), (8, 8), (4, 4)],
        mu=np.array([0.125, 0.5, 0.75, 0.25]) if msr else None,
        shares=np.array([0.25, -1.0, 3.0, -0.001]) if msr else None,
        groups=groups,
        sizes=[5, 6, 1, 52],
    )


@pytest.mark.parametrize("msr", [True, False], ids=["msr", "baseline"])
def test_picture_of_one_face(tmp_path, msr):
    given = (PLACE, found(msr), CLASSES, "photo.jpg: neutral", "a model")
    said = check_picture(tmp_path, 32 / 3, draw, *given)
    assert {"photo.jpg: neutral", "costs $5 or $6", "group 3: 1 channel", "block 3: 8 x 8"} <= {
        *said
    }
    assert ("μ = 0.75" in said) == ("adds +3.00" in said) == ("adds +0.00" in said) == msr
    assert ("block 4: Grad-CAM" in said) == ("no MSR" in " ".join(said)) == (not msr)


@pytest.mark.parametrize("count", [2, 8, 23])
@pytest.mark.parametrize("place", [PLACE, WHOLE], ids=["found", "whole"])
def test_no_two_texts_overlap_and_none_leaves_the_page(tmp_path, monkeypatch, count, place):
    """Of two classes and of many, with names of any length, by what is really drawn."""
    pages = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: pages.append(figure))
    title = f"{short('a' * 99, 40)}: {short(CLASSES[2], 40)} 12.5 %"
    about = "face 1 of 2, the largest and most central; " + "model " * 30
    draw(place, found(classes=count), (CLASSES * 3)[:count], title, about, tmp_path / "page.png")
    (page,) = pages
    with mpl.rc_context():
        page.draw_without_rendering()
    texts = [one for one in page.findobj(mpl.text.Text) if one.get_text() and one.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    assert len(boxes) > 25
    width, height = page.canvas.get_width_height()
    for i, (name, one) in enumerate(boxes):
        assert min(one.x0, one.y0, width - one.x1, height - one.y1) >= 0, name
        for other, two in boxes[:i]:
            across = min(one.x1, two.x1) - max(one.x0, two.x0)
            down = min(one.y1, two.y1) - max(one.y0, two.y0)
            assert across < 1 or down < 1, (name, other)


def test_a_map_shows_the_face_where_it_is_dark():
    """Of equal attention the face is seen, of equal skin the attention."""
    ramp = np.linspace(0, 1, 16)
    face = np.broadcast_to(ramp[None, :, None], (16, 16, 3))
    mixed = over(face, np.broadcast_to(ramp[:, None], (16, 16)), ALPHA).sum(-1)
    assert (np.diff(mixed, axis=0) > 0).all()
    assert (np.diff(mixed, axis=1) > 0).all()


def test_no_zero_has_a_minus():
    assert [signed(x) for x in (1.234, -0.5, -0.001, 0.0)] == ["+1.23", "-0.50", "+0.00", "+0.00"]


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


@pytest.mark.parametrize("shape", [(1, 1), (9, 1), (1, 9, 3), (9, 9, 1)])
def test_a_picture_of_a_single_pixel_or_line_keeps_its_shape(shape):
    axes = Figure().subplots()
    picture(axes, np.zeros(shape, np.uint8))
    assert axes.images[0].get_array().shape == (shape[:2] if shape[2:] == (1,) else shape)
