"""`clfer explain` on drawn faces and photos: what it writes, and what it refuses."""

import json

import numpy as np
import pytest
import torch
from bundles import SCRFD, model, refusal
from PIL import Image
from variants import BASELINE, OURS

from clfer.datasets.demo.drawing import face as drawn
from clfer.datasets.expressions import FERPLUS
from clfer.faces.views import central
from clfer.model import bundle
from clfer.pictures import decode
from pipeline.explain import explain


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A drawn face, and a model of each kind beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLFER_DETECTOR", raising=False)
    picture = drawn(np.random.default_rng(0), "happiness", 0.9).image
    Image.fromarray(picture).save("face.png")
    for name, variant in (("ours", OURS), ("baseline", BASELINE)):
        about = {"variant": name, "dataset": "demo", "seed": 0}
        model(tmp_path / f"{name}.safetensors", classes=FERPLUS, about=about, variant=variant)
    return tmp_path


def numbers(folder, image, **options):
    options = {"model": folder / "ours.safetensors", "numbers": folder / "numbers.json"} | options
    explain(image, **options)
    return json.loads((folder / "numbers.json").read_text())


@pytest.mark.parametrize("name", ["ours", "baseline"])
def test_a_face_crop(folder, name, capsys):
    file, image = folder / f"{name}.safetensors", folder / "face.png"
    found = numbers(folder, image, model=file, detect=False)
    with Image.open("figures/explain/face.png") as picture:
        assert picture.width == 1600
    network, made = bundle.load(file)
    stored = torch.from_numpy(decode(image.read_bytes()))[None, ..., None]
    with torch.no_grad():
        logits = network(central(stored, made.view))[0]
    expected = dict(zip(FERPLUS, logits.softmax(0).tolist(), strict=True))
    assert found["probability"] == pytest.approx(expected, abs=1e-5)
    assert found["label"] == max(expected, key=expected.get) == found["explained"]
    assert found["confidence"] == found["probability"][found["label"]]
    assert found["logit"] == pytest.approx(float(logits.max() - logits.mean()), abs=1e-4)
    assert [found[key] for key in ("faces", "box", "landmarks", "detection_score")] == [None] * 4
    assert found["grids"] == [[32, 32], [16, 16], [8, 8], [4, 4]]
    assert sum(found["semantic_groups"]["channels"]) == 32
    if name == "ours":
        bias = network.classifier.bias.detach()
        rest = bias[int(logits.argmax())] - bias.mean()
        assert sum(found["adds"]) + float(rest) == pytest.approx(found["logit"], abs=1e-3)
        assert all(0 < mu < 1 for mu in found["mu"])
    else:
        assert found["mu"] is found["adds"] is None
    said = capsys.readouterr()
    assert ("the model has no MSR" in said.out) == (name == "baseline")
    assert "trained on drawn faces" in said.err


def test_another_class_by_any_of_its_names_and_a_name_that_is_no_utf_8(folder):
    image = folder / b"caf\xe9.png".decode("utf-8", "surrogateescape")
    (folder / "face.png").rename(image)
    for name, file in (("disgust", folder / "face.svg"), ("Ekel", folder / "face.pdf")):
        found = numbers(folder, image, label=name, detect=False, to=file)
        assert found["explained"] == "disgust"
    drawing = (folder / "face.svg").read_text()
    assert "Where it looked for disgust" in drawing
    assert r"caf\udce9.png" in drawing
    assert (folder / "face.pdf").read_bytes()[:5] == b"%PDF-"


def test_several_faces_from_the_left(folder, real_data, monkeypatch, capsys):
    monkeypatch.setenv("CLFER_DETECTOR", str(real_data / SCRFD))
    image, model = real_data / "photos/fr_two_people.jpg", folder / "ours.safetensors"
    boxes = []
    for number in (2, None):
        found = numbers(folder, image, face=number)
        left, top, width, height = found["box"]
        assert (found["faces"], found["face"]) == (2, number or 1)
        for x, y in found["landmarks"]:
            assert left < x < left + width
            assert top < y < top + height
        boxes.append(found["box"])
    assert boxes[1][0] < boxes[0][0]
    assert "face 1 of 2, the largest and most central" in capsys.readouterr().out
    said = refusal(explain, image, model=model, face=3)
    assert said == "--face: expected 1 to 2, from the left; found 3"
    said = refusal(explain, real_data / "photos/skimage_coffee.png", model=model)
    assert "expected a face, found none" in said
    assert "--no-detect" in said


def test_what_it_refuses(folder):
    image, model = folder / "face.png", folder / "ours.safetensors"
    (folder / "broken.jpg").write_bytes(image.read_bytes()[:300])
    (folder / "model.onnx").write_bytes(b"")
    (folder / "words.png").write_text("words")
    before = image.read_bytes()
    for options, words in (
        ({"image": folder / "none.png"}, "found: no such file"),
        ({"image": folder}, "found: is a directory"),
        ({"image": folder / "broken.jpg"}, "expected a picture that can be read"),
        ({"image": folder / "words.png"}, "found: no image"),
        ({"model": folder / "none.safetensors"}, "expected a model file"),
        ({"model": image}, "no readable safetensors"),
        ({"model": folder / "model.onnx"}, "found one without its card"),
        ({"label": "hapiness"}, "did you mean 'happiness'?"),
        ({"label": "xyz"}, "no 'xyz'; expected one of: neutral, happiness"),
        ({"to": folder / "face.bmp"}, "--to: expected a name that ends on .png, .svg, .pdf"),
        ({"to": image}, "--to: expected a file of its own"),
        ({"numbers": image}, "--json: expected a file of its own"),
        ({"to": folder / "words.png" / "face.png"}, "expected a place to read and write"),
        ({"face": 1}, "--face: expected several faces"),
        ({"detect": True, "detector": folder / "no.onnx"}, "no.onnx: expected yunet, insightface"),
        ({"detect": True, "detector": image}, "expected a face detector"),
    ):
        said = refusal(explain, **{"image": image, "model": model, "detect": False} | options)
        assert words in said, said
        assert not (folder / "figures").exists()
    assert image.read_bytes() == before
