"""Weights that are programs, larger than their file, or do not fit what is said of them."""

import io
import json
import pickle
import struct
import zipfile

import pytest
import torch
from exported_models import card_of, network
from safetensors.torch import save_file
from watched import watched

from clfer.errors import InputError
from clfer.model import bundle
from clfer.model.backbone import Encoder, load_weights
from clfer.model.bundle import METADATA
from clfer.training.state import Checkpoint

MB = 1 << 20
START = (
    "from clfer.model.backbone import Encoder, load_weights",
    "load_weights(encoder, 'resnet10_quarter', str(path))",
    "encoder = Encoder('resnet10_quarter', 'small')",
)
MODEL = (
    "from clfer.model.bundle import load\nimport clfer.model.network, safetensors",
    "load(path)",
)
RUN = ("from clfer.training.state import Checkpoint", "Checkpoint(path.parent).resume(None)")


class Kept:
    """What a checkpoint is read into."""

    def state_dict(self):
        return {}

    def load_state_dict(self, saved):
        self.kept = saved["trained"]


def bomb(path):
    """A file of torch.save of some megabytes with a tensor that unpacks to half a gigabyte."""
    whole = io.BytesIO()
    torch.save({"conv1.weight": torch.zeros(4)}, whole)
    with (
        zipfile.ZipFile(whole) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
    ):
        for member in source.infolist():
            if member.filename.endswith("/data/0"):
                with packed.open(member.filename, "w", force_zip64=True) as file:
                    for _ in range(512):
                        file.write(bytes(MB))
            else:
                packed.writestr(member.filename, source.read(member))
    return path


def test_weights_to_start_from_that_explode(tmp_path):
    imports, call, before = START
    line, grown, _ = watched(imports, call, bomb(tmp_path / "a.pth"), before)
    assert line.startswith(f"train.weights: {tmp_path / 'a.pth'} is no readable file of weights")
    assert grown < 100 * MB


def test_the_state_of_a_run_that_explodes(tmp_path):
    line, grown, _ = watched(*RUN, bomb(tmp_path / "state.pt"))
    assert line.startswith(f"{tmp_path / 'state.pt'} is no readable state of a run; delete it")
    assert grown < 100 * MB


def test_a_model_that_declares_a_terabyte(tmp_path):
    header = {"w": {"dtype": "F32", "shape": [1 << 38], "data_offsets": [0, 1 << 40]}}
    text = json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    line, grown, _ = watched(*MODEL, tmp_path / "model.safetensors")
    assert line.startswith(f"{tmp_path / 'model.safetensors'} is no readable safetensors file (")
    assert grown < 20 * MB


def test_a_card_that_asks_for_more_than_the_memory(tmp_path):
    huge = card_of().model_dump(mode="json")
    huge["variant"]["msr"]["fd"] = 10**9
    path = tmp_path / "model.safetensors"
    save_file(network().state_dict(), path, metadata={METADATA: json.dumps(huge)})
    line, grown, _ = watched(*MODEL, path)
    assert line.startswith(f"{path}: expected the weights of its card, found others (")
    assert grown < 400 * MB


@pytest.mark.parametrize("change", ["lacking", "more", "shape", "backbone"])
def test_weights_that_are_not_those_of_the_card(tmp_path, change):
    weights, made = dict(network().state_dict()), card_of()
    name = next(iter(weights))
    if change == "lacking":
        del weights[name]
    elif change == "backbone":
        made = made.model_copy(update={"backbone": "vit"})
    else:
        weights["more" if change == "more" else name] = torch.zeros(1)
    bundle.save(weights, made, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="expected the weights of its card, found others"):
        bundle.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([torch.zeros(1)], "is no readable file of weights"),
        ({"conv1.weight": "text"}, "is no readable file of weights"),
        ({1: torch.zeros(1)}, "is no readable file of weights"),
        ({"layers.0.weight": torch.zeros(1)}, "does not fit resnet10_quarter"),
        ({}, "does not fit resnet10_quarter"),
    ],
)
def test_what_is_no_state_dict_of_a_resnet(tmp_path, content, found):
    """As of a Swin transformer, whose layers have a similar name."""
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(InputError, match=found):
        load_weights(
            Encoder("resnet10_quarter", "small"), "resnet10_quarter", str(tmp_path / "a.pth")
        )


def test_a_state_of_another_kind_is_told(tmp_path):
    torch.save({"network": {}}, tmp_path / "state.pt")
    with pytest.raises(InputError, match=r"state\.pt is no readable state of a run; delete it to"):
        Checkpoint(tmp_path).resume(Kept())


class Evil:
    """Unpickled, it would leave a file behind."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


@pytest.fixture
def evil(tmp_path):
    """Files of weights of every kind with a program in them; what they would leave behind."""
    mark = tmp_path / "mark"
    content = {"conv1.weight": Evil(mark)}
    torch.save(content, tmp_path / "zip.pth")
    torch.save(content, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(content))
    for name in ("weights.safetensors", "model.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(content))
    return mark


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth", "raw.pth", "weights.safetensors"])
def test_a_program_in_weights_or_in_the_state_of_a_run_is_not_run(evil, name):
    path = evil.parent / name
    encoder = Encoder("resnet10_quarter", "small")
    with pytest.raises(InputError, match=r"train.weights: .* is no readable file of weights; "):
        load_weights(encoder, "resnet10_quarter", str(path))
    (evil.parent / "state.pt").write_bytes(path.read_bytes())
    with pytest.raises(InputError, match=r"state\.pt is no readable state of a run; delete it to"):
        Checkpoint(evil.parent).resume(Kept())
    assert not evil.exists()
    if name == "raw.pth":  # it would have worked
        pickle.loads(path.read_bytes())["conv1.weight"].close()
        assert evil.exists()


def test_a_program_in_a_model_is_not_run(evil):
    with pytest.raises(InputError, match=r"model\.safetensors is no readable safetensors file \("):
        bundle.load(evil.parent / "model.safetensors")
    assert not evil.exists()
