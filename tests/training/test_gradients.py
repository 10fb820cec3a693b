"""What each loss asks of each block: the script behind a table of docs/results/recipe.md."""

import csv
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from recipes import recipe
from tiny import bands, packed, variant

from clfer.training import pack
from clfer.training.batches import Batches
from clfer.training.cell import Cell
from clfer.training.cells import MODEL, train_cells
from clfer.training.state import begin
from clfer.training.step import forward

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "docs/results/gradients.py"))
OURS = variant("ours")
SHORT = recipe(epochs=2, batch_size=12)


@pytest.fixture
def folder(tmp_path):
    return packed(tmp_path, [Cell("ours", 0, OURS, SHORT)])


def first_batch():
    known = bands()
    training = known.splits["train"]
    state = begin(SHORT, OURS, training, 0, torch.device("cpu"))
    return state, Batches(known.faces, training, SHORT, state.contrast, 0, 0)[0]


def test_the_training_is_not_touched(folder, tmp_path, monkeypatch):
    known, cells = pack.read(folder, torch.device("cpu"))
    assert train_cells(cells, known, tmp_path / "a") == 0
    table = tmp_path / "gradients.csv"
    monkeypatch.setattr("sys.argv", ["gradients.py", str(folder), str(tmp_path / "b"), str(table)])
    SCRIPT["main"]()
    for name in (MODEL, "history.csv"):
        plain, measured = (tmp_path / way / "ours/0" / name for way in "ab")
        assert plain.read_bytes() == measured.read_bytes()
    rows = list(csv.DictReader(table.open()))
    assert [row["epoch"] for row in rows] == ["1"] * 12 + ["2"] * 12
    assert {(row["loss"], row["block"]) for row in rows} == {
        (loss, block) for loss in ("loss_cls", "loss_fm", "loss_bs") for block in "1234"
    }


def test_the_gradients_of_the_losses_add_up_to_that_of_their_sum():
    state, batch = first_batch()
    parts = SCRIPT["gradients"](state, batch, SHORT, OURS)
    state.trained.zero_grad()
    outcome = forward(state, batch, SHORT, OURS, None)
    for features in outcome.features:
        features.retain_grad()
    sum(outcome.losses.values()).backward()
    for name, loss in outcome.losses.items():
        assert float(parts[name][0]) == pytest.approx(float(loss.detach()), rel=1e-4)
    for number, block in enumerate(state.trained.encoder.blocks):
        whole = torch.cat([weights.grad.flatten() for weights in block.parameters()])
        together = sum(asked[number].weights for _, asked in parts.values())
        torch.testing.assert_close(together, whole, rtol=1e-3, atol=1e-6)
        assert parts["loss_fm"][1][number].weights.norm() > 0


def test_the_norms_are_those_of_each_image_s_own_gradient():
    """Of the cross-entropy of an image alone, with the batch's statistics fixed."""
    state, batch = first_batch()
    state.trained.eval()
    found = SCRIPT["gradients"](state, batch, SHORT, OURS)["loss_cls"][1]
    for number in range(4):
        own, scaled = [], []
        for image, label in zip(batch.views[0], batch.label, strict=True):
            features = state.trained.features(image[None])
            logits = state.trained.classify(state.trained.represent(features))
            loss = torch.nn.functional.cross_entropy(logits, label[None])
            (gradient,) = torch.autograd.grad(loss, features[number])
            own.append(float(gradient.norm()))
            scaled.append(own[-1] * float(features[number].detach().norm()))
        assert float(found[number].features) == pytest.approx(sum(own) / len(own), rel=2e-2)
        assert float(found[number].scaled) == pytest.approx(sum(scaled) / len(own), rel=2e-2)


def test_hard_codes_have_no_gradient(folder):
    hard = variant("ours_hard")
    known, (ours,) = pack.read(folder, torch.device("cpu"))
    cell = replace(ours, variant=hard)
    state = begin(SHORT, hard, known.splits["train"], 0, torch.device("cpu"))
    state.history.append({"epoch": 1})
    rows = SCRIPT["measured"](known, cell, state)
    of_fm = [row for row in rows if row["loss"] == "loss_fm"]
    assert all((row["norm"], row["cosine"], row["features"]) == (0, "", 0) for row in of_fm)
    assert all(row["norm"] > 0 for row in rows if row["loss"] != "loss_fm")
    joined = {row["block"]: row["joined"] for row in rows if row["loss"] == "loss_bs"}
    assert 1 <= joined.pop(2) <= 8
    assert set(joined.values()) == {""}


def test_likeness_is_the_mean_cosine_of_two_different_images():
    state, batch = first_batch()
    state.trained.eval()
    found = SCRIPT["alike"](state, batch)
    clbs = state.contrast.clbs
    assert list(found) == clbs.layers
    with torch.no_grad():
        features = state.trained.features(batch.views[0])
        for j in clbs.layers:
            vectors = clbs.project(features[j], j).double()
            pairs = [
                torch.nn.functional.cosine_similarity(a, b, dim=0)
                for i, a in enumerate(vectors)
                for k, b in enumerate(vectors)
                if i != k
            ]
            assert float(found[j]) == pytest.approx(float(sum(pairs)) / len(pairs), abs=1e-3)
