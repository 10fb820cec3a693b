"""The demo dataset: its files, the table and images that the stages read, its faces and raters."""

import csv
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from skimage.feature import hog
from sklearn.linear_model import LogisticRegression

from clfer.datasets.demo import dataset as demo
from clfer.datasets.demo import drawing, person
from clfer.datasets.expressions import FER2013, FERPLUS, FERPLUS_VOTES
from clfer.progress import silent

SOURCE = demo.Source(train=250, val=60, test=100, duplicates=0.1, seed=7)
SIZES = {"Training": 250, "PublicTest": 60, "PrivateTest": 100}
FILES = ("fer2013.csv", "fer2013new.csv", "landmarks.csv", "faces.png")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    lines = demo.fetch(SOURCE, Path(), folder, silent)
    assert [line.split(":")[0] for line in lines] == ["train", "val", "test"]
    assert all(name in line for line in lines for name in FERPLUS)
    assert "6 of them copies" in lines[1]
    return folder


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_files_are_in_the_published_formats(raw):
    faces, votes = read(raw / "fer2013.csv"), read(raw / "fer2013new.csv")
    assert list(faces[0]) == ["emotion", "pixels", "Usage"]
    assert list(votes[0]) == ["Usage", "Image name", *FERPLUS_VOTES]
    expected = [usage for usage, size in SIZES.items() for _ in range(size)]
    assert [row["Usage"] for row in faces] == [row["Usage"] for row in votes] == expected
    assert {row["emotion"] for row in faces} <= {*map(str, range(len(FER2013)))}
    assert {sum(int(row[column]) for column in FERPLUS_VOTES) for row in votes} == {10}
    unnamed = {row for row, vote in enumerate(votes) if not vote["Image name"]}  # no face
    assert 2 <= len(unnamed) <= 15
    assert {votes[row]["NF"] for row in unnamed} == {"10"}
    named = [vote["Image name"] for vote in votes if vote["Image name"]]
    assert named == [f"fer{number:07}.png" for number in range(len(named))]
    located = {int(line["row"]) for line in read(raw / "landmarks.csv")}
    assert located == set(range(410)) - unnamed


def test_the_bytes_depend_on_the_settings_alone(raw, tmp_path):
    small = SOURCE.model_copy(update={"train": 60, "val": 10, "test": 10})
    other = small.model_copy(update={"seed": 8})
    for name, source in {"first": small, "again": small, "other": other}.items():
        demo.fetch(source, Path(), tmp_path / name, silent)
    for name in FILES:
        first = (tmp_path / "first" / name).read_bytes()
        assert (tmp_path / "again" / name).read_bytes() == first
        assert (tmp_path / "other" / name).read_bytes() != first
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == sorted(FILES)
    for name in ("fer2013.csv", "fer2013new.csv"):  # a smaller dataset is the start of a larger
        assert read(tmp_path / "first" / name)[:60] == read(raw / name)[:60]


def test_the_asked_part_of_val_and_test_copies_an_earlier_split_and_is_rated_anew(raw):
    faces, votes = read(raw / "fer2013.csv"), read(raw / "fer2013new.csv")
    first: dict[str, int] = {}
    origins = [first.setdefault(face["pixels"], row) for row, face in enumerate(faces)]
    copies = [(row, origin) for row, origin in enumerate(origins) if row != origin]
    usages = [tuple(faces[row]["Usage"] for row in pair) for pair in copies]
    assert Counter(usage for usage, _ in usages) == {"PublicTest": 6, "PrivateTest": 10}
    assert {origin for _, origin in usages} == {"Training", "PublicTest"}
    assert ("PublicTest", "PublicTest") not in usages
    panels = [[[votes[row][column] for column in FERPLUS_VOTES] for row in pair] for pair in copies]
    assert any(one != other for one, other in panels)


@pytest.mark.parametrize("duplicates", [0.0, 0.5])
def test_copies_are_of_originals(duplicates):
    shown = demo.faces_shown((100, 40, 60), duplicates, seed=3)
    copies = np.flatnonzero(shown != np.arange(200))
    split = np.searchsorted([100, 140], np.arange(200), side="right")
    assert np.all(split[shown[copies]] < split[copies])
    assert len(copies) == duplicates * 100
    assert np.array_equal(shown[shown], shown)


def test_any_run_of_rows_has_its_share_of_every_expression():
    for seed, start in product(range(20), (0, 1000, 1250)):
        drawn = [demo.expression_of(seed, face) for face in range(start, start + 200)]
        for expression, share in demo.SHARES.items():
            assert drawn.count(expression) == pytest.approx(200 * share, abs=4)


def test_the_sheet_has_a_line_of_eight_faces_for_every_expression(raw):
    with Image.open(raw / "faces.png") as sheet:
        pixels = np.asarray(sheet)
    faces = pixels[:, -8 * 96 :].reshape(8, 96, 8, 96).transpose(0, 2, 1, 3)
    assert faces.std(axis=(2, 3)).min() > 3
    assert len({face.tobytes() for line in faces for face in line}) == 64


@pytest.mark.parametrize("mode", ["majority", "argmax8"])
def test_label_has_every_class_in_every_split(raw, mode):
    table, remarks = demo.label(raw, demo.Labels(mode=mode))
    assert remarks == []
    assert table.schema["label"] == pl.Enum(FERPLUS)
    assert table["row"].to_list() == list(range(410))
    for usage, size in SIZES.items():
        split = table.filter(usage=usage)
        assert len(split) == size
        assert set(split["label"].drop_nulls()) == set(FERPLUS)
    shares = table["label"].drop_nulls().value_counts(normalize=True)["proportion"]
    assert shares.min() > 0.04
    assert table["name"].is_null().equals(table["landmarks"].is_null())


def test_images_are_those_of_the_files_rows(raw):
    images = demo.pictures(raw, Path())(pl.DataFrame({"row": [7, 3, 409]}))
    assert images.shape == (3, 48, 48)
    assert images.dtype == np.uint8
    written = [read(raw / "fer2013.csv")[row]["pixels"] for row in (7, 3, 409)]
    assert [" ".join(map(str, image.ravel())) for image in images] == written


def test_a_simple_classifier_learns_much_and_not_all():
    """Linear on oriented gradients: far above the commonest class (under 30 %), not perfect."""
    rows = [demo.row(seed=11, number=face, face=face) for face in range(800)]
    rows = [drawn for drawn in rows if drawn.expression is not None]
    gradients = [hog(drawn.image, pixels_per_cell=(6, 6), cells_per_block=(2, 2)) for drawn in rows]
    x, y = np.array(gradients), np.array([drawn.votes[:8].argmax() for drawn in rows])
    accuracy = LogisticRegression(C=3, max_iter=300).fit(x[:600], y[:600]).score(x[600:], y[600:])
    assert 0.45 < accuracy < 0.85


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


def test_contempt_is_one_sided_and_no_other_expression_is():
    for expression in FERPLUS:
        left, right = person.action_units(np.random.default_rng(4), expression, 1.0)
        assert (abs(left[12] - right[12]) > 0.5) == (expression == "contempt")
        assert all(left[unit] > 0.8 or right[unit] > 0.8 for unit in person.EMFACS[expression])


@pytest.mark.parametrize("expression", FERPLUS[1:])
def test_raters_agree_more_the_stronger_and_the_less_hidden_an_expression_is(expression):
    truth = FERPLUS_VOTES.index(expression)

    def mean(strength: float, hidden: float) -> float:
        rng = np.random.default_rng(0)
        votes = [person.votes(rng, expression, strength, hidden) for _ in range(300)]
        assert all(int(vote.sum()) == person.RATERS for vote in votes)
        return float(np.mean(votes, axis=0)[truth])

    assert mean(0.3, 0.0) + 1 < mean(0.6, 0.0) < mean(0.9, 0.0) - 1
    assert mean(0.9, 0.45) + 1 < mean(0.9, 0.0)


def test_chances_are_a_distribution():
    for expression, strength, hidden in product(FERPLUS, (0.0, 0.5, 1.0), (0.0, 0.45)):
        chances = person.chances(expression, strength, hidden)
        assert chances.min() >= 0
        assert chances.sum() == pytest.approx(1)
