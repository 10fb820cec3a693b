"""From a picture to expressions: against the same steps one by one, whatever is batched."""

import json
import subprocess
import sys
import weakref
from itertools import count

import numpy as np
import pytest
import torch
from bundles import CLASSES, SCRFD, model, refusal
from exported_models import tiny
from PIL import Image
from safetensors.torch import save_file
from variants import CUT

import clfer
from clfer.errors import InputError
from clfer.faces.alignment import align, places, whole
from clfer.faces.scrfd import Scrfd
from clfer.faces.views import central
from clfer.inference.frames import Frame, read
from clfer.inference.predictor import BATCH, Predictor
from clfer.model.bundle import METADATA, load, save
from clfer.pictures import UnreadableError
from clfer.team import cores

WIDE = CUT.model_copy(update={"channels": 3, "size": 64})


@pytest.fixture
def file(tmp_path):
    return model(tmp_path / "model.safetensors")


def noise(height=50, width=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def check(face, file, cut):
    """A face's probabilities are what the network says of one cut face [S, S, C], by itself."""
    network, card = load(file)
    with torch.no_grad():
        logits = network(central(torch.from_numpy(cut[None]), card.view))
    found = list(face.probability.values())
    np.testing.assert_allclose(found, logits.softmax(1)[0].numpy(), atol=1e-5)
    assert face.confidence == face.probability[face.label] == max(found)


@pytest.mark.parametrize(
    ("name", "cut", "faces"),
    [
        ("solvay_conference_1927.png", CUT, 29),
        ("skimage_astronaut.png", WIDE, 1),
        ("skimage_coffee.png", CUT, 0),
    ],
    ids=["many", "in colour", "none"],
)
def test_the_faces_of_a_photo_are_those_of_its_single_steps(tmp_path, real_data, name, cut, faces):
    file, path = model(tmp_path / "model.safetensors", cut=cut), real_data / "photos" / name
    picture = read(path)
    detected = Scrfd(real_data / SCRFD, cut.threshold, cut.turned)(picture)
    found = clfer.Predictor(file, detector=real_data / SCRFD).faces(path)
    assert len(found) == len(detected.box) == faces
    landmarks = dict(zip(map(tuple, detected.box), detected.landmarks, strict=True))
    for face in found:
        crop = align(picture, landmarks[face.box], places(cut), cut.size)
        check(face, file, crop.reshape(cut.size, cut.size, cut.channels))
    middles = [face.box[0] + face.box[2] / 2 for face in found]
    assert middles == sorted(middles)


def test_many_crops_are_told_as_each_alone_and_in_their_order(file):
    pictures = [noise(40 + i % 7, 48, i) for i in range(2 * BATCH + 3)]
    frames = [Frame(str(i), lambda one=one: one) for i, one in enumerate(pictures)]
    seen = list(Predictor(file, detect=False).stream(frames))
    assert [one.frame.name for one in seen] == [str(i) for i in range(len(pictures))]
    for one, picture in zip(seen[::20], pictures[::20], strict=True):
        (face,) = one.faces
        assert (face.box, face.detection_score, face.landmarks) == (None, None, None)
        check(face, file, whole(picture, 48)[..., None])


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(file, tmp_path):
    good, broken = tmp_path / "good.png", tmp_path / "broken.png"
    Image.fromarray(noise()).save(good)
    broken.write_bytes(good.read_bytes()[:200])
    paths = [good, broken, tmp_path / "none.png", good]
    listed = [Frame(str(path), lambda path=path: read(path)) for path in paths]
    predictor = Predictor(file, detect=False)
    first, second, third, fourth = predictor.stream(listed, keep=True)
    assert first.faces == fourth.faces
    assert len(first.faces) == 1
    assert (first.picture == noise()).all()
    assert (second.faces, third.faces) == ([], [])
    assert second.problem
    assert third.problem == "no such file or directory"
    with pytest.raises(UnreadableError):
        predictor.faces(broken)
    with pytest.raises(InputError, match="found int64"):
        list(predictor.stream([Frame("", lambda: noise().astype(np.int64))]))


def test_an_endless_stream_is_taken_piece_by_piece(file):
    taken = count()
    stream = Predictor(file, detect=False).stream(Frame(str(i), noise) for i in taken)
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
    files = [
        model(tmp_path / "a.safetensors"),
        model(tmp_path / "b.safetensors", seed=1, classes=turned, cut=WIDE),
    ]
    alone = [Predictor(file, detect=False).faces(noise())[0].probability for file in files]
    (both,) = Predictor(*files, detect=False).faces(noise())
    assert tuple(both.probability) == CLASSES
    for name in CLASSES:
        assert both.probability[name] == pytest.approx((alone[0][name] + alone[1][name]) / 2)
    other = model(tmp_path / "c.safetensors", classes=("neutral", "happiness", "fear"))
    said = refusal(Predictor, files[0], other, detect=False)
    assert "c.safetensors: expected the classes of the first model" in said


def test_what_is_missing_or_does_not_fit_is_named(file, tmp_path, monkeypatch):
    assert "nowhere.safetensors: expected a model file" in refusal(Predictor, "nowhere.safetensors")
    for device in ("abacus", "meta", "hpu", "cuda:99"):
        said = refusal(Predictor, file, detect=False, device=device)
        assert "--device: expected one that PyTorch has here" in said
    monkeypatch.setenv("CLFER_DETECTOR", str(tmp_path / "det.onnx"))
    assert "det.onnx: expected yunet, insightface" in refusal(Predictor, file)
    network, card = load(file)
    huge = card.model_dump(mode="json")
    huge["cut"]["size"] = 10**6
    save_file(network.state_dict(), file, metadata={METADATA: json.dumps(huge)})
    said = refusal(Predictor, file, detect=False)
    assert "found one that is broken (cut.size); train it again" in said


def test_importing_clfer_imports_nothing_heavy():
    code = "import clfer, sys; print([m for m in ('torch', 'cv2', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_of_no_probabilities_is_refused(tmp_path):
    """One whose weights are NaN, and a graph that ends without a softmax."""
    broken, graph = tmp_path / "a.safetensors", tiny()
    network, about = load(model(broken))
    network.classifier.weight.data.fill_(torch.nan)
    save(network.state_dict(), about, broken)
    graph.graph.node[-1].op_type = "Identity"
    del graph.graph.node[-1].attribute[:]
    (tmp_path / "a.onnx").write_bytes(graph.SerializeToString())
    for file in (broken, tmp_path / "a.onnx"):
        said = refusal(Predictor(file, detect=False).faces, noise())
        assert said.startswith(f"{file}: expected a model that gives probabilities, found one that")
