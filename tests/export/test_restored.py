"""The network of an exported model answers as the one that was exported."""

import numpy as np
import onnx
import pytest
import torch
from bundles import refusal
from exported_models import card_of, exported, faces
from variants import BASELINE

from clfer.explanation import class_maps
from clfer.export.onnx_model import quantised, write
from clfer.export.restored import restored
from clfer.faces.views import central
from clfer.inference.engines import Exported
from clfer.progress import silent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model in float, one in eight bits, one with MSR, and what is none."""
    out = tmp_path_factory.mktemp("restored")
    network, about = exported(out / "whole.onnx", BASELINE)
    small = quantised(onnx.load(out / "whole.onnx"), about, faces(64, seed=1), silent)
    write(small, out / "small.onnx")
    msr, about = exported(out / "msr.onnx")
    small = quantised(onnx.load(out / "msr.onnx"), about, faces(64, seed=1), silent)
    write(small, out / "msr small.onnx")
    (out / "broken.onnx").write_bytes((out / "whole.onnx").read_bytes()[:5000])
    return out, {"whole": network, "msr": msr}


@pytest.mark.parametrize("name", ["whole", "msr"])
def test_maps_and_gradients_of_the_network_that_was_exported(folder, name):
    out, network = folder[0], folder[1][name]
    found, about = restored(out / f"{name}.onnx")
    images = central(torch.from_numpy(faces(4)), about.view)
    with torch.no_grad():
        assert torch.allclose(found(images), network(images), atol=1e-4)
    label = torch.tensor([0, 3, 5, 7])
    for mine, its in zip(
        class_maps(found, images, label), class_maps(network, images, label), strict=True
    ):
        assert torch.allclose(mine, its, atol=1e-4)


@pytest.mark.parametrize("pair", [("whole", "small"), ("msr", "msr small")], ids=" ".join)
def test_weights_in_eight_bits_are_what_they_stand_for(folder, pair):
    """Each is within half a step of the float, a step being 1/63 of the largest of its channel."""
    out, _ = folder
    whole, small = (restored(out / f"{name}.onnx")[0] for name in pair)
    floats = dict(whole.named_parameters())
    for name, value in small.named_parameters():
        apart = (value - floats[name]).abs().flatten(1 if value.ndim > 1 else 0)
        if value.ndim > 1:
            step = floats[name].abs().flatten(1).amax(1, keepdim=True) / 63
            assert (apart <= 0.51 * step).all(), name
        else:
            assert apart.max() < 1e-3, name
    given = faces(32)
    with torch.no_grad():
        images = central(torch.from_numpy(given), restored(out / f"{pair[1]}.onnx")[1].view)
        mine = small(images).softmax(1).numpy()
    assert np.abs(mine - Exported(out / f"{pair[1]}.onnx")(given)).max() < 0.05


def test_what_is_no_such_model_is_refused(folder):
    out, _ = folder
    for name in ("broken.onnx", "none.onnx"):
        assert f"{name}: expected a model by `clfer export`" in refusal(restored, out / name)
    model = onnx.load(out / "msr.onnx")
    model.metadata_props[0].value = card_of(backbone="vit").text()
    onnx.save(model, out / "other.onnx")
    assert "name the .safetensors that it was made from" in refusal(restored, out / "other.onnx")
