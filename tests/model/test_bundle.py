"""A model in a file: what is saved comes back, repeatably, and other files are refused by name."""

import json
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from variants import CUT, OURS, small

from clfer.errors import InputError
from clfer.faces.preprocessing import View
from clfer.model.bundle import card, load, read_card, save
from clfer.model.variant import CLBS, CLFM, MSR, Variant

CLASSES = tuple("abcdefgh")


def written(path):
    network, _ = small(OURS)
    view, provenance = View(resize=72, crop=64), {"dataset": "demo"}
    made = card(CLASSES, "resnet10_quarter", "small", OURS, CUT, view, provenance)
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
    path, weights = tmp_path / "model.safetensors", {"w": torch.zeros(1)}
    other = {"clfer": json.dumps({"format": 99})}
    for write, message in (
        (lambda: None, " is missing"),
        (lambda: path.write_bytes(b"\x80\x04pickle?"), " is no readable safetensors"),
        (lambda: save_file(weights, path), ": expected a model written by clfer"),
        (lambda: save_file(weights, path, other), ": expected a card of format 2, found 99"),
    ):
        write()
        with pytest.raises(InputError, match=f"model.safetensors{message}"):
            load(path)


def test_the_old_name_of_pooled_size_is_read_and_the_new_one_written():
    """In rows of `variants`, recorded cells and cards."""
    old = {"msr": {"fd": 32, "grid": 2}}
    variant = Variant.model_validate(old)
    assert variant == Variant(msr=MSR(fd=32, pooled_size=2))
    assert variant.model_dump()["msr"] == {"fd": 32, "pooled_size": 2, "whole_deep": False}
    made = card(CLASSES, "resnet18", "full", variant, CUT, View(resize=256, crop=224), {})
    content = json.loads(made.text()) | {"variant": old}
    assert read_card(json.dumps(content), Path("model.onnx")) == made
    with pytest.raises(ValidationError, match=r"msr\.grid"):
        Variant.model_validate({"msr": {"pooled_size": 2, "grid": 2}})


def test_every_shallow_block_has_a_weight():
    with pytest.raises(ValidationError, match=r"alpha.*\n.*at least 3 items"):
        CLFM(alpha=(0.1, 0.1))
    with pytest.raises(ValidationError, match=r"beta.*\n.*at most 3 items"):
        CLBS(beta=(0.1,) * 4)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", ["x"] * 8),
        ("classes", ["", *CLASSES[1:]]),
        ("classes", ["\x1b[31mred", *CLASSES[1:]]),
        ("mean", [0.0, 0.0, 0.0]),
        ("std", [0.0, 0.0, 0.0]),
        ("view", {"resize": 64, "crop": 4096}),
    ],
)
def test_a_card_that_asks_for_what_is_not_done_is_refused(tmp_path, key, value):
    _, made = written(tmp_path / "model.safetensors")
    text = json.dumps(made.model_dump(mode="json") | {key: value})
    with pytest.raises(InputError, match=rf"found one that is broken \({key}"):
        read_card(text, Path("a.safetensors"))
