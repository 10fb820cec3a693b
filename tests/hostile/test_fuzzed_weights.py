"""Files of weights: whatever their bytes are, tensors or one clear line."""

import io

import pytest
import torch
from mutations import attack, broken, mutated
from safetensors.torch import save
from torch import nn

from clfer.model.backbone import Encoder, load_weights
from clfer.training.state import Checkpoint

pytestmark = pytest.mark.filterwarnings("ignore")  # hundreds, on files that are wrong on purpose
TENSORS = {
    "conv1.weight": torch.zeros(4, 3, 3, 3),
    "bn1.bias": torch.ones(4, dtype=torch.float16),
    "layer1.0.conv1.weight": torch.zeros(1),
}


def pth(**how):
    file = io.BytesIO()
    torch.save(TENSORS, file, **how)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("weights.safetensors", save(TENSORS)),
        ("weights.pth", pth()),
        ("old.pth", pth(_use_new_zipfile_serialization=False)),
    ],
)
def test_weights_to_start_from(name, valid, tmp_path):
    encoder = Encoder("resnet10_quarter", "small")

    def read(content):
        (tmp_path / name).write_bytes(content)
        load_weights(encoder, "resnet10_quarter", str(tmp_path / name))

    attack(name, broken(valid), read, 150)


class Run:
    """What a checkpoint keeps, of the same kinds as a training's state."""

    def __init__(self):
        self.layer = nn.Linear(2, 3)
        self.optimizer = torch.optim.Adam(self.layer.parameters())
        self.history = []

    def state_dict(self):
        return {
            "layer": self.layer.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
        }

    def load_state_dict(self, saved):
        self.layer.load_state_dict(saved["layer"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.history = saved["history"]


def test_the_state_of_an_interrupted_run(tmp_path):
    run, checkpoint = Run(), Checkpoint(tmp_path)
    run.layer(torch.ones(2)).sum().backward()
    run.optimizer.step()
    checkpoint.save(run)

    def read(content):
        checkpoint.path.write_bytes(content)
        checkpoint.resume(Run())

    attack("state.pt", mutated(checkpoint.path.read_bytes()), read, 150)
