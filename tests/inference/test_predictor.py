"""From a picture to expressions: against the same steps one by one, whatever is batched."""

import json
import weakref
from itertools import count

import numpy as np
import pytest
import torch
from bundles import CLASSES, model
from PIL import Image
from safetensors.torch import save_file
from variants import CUT

import clfer
from clfer.errors import InputError
from clfer.faces.alignment import align, places, whole
from clfer.faces.detection import Detector
from clfer.faces.views import central
from clfer.inference.frames import Frame, read
from clfer.inference.predictor import BATCH, Predictor
from clfer.model.bundle import METADATA, load
from clfer.pictures import UnreadableError
from clfer.team import cores

SOLVAY, ASTRONAUT, COFFEE = (
    "solvay_conference_1927.png",
    "skimage_astronaut.png",
    "skimage_coffee.png",
)


@pytest.fixture(scope="session")
def weights(real_data):
    return real_data / "weights/insightface/det_500m.onnx"


@pytest.fixture
def file(tmp_path):
    return model(tmp_path / "model.safetensors")


def noise(height=50, width=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def said(network, card, face):
    """What a network says of one cut face [S, S, C], by itself."""
    with torch.no_grad():
        return network(central(torch.from_numpy(face[None]), card.view)).softmax(1)[0].numpy()


def frames(pictures):
    return [Frame(str(i), lambda picture=picture: picture) for i, picture in enumerate(pictures)]


def test_the_faces_of_a_photo_are_those_of_its_single_steps(file, weights, real_data):
    picture = read(real_data / "photos" / SOLVAY)
    found = Detector(weights, CUT.threshold, CUT.turned)(picture)
    network, card = load(file)
    expected = {}
    for box, landmarks in zip(found.box, found.landmarks, strict=True):
        face = align(picture, landmarks, places(CUT), 48)
        expected[tuple(box)] = said(network, card, face[..., None])
    faces = clfer.Predictor(file, detector=weights).faces(real_data / "photos" / SOLVAY)
    assert len(faces) == len(expected) == 29
    for face in faces:
        np.testing.assert_allclose(list(face.probability.values()), expected[face.box], atol=1e-5)
        assert face.confidence == max(face.probability.values())
        assert face.probability[face.label] == face.confidence
    middles = [face.box[0] + face.box[2] / 2 for face in faces]
    assert middles == sorted(middles)


def test_a_picture_without_a_face_has_none(file, weights, real_data):
    assert Predictor(file, detector=weights).faces(real_data / "photos" / COFFEE) == []


def test_colour_is_kept_where_the_model_wants_it(tmp_path, weights, real_data):
    cut = CUT.model_copy(update={"channels": 3, "size": 64})
    file = model(tmp_path / "colour.safetensors", cut=cut)
    picture = read(real_data / "photos" / ASTRONAUT)
    network, card = load(file)
    landmarks = Detector(weights, 0.4, False)(picture).landmarks[0]
    expected = said(network, card, align(picture, landmarks, places(cut), 64))
    (face,) = Predictor(file, detector=weights).faces(picture)
    np.testing.assert_allclose(list(face.probability.values()), expected, atol=1e-5)
    turned = np.ascontiguousarray(picture[..., ::-1])  # blue, green, red is another picture
    (other,) = Predictor(file, detector=weights).faces(turned)
    assert np.abs(np.array(list(other.probability.values())) - expected).max() > 1e-3


def test_a_picture_may_be_given_in_any_form(file):
    predictor, grey = Predictor(file, detect=False), noise()
    (expected,) = predictor.faces(grey)
    for given in (Image.fromarray(grey), np.dstack([grey] * 4), grey[..., None]):
        (face,) = predictor.faces(given)
        assert face.probability == pytest.approx(expected.probability, abs=1e-5)
    with pytest.raises(InputError, match="expected uint8"):
        predictor.faces(grey / 255)
    with pytest.raises(InputError, match="found int64"):
        list(predictor.stream([Frame("", lambda: grey.astype(np.int64))]))
    with pytest.raises(TypeError):
        predictor.faces([grey])


def test_many_crops_are_told_as_each_alone_and_in_their_order(file):
    predictor = Predictor(file, detect=False)
    pictures = [noise(40 + i % 7, 48, i) for i in range(2 * BATCH + 3)]
    seen = list(predictor.stream(frames(pictures)))
    assert [one.frame.name for one in seen] == [str(i) for i in range(len(pictures))]
    network, card = load(file)
    for one, picture in zip(seen[::20], pictures[::20], strict=True):
        (face,) = one.faces
        assert (face.box, face.detection_score, face.landmarks) == (None, None, None)
        expected = said(network, card, whole(picture, 48)[..., None])
        np.testing.assert_allclose(list(face.probability.values()), expected, atol=1e-5)


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(file, tmp_path):
    good, broken = tmp_path / "good.png", tmp_path / "broken.png"
    Image.fromarray(noise()).save(good)
    broken.write_bytes(good.read_bytes()[:200])
    paths = [good, broken, tmp_path / "none.png", good]
    listed = [Frame(str(path), lambda path=path: read(path)) for path in paths]
    first, second, third, fourth = Predictor(file, detect=False).stream(listed, keep=True)
    assert first.faces == fourth.faces
    assert len(first.faces) == 1
    assert (first.picture == noise()).all()
    assert (second.faces, third.faces) == ([], [])
    assert second.problem
    assert third.problem == "no such file or directory"
    with pytest.raises(UnreadableError):
        Predictor(file, detect=False).faces(broken)


def test_an_endless_stream_is_taken_piece_by_piece(file):
    taken = count()

    def endless():
        while True:
            next(taken)
            yield Frame("", noise)

    stream = Predictor(file, detect=False).stream(endless())
    next(stream)
    stream.close()
    assert next(taken) < 2 * BATCH


def test_pictures_are_let_go_before_their_faces_are_classified(file):
    gone, most = [], 0

    def pictures():
        nonlocal most
        for made in range(1, 101):
            picture = noise(seed=made)
            weakref.finalize(picture, gone.append, made)
            most = max(most, made - len(gone))
            yield Frame("", lambda picture=picture: picture)

    assert len(list(Predictor(file, detect=False).stream(pictures()))) == 100
    assert most <= 3 * cores() + 2


def test_several_models_are_averaged_by_the_names_of_their_classes(tmp_path):
    turned = CLASSES[1:] + CLASSES[:1]
    wide = CUT.model_copy(update={"size": 64})
    files = [
        model(tmp_path / "a.safetensors"),
        model(tmp_path / "b.safetensors", seed=1, classes=turned, cut=wide),
    ]
    picture = noise()
    alone = [Predictor(file, detect=False).faces(picture)[0].probability for file in files]
    (both,) = Predictor(*files, detect=False).faces(picture)
    assert tuple(both.probability) == CLASSES
    for name in CLASSES:
        assert both.probability[name] == pytest.approx((alone[0][name] + alone[1][name]) / 2)
    other = model(tmp_path / "c.safetensors", classes=("neutral", "happiness", "fear"))
    with pytest.raises(InputError, match=r"c\.safetensors: expected the classes .* surprise"):
        Predictor(files[0], other, detect=False)


def test_what_is_missing_is_named(file, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="expected a model, found none"):
        Predictor()
    with pytest.raises(InputError, match=r"nowhere.safetensors: expected a model file"):
        Predictor("nowhere.safetensors")
    with pytest.raises(InputError, match="--device: expected one that PyTorch has here"):
        Predictor(file, detect=False, device="abacus")
    monkeypatch.setenv("CLFER_DETECTOR", str(tmp_path / "det.onnx"))
    with pytest.raises(InputError, match=r"det\.onnx: expected an SCRFD detector .*found no file"):
        Predictor(file)


def test_a_card_that_asks_for_enormous_faces_is_refused(file):
    network, card = load(file)
    huge = card.model_dump(mode="json")
    huge["cut"]["size"] = 10**6
    save_file(network.state_dict(), file, metadata={METADATA: json.dumps(huge)})
    with pytest.raises(InputError, match=r"found one that is broken \(cut\.size\); train it again"):
        Predictor(file, detect=False)


def test_importing_clfer_imports_nothing_heavy():
    import subprocess
    import sys

    code = "import clfer, sys; print([m for m in ('torch', 'cv2', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
