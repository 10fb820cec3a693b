"""Memory that does not suffice, and what is said of it."""

import pytest
import torch

from clfer.errors import InputError, user_message

# as PyTorch says it on a card of 80 GB
FULL = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.19 GiB of "
    "which 1.06 GiB is free. Process 1 has 78.12 GiB memory in use."
)


def test_a_gpu_names_what_to_lower():
    line = user_message(torch.OutOfMemoryError(FULL))
    assert line.startswith("GPU: expected memory for 2.50 GiB more, found none left; lower ")
    for setting in ("train.batch_size", "train.crop", "train.precision", "CLFER_DEVICE_MEMORY"):
        assert setting in line


def test_the_processor():
    """More than any machine has, truly asked for."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    line = user_message(caught.value)
    assert line.startswith("memory: expected enough for this step, found none left")
    assert user_message(MemoryError()) == line


@pytest.mark.parametrize("error", [RuntimeError("ours"), KeyError("ours"), FileNotFoundError(2)])
def test_a_defect_of_ours_is_none_of_these(error):
    assert user_message(error) is None
    assert user_message(InputError("yours")) == "yours"
