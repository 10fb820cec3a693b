"""The scripts behind tables of docs/results: gradients.py, what each loss asks of each block;
layers.py, what each layer brings; folded.py, folded convolutions as a network that normalises;
emulated.py, bfloat16 where the CPU has none.
"""

import csv
import runpy
from dataclasses import replace
from platform import machine
from shutil import which

import pytest
import torch
from closure import ROOT
from recipes import recipe
from tiny import bands, packed, trained, variant
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet18
from torchvision.models.feature_extraction import create_feature_extractor

from clfer.faces.views import central
from clfer.model.network import Network
from clfer.training import pack
from clfer.training.batches import Batches
from clfer.training.cell import Cell
from clfer.training.cells import MODEL, train_cells
from clfer.training.state import begin
from clfer.training.step import JointLoss

GRADIENTS, LAYERS, FOLDED, EMULATED = (
    runpy.run_path(str(ROOT / f"docs/results/{name}.py"))
    for name in ("gradients", "layers", "folded", "emulated")
)
OURS = variant("ours")
CPU = torch.device("cpu")
SHORT = recipe(epochs=2, batch_size=12)
MSR = Cell("msr", 0, variant("msr"), recipe(epochs=2))
BLOCKS = {"layer1": "1", "layer2": "2", "layer3": "3"}


@pytest.fixture
def folder(tmp_path):
    return packed(tmp_path, [Cell("ours", 0, OURS, SHORT)])


def first_batch():
    known = bands()
    training = known.splits["train"]
    state = begin(SHORT, OURS, training, 0, CPU)
    return state, Batches(known.faces, training, SHORT, state.contrast, 0, 0)[0]


def test_the_training_is_not_touched(folder, tmp_path, monkeypatch):
    known, cells = pack.read(folder, CPU)
    assert train_cells(cells, known, tmp_path / "a") == 0
    table = tmp_path / "gradients.csv"
    monkeypatch.setattr("sys.argv", ["gradients.py", str(folder), str(tmp_path / "b"), str(table)])
    GRADIENTS["main"]()
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
    parts = GRADIENTS["gradients"](state, batch, SHORT, OURS)
    state.trained.zero_grad()
    outcome = JointLoss(state, SHORT, OURS)(batch)
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
    found = GRADIENTS["gradients"](state, batch, SHORT, OURS)["loss_cls"][1]
    for number in range(4):
        own, scaled = [], []
        for image, label in zip(batch.views[0], batch.label, strict=True):
            features = state.trained.features(image[None])
            logits = state.trained.classify(state.trained.represent(features))
            loss = F.cross_entropy(logits, label[None])
            (gradient,) = torch.autograd.grad(loss, features[number])
            own.append(float(gradient.norm()))
            scaled.append(own[-1] * float(features[number].detach().norm()))
        assert float(found[number].features) == pytest.approx(sum(own) / len(own), rel=2e-2)
        assert float(found[number].scaled) == pytest.approx(sum(scaled) / len(own), rel=2e-2)


def test_hard_codes_have_no_gradient(folder):
    hard = variant("ours_hard")
    known, (ours,) = pack.read(folder, CPU)
    cell = replace(ours, variant=hard)
    state = begin(SHORT, hard, known.splits["train"], 0, CPU)
    state.history.append({"epoch": 1})
    rows = GRADIENTS["measured"](known, cell, state)
    of_fm = [row for row in rows if row["loss"] == "loss_fm"]
    assert all((row["norm"], row["cosine"], row["features"]) == (0, "", 0) for row in of_fm)
    assert all(row["norm"] > 0 for row in rows if row["loss"] != "loss_fm")
    joined = {row["block"]: row["joined"] for row in rows if row["loss"] == "loss_bs"}
    assert 1 <= joined.pop(2) <= 8
    assert set(joined.values()) == {""}


def test_a_loss_is_steady_where_two_batches_ask_for_the_same(folder):
    known, (ours,) = pack.read(folder, CPU)
    small = recipe(batch_size=6)
    ours, training = replace(ours, recipe=small), ours.training_examples(known)
    state = begin(small, OURS, training, 0, CPU)
    state.history.append({"epoch": 1})
    state.trained.train()
    batches = Batches(known.faces, training, small, state.contrast, 0, 0)
    first, second = (GRADIENTS["gradients"](state, batches[n], small, OURS) for n in range(2))
    for row in GRADIENTS["measured"](known, ours, state):
        a, b = (found[row["loss"]][1][row["block"] - 1].weights for found in (first, second))
        cosine = float(a.double() @ b.double() / (a.double().norm() * b.double().norm()))
        assert float(row["steady"]) == pytest.approx(cosine, abs=1e-4)


def test_likeness_is_the_mean_cosine_of_two_different_images():
    state, batch = first_batch()
    state.trained.eval()
    found = GRADIENTS["alike"](state, batch)
    clbs = state.contrast.clbs
    assert list(found) == clbs.layers
    with torch.no_grad():
        features = state.trained.features(batch.views[0])
        for j in clbs.layers:
            vectors = F.normalize(clbs.project(features[j], j).double())
            apart = ~torch.eye(len(vectors), dtype=torch.bool)
            likeness = (vectors @ vectors.T)[apart].mean()
            assert float(found[j]) == pytest.approx(float(likeness), abs=1e-3)


@pytest.mark.parametrize("name", ["msr", "ours_whole"])
def test_a_layer_taken_out_is_the_same_for_all_faces(name):
    """Against F of eq. 9, put together face by face."""
    network, known = trained(name).network.eval(), bands()
    val = known.splits["val"]
    msr, seen = network.representation, []
    with torch.no_grad():
        for face in val.face:
            features = network.features(central(known.faces(face[None]), MSR.recipe))
            reshaped = msr.reshape(features)
            seen.append((msr.weigh(reshaped)[0, :, 0], (msr.weigh(reshaped) * reshaped)[0]))

        def accuracy(own):
            hits = 0
            for (_, parts), label in zip(seen, val.label, strict=True):
                vector = 0
                for j in range(4):
                    mean = sum(one[j] for _, one in seen) / len(seen)
                    vector = vector + (parts[j] if j in own else mean)
                hits += int(network.classifier(vector).argmax() == label)
            return f"{hits / len(seen):.4f}"

        every = {0, 1, 2, 3}
        expected = [(accuracy(every), j + 1, accuracy(every - {j}), accuracy({j})) for j in every]
    rows = LAYERS["rows"](network, known, MSR)
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == expected
    for j, row in enumerate(rows):
        assert float(row[2]) == pytest.approx(
            float(sum(weight[j] for weight, _ in seen) / len(seen)), abs=1e-3
        )


def test_a_model_without_msr_is_one_line():
    network = Network("resnet10_quarter", "small", 3, variant("baseline"))
    with pytest.raises(SystemExit, match="expected a model with MSR"):
        LAYERS["rows"](network, bands(), MSR)


def folded(network):
    """What the file holds: w g / s and b - m g / s, by the names of the convolutions."""
    found = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and not name.startswith("layer4"):
            after = name.replace("conv", "bn").replace("downsample.0", "downsample.1")
            bn = network.get_submodule(after)
            scale = bn.weight / (bn.running_var + bn.eps).sqrt()
            found[f"{name}.weight"] = module.weight * scale[:, None, None, None]
            found[f"{name}.bias"] = bn.bias - bn.running_mean * scale
    return found


@torch.no_grad()
def normalising(network):
    """With normalisations that do something."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                values.copy_(torch.rand(values.shape, generator=generator) + 0.2)
    return network.eval()


@pytest.mark.parametrize("pooled", [True, False])
def test_a_network_of_folded_convolutions_computes_what_the_whole_one_did(pooled):
    torch.manual_seed(0)
    whole = normalising(resnet18(weights=None))
    if not pooled:
        whole.maxpool = nn.Identity()
    images = torch.rand(6, 3, 64, 64)
    again = FOLDED["unfolded"](folded(whole), images, pooled)
    assert again.state_dict().keys() == whole.state_dict().keys()
    found, expected = (
        create_feature_extractor(net.eval(), BLOCKS)(images) for net in (again, whole)
    )
    for block in found:
        torch.testing.assert_close(found[block], expected[block], rtol=1e-3, atol=1e-4)


@pytest.fixture
def compiled():
    if which("c++") is None or machine() != "x86_64":
        pytest.skip("no C++ compiler, or another processor than emulated.py is for")


def near(exact, rounded):
    """Equal but for a rounding to bfloat16, and float32's errors where sums are near zero."""
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.double(), exact, rtol=2**-8, atol=1e-3)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "biased"),
    [(3, 1, 1, False), (3, 1, 1, True), (3, 2, 1, False), (1, 1, 0, False), (7, 2, 3, True)],
)
@pytest.mark.parametrize("side", [12, 32])
def test_emulated_convolutions_are_exact_ones_rounded(kernel, stride, padding, biased, side):
    """The first by tiles: at 32, of four images at a time."""
    generator = torch.Generator().manual_seed(0)
    images, weights, bias = (
        torch.randn(shape, generator=generator).bfloat16()
        for shape in ((6, 16, side, side), (32, 16, kernel, kernel), (32,))
    )
    how = ([kernel] * 2, [stride] * 2, [padding] * 2)
    given = [images, weights, bias][: 2 + biased]
    exact = [part.double().requires_grad_() for part in given]
    expected = F.conv2d(*exact, stride=stride, padding=padding)
    found = EMULATED["forward"](images, weights, how[0], bias if biased else None, *how[1:])
    near(expected, found)
    gradient = torch.randn(found.shape, generator=generator).bfloat16()
    slopes = EMULATED["backward"](gradient, images, weights, *how, [True, True, biased])
    assert (slopes[2] is None) != biased
    for one, other in zip(
        torch.autograd.grad(expected, exact, gradient.double()), slopes, strict=False
    ):
        near(one, other)
