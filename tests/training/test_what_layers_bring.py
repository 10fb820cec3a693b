"""What each layer brings: the script behind a table of docs/results/recipe.md."""

import runpy
from pathlib import Path

import pytest
import torch
from recipes import recipe
from tiny import bands, trained, variant

from clfer.faces.views import central
from clfer.model.network import Network
from clfer.training.cell import Cell

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "docs/results/layers.py"))
SHORT = recipe(epochs=2)
CELL = Cell("msr", 0, variant("msr"), SHORT)


@pytest.fixture
def pack():
    return bands()


@pytest.mark.parametrize("name", ["msr", "ours_whole"])
def test_a_layer_taken_out_is_the_same_for_all_faces(pack, name):
    """Against F of eq. 9, put together face by face."""
    network = trained(name).network.eval()
    val = pack.splits["val"]
    msr, seen = network.representation, []
    with torch.no_grad():
        for face in val.face:
            features = network.features(central(pack.faces(face[None]), SHORT))
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

        expected = [
            (
                accuracy({0, 1, 2, 3}),
                j + 1,
                accuracy({0, 1, 2, 3} - {j}),
                accuracy({j}),
            )
            for j in range(4)
        ]
    rows = SCRIPT["rows"](network, pack, CELL)
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == expected
    for j, row in enumerate(rows):
        assert float(row[2]) == pytest.approx(
            float(sum(weight[j] for weight, _ in seen) / len(seen)), abs=1e-3
        )


def test_a_model_without_msr_is_one_line(pack):
    network = Network("resnet10_quarter", "small", 3, variant("baseline"))
    with pytest.raises(SystemExit, match="expected a model with MSR"):
        SCRIPT["rows"](network, pack, CELL)
