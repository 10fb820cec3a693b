"""Exported networks against PyTorch's, whatever they consist of; and what their files say."""

import json

import numpy as np
import onnx
import pytest
import torch
from exported_models import CLASSES, VIEW, card_of, exported, faces, network
from variants import BASELINE, CUT, OURS, SCN_SETTINGS

from clfer import __version__
from clfer.export.onnx_model import OPSET, Deployed, converted, write
from clfer.faces.preprocessing import View
from clfer.faces.views import central
from clfer.inference.engines import Exported
from clfer.model.backbone import RESNETS

SCN_OURS = OURS.model_copy(update={"scn": SCN_SETTINGS})
WHOLE = OURS.model_copy(update={"msr": OURS.msr.model_copy(update={"whole_deep": True})})
SCN_ALONE = BASELINE.model_copy(update={"scn": SCN_SETTINGS})


def says(made, view, given):
    with torch.no_grad():
        return made(central(torch.from_numpy(given), view)).softmax(1).numpy()


def check(
    tmp_path, variant=OURS, backbone="resnet10_quarter", stem="small", cut=CUT, view=VIEW, count=5
):
    made = network(variant, backbone, stem)
    about = card_of(variant, backbone, stem, cut, view)
    write(converted(made, about), tmp_path / "a.onnx")
    engine = Exported(tmp_path / "a.onnx")
    given = faces(count, cut)
    found = engine(given)
    assert found.dtype == np.float32
    assert np.abs(found - says(made, view, given)).max() < 1e-5
    return onnx.load(tmp_path / "a.onnx")


@pytest.mark.parametrize("variant", [BASELINE, OURS, WHOLE, SCN_ALONE, SCN_OURS])
def test_every_kind_of_network(tmp_path, variant):
    model = check(tmp_path, variant)
    kinds = {node.op_type for node in model.graph.node}
    assert "BatchNormalization" not in kinds  # folded
    assert "GridSample" not in kinds
    assert {node.domain for node in model.graph.node} == {""}
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize(
    ("stem", "resize", "crop"),
    [
        ("full", 256, 224),  # the paper's: maps of 7 x 7 are pooled to 4 x 4 by unequal windows
        ("full", 146, 128),
        ("small", 90, 80),
        ("small", 144, 128),
    ],
)
def test_both_stems_at_sizes_that_pool_alike_and_not(tmp_path, stem, resize, crop):
    check(tmp_path, stem=stem, view=View(resize=resize, crop=crop), count=2)


def test_colour(tmp_path):
    check(tmp_path, cut=CUT.model_copy(update={"channels": 3, "size": 100}))


@pytest.mark.slow
@pytest.mark.parametrize("backbone", [name for name in RESNETS if name != "resnet10_quarter"])
def test_every_backbone(tmp_path, backbone):
    check(tmp_path, backbone=backbone, count=2)


def test_any_number_of_faces_each_as_if_alone(tmp_path):
    exported(tmp_path / "a.onnx")
    engine = Exported(tmp_path / "a.onnx")
    given = faces(7)
    together = engine(given)
    alone = np.concatenate([engine(given[i : i + 1]) for i in range(7)])
    assert np.abs(together - alone).max() < 1e-6
    assert engine(given[:0]).shape == (0, 8)


def test_the_file_says_how_to_use_it_and_nothing_of_this_machine(tmp_path):
    _, about = exported(tmp_path / "a.onnx")
    content = (tmp_path / "a.onnx").read_bytes()
    said = {entry.key: entry.value for entry in onnx.load(tmp_path / "a.onnx").metadata_props}
    assert Exported(tmp_path / "a.onnx").card == about
    assert json.loads(said["classes"]) == list(CLASSES)
    assert said["input"].startswith("faces: uint8 [N, 48, 48, 1], grey")
    assert said["clfer_version"] == __version__
    assert "terms" in said["licence"]
    for trace in (b"/clfer/", b".py", b"site-packages", str(tmp_path).encode()):
        assert trace not in content


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("size", "resize", "crop"),
    [
        (48, 72, 64),  # enlarged
        (48, 256, 224),
        (100, 256, 224),
        (64, 64, 64),  # as it is
        (112, 72, 64),  # made smaller: antialiased
        (300, 256, 224),
        (49, 73, 64),  # a window that is not at whole pixels
    ],
)
def test_two_products_of_matrices_are_the_central_view(channels, size, resize, crop):
    view = View(resize=resize, crop=crop)
    random = torch.Generator().manual_seed(0)
    shape = (4, size, size, channels)
    stored = torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)
    made = Deployed(network(), size, view).view(stored)
    torch.testing.assert_close(made, central(stored, view), atol=1e-5, rtol=0)


def test_the_bytes_repeat(tmp_path):
    for name in ("a.onnx", "b.onnx"):
        exported(tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
