"""The detector on real photographs: all faces, whichever way up the picture lies."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from closure import ROOT
from hypothesis import given
from hypothesis import strategies as st
from variants import CUT

from clfer.errors import InputError
from clfer.faces.alignment import TEMPLATE, similarity
from clfer.faces.detection import Detections, _turned_back, principal
from clfer.faces.detectors import open_detector
from clfer.faces.scrfd import Scrfd
from clfer.faces.yunet import YuNet
from clfer.inference.predictor import left_to_right
from clfer.pictures import decode
from clfer.progress import silent

WEIGHTS = {
    Scrfd: "weights/insightface/det_500m.onnx",
    YuNet: "weights/yunet/face_detection_yunet_2026may.onnx",
}


@pytest.fixture(scope="session", params=WEIGHTS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture(scope="session")
def made(kind, real_data):
    """A detector of either kind, which is seen from its file."""

    def made(turned, threshold=0.5):
        cut = CUT.model_copy(update={"turned": turned, "threshold": threshold})
        found = open_detector(real_data / WEIGHTS[kind], cut, silent)
        assert type(found) is kind
        return found

    return made


@pytest.fixture(scope="session")
def detector(made):
    return made(False)


@pytest.fixture(scope="session")
def turning(made):
    return made(True)


@pytest.fixture(scope="session")
def photo(real_data):
    return lambda name: decode((real_data / "photos" / name).read_bytes())


def angle(landmarks):
    """Of the line between the eyes, in degrees."""
    across, down = landmarks[1] - landmarks[0]
    return np.degrees(np.arctan2(down, across))


def test_all_29_faces_of_the_solvay_conference(detector, photo):
    found = detector(photo("solvay_conference_1927.png"))
    assert len(found.score) == 29
    assert (found.box[:, 2:] > 50).all()
    assert (np.diff(found.score) <= 0).all()
    # landmarks lie in their own box
    low, high = found.box[:, None, :2], found.box[:, None, :2] + found.box[:, None, 2:]
    assert ((found.landmarks > low) & (found.landmarks < high)).mean() > 0.99


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg"])
def test_a_picture_without_a_face_has_none(detector, photo, name):
    found = detector(photo(f"skimage_{name}"))
    assert found.box.shape == (0, 4)
    assert found.score.shape == (0,)
    assert found.landmarks.shape == (0, 5, 2)


def test_every_photo_can_be_looked_at(detector, real_data):
    counts = [len(detector(decode(p.read_bytes())).score) for p in real_data.glob("photos/*.*g")]
    assert len(counts) == 25
    assert sum(counts) > 70


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (48, 48), (321, 5, 3), (700, 20), (1, 300), (1, 700), (2, 700, 3), (4000, 6, 3)],
)
def test_pictures_of_odd_shapes(detector, turning, shape):
    """Of which strips would be less than a pixel wide in the networks' looks."""
    for one in (detector, turning):
        assert one(np.full(shape, 128, np.uint8)).box.shape == (0, 4)


def test_colours_are_red_green_blue(detector, photo):
    """Grey levels are the same either way; the astronaut's orange suit is not."""
    picture = photo("skimage_astronaut.png")
    swapped = detector(picture[..., ::-1])
    assert detector(picture).score[0] != swapped.score[0]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    assert (detector(grey).box == detector(np.repeat(grey[..., None], 3, 2)).box).all()


def test_a_photograph_turned_by_30_degrees_is_aligned_as_the_upright_one(detector, photo):
    picture = photo("skimage_astronaut.png")
    turn = cv2.getRotationMatrix2D((256, 256), 30, 1.0)
    upright, turned = (
        detector(image).landmarks[0]
        for image in (picture, cv2.warpAffine(picture, turn, (512, 512)))
    )
    moved = upright @ turn[:, :2].T + turn[:, 2]
    assert np.abs(moved - turned).max() < 6  # of a face 122 px high


NAMES = ["skimage_astronaut.png", "fr_obama.jpg", "fr_two_people.jpg", "painting_newton.png"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_picture_on_its_side_is_found_like_the_upright_one(turning, detector, photo, name, turn):
    picture = photo(name)
    upright = detector(picture)
    lying = turning(np.ascontiguousarray(np.rot90(picture, turn)))
    assert len(lying.score) == len(upright.score)
    back = _turned_back(lying, turn, *picture.shape[:2])
    np.testing.assert_allclose(back.landmarks, upright.landmarks, atol=1.0)
    np.testing.assert_allclose(back.box, upright.box, atol=1.5)
    for landmarks in lying.landmarks:
        matrix = similarity(landmarks, TEMPLATE * 112)
        aligned = landmarks @ matrix[:, :2].T + matrix[:, 2]
        assert abs(angle(aligned)) < 20


@given(st.integers(0, 3), st.integers(5, 40), st.integers(5, 40), st.data())
def test_a_point_of_a_turned_picture_is_found_again(turn, height, width, data):
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    picture = np.zeros((height, width), np.uint8)
    picture[y, x] = 1
    (ty,), (tx,) = np.nonzero(np.rot90(picture, turn))
    points = np.full((1, 5, 2), (tx, ty), np.float64)
    found = Detections(np.array([[tx, ty, 0.0, 0.0]]), np.ones(1), points)
    back = _turned_back(found, turn, height, width)
    assert back.landmarks[0, 0].tolist() == [x, y]
    assert back.box[0].tolist() == [x, y, 0, 0]


def test_the_largest_and_most_central_face_is_meant():
    def among(*boxes):
        boxes = np.array(boxes, float)
        found = Detections(boxes, np.ones(len(boxes)), np.zeros((len(boxes), 5, 2)))
        return principal(found, np.array([50.0, 50.0]))

    assert among((40, 40, 20, 20), (0, 0, 20, 20)) == 0  # as large, and in the middle
    assert among((45, 45, 10, 10), (20, 20, 60, 60)) == 1  # as central, and larger
    assert among((48, 48, 4, 4), (50, 50, 40, 40)) == 1  # a speck in the middle is not meant


def test_small_crops_that_are_all_face_are_detected(made, real_npz):
    pixels = np.load(real_npz)["pixels"][28709:28809]
    find = made(False, 0.4)
    assert sum(len(find(face).score) > 0 for face in pixels) >= 95


@pytest.mark.parametrize("turn", [-20, 20])
def test_yunets_landmarks_of_small_faces_follow_their_tilt(real_data, photo, turn):
    """In the median of 29 faces of about 80 px in a picture of 3,000; SCRFD's turn by half."""
    detector = YuNet(real_data / WEIGHTS[YuNet], turned=False)
    picture = photo("solvay_conference_1927.png")
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0)
    upright, turned = detector(picture), detector(cv2.warpAffine(picture, matrix, (width, height)))
    places = upright.landmarks.mean(axis=1) @ matrix[:, :2].T + matrix[:, 2]
    followed = [
        angle(five) - angle(upright.landmarks[near.argmin()])
        for five in turned.landmarks
        if (near := np.linalg.norm(places - five.mean(axis=0), axis=1)).min() < 40
    ]
    assert len(followed) > 15
    assert abs(np.median(followed) + turn) < 6


def test_a_face_that_fills_a_large_picture_is_found(detector, photo):
    picture = photo("painting_gauss.png")
    (left, top, width, height), *_ = detector(picture).box.astype(int)
    filled = cv2.resize(picture[top : top + height, left : left + width], (900, 1200))
    assert len(detector(filled).score) == 1


def test_what_is_no_detector_is_named(tmp_path):
    file = tmp_path / "d.onnx"
    for content in (b"not a model", b"not obj_8 either"):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"d\.onnx: expected a face detector with five"):
            open_detector(file, CUT, silent)


def test_threads_find_what_one_does(detector, photo):
    pictures = [photo(name) for name in NAMES] * 3
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(map(detector, pictures), pool.map(detector, pictures), strict=True):
            assert (one.box == other.box).all()


def test_both_find_the_same_faces_and_landmarks(real_data, photo):
    """Within a quarter of the distance between the eyes, on photos where faces are large."""
    one, other = (open_detector(real_data / file, CUT, silent) for file in WEIGHTS.values())
    for name in ("skimage_astronaut.png", "fr_obama.jpg", "fr_two_people.jpg"):
        found = [left_to_right(find(photo(name))).landmarks for find in (one, other)]
        assert len(found[0]) == len(found[1]) > 0
        eyes = np.linalg.norm(found[0][:, 1] - found[0][:, 0], axis=1)
        apart = np.linalg.norm(found[0] - found[1], axis=2).max(axis=1)
        assert (apart < 0.25 * eyes).all()


DETECT = """
import sys
from pathlib import Path

import numpy as np

from clfer.faces.scrfd import Scrfd

Scrfd(Path(sys.argv[1]), 0.4, False)(np.zeros((64, 64), np.uint8))
"""


def test_onnxruntime_makes_no_identity_and_no_reports(real_data, tmp_path):
    """Where it is let, it keeps a device's identity and the reports to be sent in these folders."""
    places = ("HOME", "TMPDIR", "XDG_CACHE_HOME")
    elsewhere = dict.fromkeys(places, str(tmp_path)) | {"PYTHONPATH": str(ROOT)}
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | elsewhere
    weights = real_data / "weights/insightface/det_500m.onnx"
    subprocess.run([sys.executable, "-c", DETECT, weights], env=environment, check=True)
    found = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert [name for name in found if "onnxruntime" in name or name == ".ses"] == []
