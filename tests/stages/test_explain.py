"""`clfer explain` on drawn faces and photos: what it writes, and what it refuses."""

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from variants import BASELINE, CUT, OURS, small

from clfer.datasets.demo.drawing import face as drawn
from clfer.datasets.expressions import FERPLUS
from clfer.errors import InputError
from clfer.faces.preprocessing import View
from clfer.faces.views import central
from clfer.inference.predictor import DETECTOR
from clfer.model import bundle
from clfer.model.card import card
from clfer.pictures import decode
from pipeline.explain import explain

VIEW = View(resize=72, crop=64)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A drawn face, and a model of each kind beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(DETECTOR, raising=False)
    picture = drawn(np.random.default_rng(0), "happiness", 0.9).image
    Image.fromarray(picture).save("face.png")
    for name, variant in (("ours", OURS), ("baseline", BASELINE)):
        network, _ = small(variant)
        about = {"variant": name, "dataset": "demo", "seed": 0}
        made = card(FERPLUS, "resnet10_quarter", "small", variant, CUT, VIEW, about)
        bundle.save(network.state_dict(), made, tmp_path / f"{name}.safetensors")
    return tmp_path


@pytest.fixture
def photo(real_data, monkeypatch):
    """Where a photo is; the detector is named by the variable."""
    weights = real_data / "weights/insightface/det_500m.onnx"
    monkeypatch.setenv(DETECTOR, str(weights))
    return lambda name: real_data / "photos" / name


def numbers(folder):
    return json.loads((folder / "numbers.json").read_text())


def refusal(*given, **options):
    with pytest.raises(InputError) as error:
        explain(*given, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["ours", "baseline"])
def test_a_face_crop(folder, name, capsys):
    file, image = folder / f"{name}.safetensors", folder / "face.png"
    explain(image, model=file, detect=False, numbers=folder / "numbers.json")
    with Image.open("figures/explain/face.png") as picture:
        assert picture.width == 1600
    found = numbers(folder)
    network, made = bundle.load(file)
    stored = torch.from_numpy(decode(image.read_bytes()))[None, ..., None]
    with torch.no_grad():
        logits = network(central(stored, made.view))[0]
    expected = dict(zip(FERPLUS, logits.softmax(0).tolist(), strict=True))
    assert found["probability"] == pytest.approx(expected, abs=1e-5)
    assert found["label"] == max(expected, key=expected.get) == found["explained"]
    assert found["confidence"] == found["probability"][found["label"]]
    assert found["logit"] == pytest.approx(float(logits.max() - logits.mean()), abs=1e-5)
    assert [found[key] for key in ("faces", "box", "landmarks", "detection_score")] == [None] * 4
    assert found["grids"] == [[32, 32], [16, 16], [8, 8], [4, 4]]
    assert sum(found["semantic_groups"]["channels"]) == 32
    if name == "ours":
        bias = network.classifier.bias.detach()
        rest = bias[int(logits.argmax())] - bias.mean()
        assert sum(found["adds"]) + float(rest) == pytest.approx(found["logit"], abs=1e-4)
        assert all(0 < mu < 1 for mu in found["mu"])
    else:
        assert found["mu"] is found["adds"] is None
    said = capsys.readouterr()
    assert ("the model has no MSR" in said.out) == (name == "baseline")
    assert "trained on drawn faces" in said.err


def test_a_name_that_is_no_utf_8(folder):
    image = folder / b"caf\xe9.png".decode("utf-8", "surrogateescape")
    image.write_bytes((folder / "face.png").read_bytes())
    explain(image, model=folder / "ours.safetensors", detect=False, to=folder / "face.svg")
    assert r"caf\udce9.png" in (folder / "face.svg").read_text()


def test_another_class_by_any_of_its_names(folder):
    for name, file in (("disgust", folder / "face.svg"), ("Ekel", folder / "face.pdf")):
        explain(
            folder / "face.png",
            model=folder / "ours.safetensors",
            label=name,
            detect=False,
            to=file,
            numbers=folder / "numbers.json",
        )
        assert numbers(folder)["explained"] == "disgust"
    assert "Where it looked for disgust" in (folder / "face.svg").read_text()
    assert (folder / "face.pdf").read_bytes()[:5] == b"%PDF-"


def test_the_only_model_of_the_checkout(folder, capsys):
    target = folder / "runs/demo/ours/0/model.safetensors"
    target.parent.mkdir(parents=True)
    (folder / "ours.safetensors").rename(target)
    explain(folder / "face.png", detect=False)
    assert (
        "model: runs/demo/ours/0/model.safetensors (another by --model): ours on demo"
        in capsys.readouterr().err
    )


def test_several_faces_from_the_left(folder, photo, capsys):
    image, model = photo("fr_two_people.jpg"), folder / "ours.safetensors"
    boxes = []
    for number in (2, None):
        explain(image, model=model, face=number, numbers=folder / "numbers.json")
        found = numbers(folder)
        left, top, width, height = found["box"]
        assert found["faces"] == 2
        assert found["face"] == (number or 1)
        for x, y in found["landmarks"]:
            assert left < x < left + width
            assert top < y < top + height
        boxes.append(found["box"])
    assert boxes[1][0] < boxes[0][0]
    assert "face 1 of 2, the largest and most central" in capsys.readouterr().out
    assert refusal(image, model=model, face=3) == "--face: expected 1 to 2, from the left; found 3"


def test_a_picture_without_a_face(folder, photo):
    said = refusal(photo("skimage_coffee.png"), model=folder / "ours.safetensors")
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
        ({"model": folder / "model.onnx"}, "name the .safetensors"),
        ({"model": None}, "expected a trained model, found none"),
        ({"label": "hapiness"}, "did you mean 'happiness'?"),
        ({"label": "hunger"}, "expected one of neutral, happiness"),
        ({"to": folder / "face.bmp"}, "--to: expected a name that ends on .png, .svg, .pdf"),
        ({"to": image}, "--to: expected another file than the picture"),
        ({"numbers": image}, "--json: expected another file than the picture"),
        ({"to": folder / "words.png" / "face.png"}, "expected a place to read and write"),
        ({"face": 1}, "--face: expected several faces"),
        ({"detect": True, "detector": folder / "no.onnx"}, "no.onnx: expected an SCRFD"),
        ({"detect": True, "detector": image}, "expected an SCRFD detector"),
    ):
        given = {"image": image, "model": model, "detect": False} | options
        assert re.search(re.escape(words), said := refusal(**given)), said
        assert not (folder / "figures").exists()
    assert image.read_bytes() == before
