"""A model in a file: what is saved comes back, repeatably, and other files are refused by name."""

import json

import pytest
import torch
from safetensors.torch import save_file
from variants import CUT, OURS, small

from clfer.errors import InputError
from clfer.faces.preprocessing import View
from clfer.model.bundle import card, load, save

CLASSES = tuple("abcdefgh")


def written(path):
    network, _ = small(OURS)
    made = card(
        CLASSES,
        "resnet10_quarter",
        "small",
        OURS,
        CUT,
        View(resize=72, crop=64),
        {"dataset": "demo"},
    )
    save(network.state_dict(), made, path)
    return network.eval(), made


def test_what_is_saved_comes_back_without_the_contrastive_heads(tmp_path):
    network, made = written(tmp_path / "model.safetensors")
    loaded, found = load(tmp_path / "model.safetensors")
    assert found == made
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded(images), network(images))
    assert not any("convolutions" in name or "projections" in name for name in loaded.state_dict())


def test_the_bytes_repeat(tmp_path):
    for name in ("a", "b"):
        written(tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_other_files_are_refused_by_name(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match=r"model.safetensors is missing"):
        load(path)
    path.write_bytes(b"\x80\x04pickle?")
    with pytest.raises(InputError, match=r"model.safetensors is no readable safetensors"):
        load(path)
    save_file({"w": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"model.safetensors: expected a model written by clfer"):
        load(path)
    save_file({"w": torch.zeros(1)}, path, metadata={"clfer": json.dumps({"format": 99})})
    with pytest.raises(
        InputError, match=r"model.safetensors: expected a card of format 2, found 99"
    ):
        load(path)
