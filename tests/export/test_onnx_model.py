"""Exported networks against PyTorch's, whatever they consist of; and what their files say."""

import json

import numpy as np
import onnx
import pytest
import torch
from exported_models import CLASSES, VIEW, exported, faces, network
from variants import BASELINE, CUT, OURS, SCN_SETTINGS

from clfer import __version__
from clfer.export.onnx_model import OPSET, Deployed
from clfer.faces.preprocessing import View
from clfer.faces.views import central
from clfer.inference.engines import Exported
from clfer.model.backbone import RESNETS

SCN = {"scn": SCN_SETTINGS}
COLOUR = CUT.model_copy(update={"channels": 3, "size": 100})
KINDS = [
    {"variant": BASELINE},
    {"variant": OURS},
    {"variant": OURS.model_copy(update={"msr": OURS.msr.model_copy(update={"whole_deep": True})})},
    {"variant": BASELINE.model_copy(update=SCN)},
    {"variant": OURS.model_copy(update=SCN)},
    # the paper's size: maps of 7 x 7 are pooled to 4 x 4 by unequal windows
    {"stem": "full", "view": View(resize=256, crop=224)},
    {"stem": "full", "view": View(resize=146, crop=128)},
    {"view": View(resize=90, crop=80)},
    {"view": View(resize=144, crop=128), "cut": COLOUR},
]
BACKBONES = [{"backbone": name} for name in RESNETS if name != "resnet10_quarter"]


@pytest.mark.parametrize(
    "kind", [*KINDS, *(pytest.param(one, marks=pytest.mark.slow) for one in BACKBONES)]
)
def test_every_kind_of_network_says_what_pytorch_says(tmp_path, kind):
    network, card = exported(tmp_path / "a.onnx", **kind)
    given = faces(3, card.cut)
    found = Exported(tmp_path / "a.onnx")(given)
    assert found.dtype == np.float32
    with torch.no_grad():
        expected = network(central(torch.from_numpy(given), card.view)).softmax(1).numpy()
    assert np.abs(found - expected).max() < 1e-5
    model = onnx.load(tmp_path / "a.onnx")
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"BatchNormalization", "GridSample"}  # the first is folded
    assert {node.domain for node in model.graph.node} == {""}
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]
    onnx.checker.check_model(model, full_check=True)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """An exported model and its card."""
    path = tmp_path_factory.mktemp("ours") / "a.onnx"
    return path, exported(path)[1]


def test_any_number_of_faces_each_as_if_alone(ours):
    engine, given = Exported(ours[0]), faces(7)
    alone = np.concatenate([engine(given[i : i + 1]) for i in range(7)])
    assert np.abs(engine(given) - alone).max() < 1e-6
    assert engine(given[:0]).shape == (0, 8)


def test_the_file_says_how_to_use_it_and_nothing_of_this_machine(ours, tmp_path):
    path, about = ours
    content = path.read_bytes()
    said = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert Exported(path).card == about
    assert json.loads(said["classes"]) == list(CLASSES)
    assert said["input"].startswith("faces: uint8 [N, 48, 48, 1], grey")
    assert said["clfer_version"] == __version__
    assert "terms" in said["licence"]
    for trace in (b"/clfer/", b".py", b"site-packages", str(path.parent).encode()):
        assert trace not in content
    exported(tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == content


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("size", "view"),
    [
        (48, VIEW),  # enlarged
        (100, View(resize=256, crop=224)),
        (64, View(resize=64, crop=64)),  # as it is
        (112, VIEW),  # made smaller: antialiased
        (300, View(resize=256, crop=224)),
        (49, View(resize=73, crop=64)),  # a window that is not at whole pixels
    ],
)
def test_two_products_of_matrices_are_the_central_view(channels, size, view):
    stored = torch.randint(0, 256, (4, size, size, channels), dtype=torch.uint8)
    made = Deployed(network(), size, view).view(stored)
    torch.testing.assert_close(made, central(stored, view), atol=1e-5, rtol=0)
