"""Weights that are programs: nothing is ever unpickled as code."""

import io
import pickle

import numpy as np
import pytest
import torch
from image_trees import plant

from clfer.datasets import affectnet_labels, index, lists
from clfer.errors import InputError
from clfer.model import bundle
from clfer.model.backbone import Encoder, load_weights
from clfer.progress import silent
from clfer.training.state import Checkpoint


class Evil:
    """Unpickled, it would leave a file behind."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


class Kept:
    """What a checkpoint is read into."""

    def state_dict(self):
        return {}

    def load_state_dict(self, saved):
        self.kept = saved["trained"]


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
def test_a_program_in_weights_to_start_from_is_not_run(evil, name):
    path = evil.parent / name
    with pytest.raises(InputError) as told:
        load_weights(Encoder("resnet10_quarter", "small"), "resnet10_quarter", str(path))
    assert str(told.value) == (
        f"train.weights: {path} is no readable file of weights; expected .safetensors or a state "
        "dict"
    )
    assert not evil.exists()
    with path.open("rb") as file:
        if name == "raw.pth":  # it would have worked
            pickle.load(file)["conv1.weight"].close()
            assert evil.exists()


def test_a_program_in_a_model_is_not_run(evil):
    with pytest.raises(InputError, match=r"model\.safetensors is no readable safetensors file \("):
        bundle.load(evil.parent / "model.safetensors")
    assert not evil.exists()


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth", "raw.pth"])
def test_a_program_in_the_state_of_a_run_is_not_run(evil, name):
    path = (evil.parent / name).rename(evil.parent / "state.pt")
    with pytest.raises(InputError) as told:
        Checkpoint(evil.parent).resume(Kept())
    assert str(told.value) == (
        f"{path} is no readable state of a run; delete it to start the run again"
    )
    assert not evil.exists()


@pytest.fixture
def label(tmp_path):
    """A function that reads this content as a label of AffectNet's and gives the line it gets."""

    def read(content):
        name = "train_set/annotations/1_exp.npy"
        folder = plant(tmp_path / "there", {name: content})
        (tmp_path / "raw").mkdir()
        (tmp_path / "raw" / index.FOLDER).write_text("there\n")
        lists.gather(tmp_path / "raw", folder, [name], silent)
        with pytest.raises(
            InputError, match=r"1_exp\.npy: expected a plain .npy of numbers"
        ) as told:
            affectnet_labels.read_arrays(tmp_path / "raw")
        return str(told.value)

    return read


def test_a_program_in_a_label_of_affectnet_is_not_run(label, tmp_path):
    file, mark = io.BytesIO(), tmp_path / "mark"
    np.save(file, np.array([Evil(mark)], dtype=object))
    assert "found a pickled array; fetch it again" in label(file.getvalue())
    assert not mark.exists()


def test_a_letter_that_there_is_not(label):
    """Over which numpy raises a SystemError."""
    file = io.BytesIO()
    np.save(file, np.array("3"))
    assert "invalid maximum character" in label(file.getvalue()[:-4] + b"\xff\xff\xff\x7f")
