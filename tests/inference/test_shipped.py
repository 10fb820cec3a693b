"""The model in the package is the one that docs/results/shipped.json scores."""

import hashlib
import json

import numpy as np
import polars as pl
import pytest
from closure import ROOT

from clfer import Predictor
from clfer.datasets.expressions import FERPLUS
from clfer.datasets.votes import read_layout, read_votes, with_labels
from clfer.inference.engines import Exported
from clfer.inference.models import SHIPPED

FILE = SHIPPED["ferplus"]
SCORED = json.loads((ROOT / "docs/results/shipped.json").read_text())


def test_it_is_the_file_that_was_scored_and_small_enough():
    content = FILE.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert SCORED["file"] == {"sha256": digest, "bytes": len(content)}
    assert len(content) <= 13_000_000
    assert digest in FILE.with_suffix(".md").read_text(encoding="utf-8")
    assert Exported(FILE).card.provenance["recipe"]["watch_test"] is False


def test_no_model_named_is_this_one():
    found = Predictor(detect=False).faces(np.full((60, 40), 128, np.uint8))
    assert list(found[0].probability) == list(FERPLUS)


def test_its_accuracy_on_the_real_test_images(real_fer2013, real_npz):
    """Of Microsoft's label.csv by the majority rule, joined to the pixels by their names."""
    named = read_votes(real_fer2013 / "fer2013new.csv").filter(usage="PrivateTest")
    votes = read_layout(real_fer2013 / "ferplus-label/FER2013Test.csv")
    joined = named.drop("votes").unique("name", keep="first").join(votes, "name")
    images = with_labels(joined, "majority", FERPLUS).filter(pl.col("label").is_not_null())
    assert len(images) == SCORED["scores"]["images"] == 3137
    faces = np.load(real_npz)["pixels"][images["row"].to_numpy(), :, :, None]
    model = Exported(FILE)
    predicted = [model(faces[i : i + 64]).argmax(1) for i in range(0, len(faces), 64)]
    right = np.array(FERPLUS)[np.concatenate(predicted)] == images["label"].to_numpy()
    # another processor may round a few images across a border
    assert right.mean() == pytest.approx(SCORED["scores"]["accuracy"], abs=1e-3)
