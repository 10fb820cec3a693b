"""A model's file: whatever its bytes are, a network or one clear line."""

import json

import torch
from mutations import attack, broken
from safetensors.torch import save
from variants import CUT, OURS

from clfer.faces.preprocessing import View
from clfer.model import bundle
from clfer.model.bundle import METADATA, card

CARD = card(
    ("a", "b"), "resnet10_quarter", "small", OURS, CUT, View(resize=64, crop=64), {"seed": 0}
)
TENSORS = {"conv1.weight": torch.zeros(4, 3, 3, 3), "bn1.bias": torch.ones(4)}
VALID = save(TENSORS, metadata={METADATA: json.dumps(CARD.model_dump(mode="json"))})


def test_a_model(tmp_path):
    def read(content):
        (tmp_path / "model.safetensors").write_bytes(content)
        bundle.load(tmp_path / "model.safetensors")

    attack("model bundle", broken(VALID), read, 150)
