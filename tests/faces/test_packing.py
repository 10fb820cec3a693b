"""Every image ends in the array, and the table says how; the detector on real photographs."""

import shutil

import cv2
import numpy as np
import pytest

from clfer.errors import InputError
from clfer.faces.detection import Detector
from clfer.faces.packing import Alignment, outcomes, pack
from clfer.progress import silent

GIVEN = Alignment(detector="given", weights=None, size=48, channels=1, margin=0.1)
POINTS = [20.0, 20.0, 40.0, 20.0, 30.0, 30.0, 22.0, 40.0, 38.0, 40.0]


def test_every_image_is_accounted_for(tmp_path):
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (60, 60), dtype=np.uint8) for _ in range(3)]
    table = pack(images, [POINTS, None, POINTS], GIVEN, None, tmp_path / "faces.npy", silent)
    faces = np.load(tmp_path / "faces.npy", mmap_mode="r")
    assert faces.shape == (3, 48, 48, 1)
    assert faces.dtype == np.uint8
    assert table["outcome"].to_list() == ["given", "centre", "given"]
    assert table["face"].to_list() == [0, 1, 2]
    assert outcomes(table) == ["2 given", "1 centre"]
    assert [p.name for p in tmp_path.iterdir()] == ["faces.npy"]


def test_crops_that_fit_are_stored_as_they_are(tmp_path):
    images = [np.random.default_rng(i).integers(0, 256, (48, 48), dtype=np.uint8) for i in range(2)]
    settings = GIVEN.model_copy(update={"detector": "none"})
    pack(images, [None, None], settings, None, tmp_path / "faces.npy", silent)
    assert (np.load(tmp_path / "faces.npy")[..., 0] == np.stack(images)).all()


def test_colour_becomes_grey_and_grey_becomes_colour(tmp_path):
    images = [np.full((48, 50, 3), (255, 0, 0), np.uint8), np.full((48, 48), 7, np.uint8)]
    for channels, expected in ((1, [76, 7]), (3, [85, 7])):
        settings = GIVEN.model_copy(update={"detector": "none", "channels": channels})
        pack(images, [None, None], settings, None, tmp_path / "faces.npy", silent)
        faces = np.load(tmp_path / "faces.npy")
        assert faces.shape[-1] == channels
        np.testing.assert_allclose(faces.mean((1, 2, 3)), expected, atol=1)


def test_a_failing_image_leaves_nothing(tmp_path):
    def broken():
        yield np.zeros((48, 48), np.uint8)
        raise InputError("the second image is broken")

    with pytest.raises(InputError, match="second image"):
        pack(broken(), [None, None], GIVEN, None, tmp_path / "faces.npy", silent)
    assert list(tmp_path.iterdir()) == []


def test_detectors_that_are_not_there_or_none(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"no det_\*.onnx under .*non-commercial"):
        Detector(None)
    with pytest.raises(InputError, match=r"found no file .*nowhere.onnx"):
        Detector(tmp_path / "nowhere.onnx")


@pytest.fixture(scope="session")
def detector(real_data):
    return Detector(real_data / "weights/insightface/det_500m.onnx")


def test_a_photograph_turned_by_30_degrees_is_aligned_as_the_upright_one(detector, real_data):
    picture = cv2.imread(str(real_data / "photos/skimage_astronaut.png"))
    turn = cv2.getRotationMatrix2D((256, 256), 30, 1.0)
    upright, turned = detector(picture), detector(cv2.warpAffine(picture, turn, (512, 512)))
    moved = upright @ turn[:, :2].T + turn[:, 2]
    assert np.abs(moved - turned).max() < 6  # of a face 122 px high


def test_a_picture_without_a_face_and_an_installed_detector(
    detector, real_data, tmp_path, monkeypatch
):
    cup = cv2.imread(str(real_data / "photos/skimage_coffee.png"))
    assert detector(cup) is None
    folder = tmp_path / ".insightface/models/buffalo_s"
    folder.mkdir(parents=True)
    shutil.copy(real_data / "weights/insightface/det_500m.onnx", folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Detector(None)(cup) is None


def test_small_crops_that_are_all_face_are_detected(detector, real_npz):
    pixels = np.load(real_npz)["pixels"][28709:28809]
    found = sum(detector(face) is not None for face in pixels)
    assert found >= 80
