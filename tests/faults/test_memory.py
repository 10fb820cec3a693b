"""Memory that does not suffice, and what is said of it."""

import subprocess
import sys

import pytest
import torch
from closure import ROOT

from clfer.errors import InputError, user_message

# as PyTorch says it on a card of 80 GB
FULL = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.19 GiB of "
    "which 1.06 GiB is free. Process 1 has 78.12 GiB memory in use."
)
COMMAND = """
import sys, types
import torch
import pipeline
from pipeline import app

def report() -> None:
    "A command that runs out of memory."
    raise {error}

sys.modules["pipeline.report"] = types.SimpleNamespace(report=report)
sys.argv = ["clfer", "report"]
app.main()
"""


def said(error):
    """What the command line says when a command raises it."""
    code = COMMAND.format(error=error)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_a_gpu_names_what_to_lower():
    line = said(f"torch.OutOfMemoryError({FULL!r})")
    assert line.startswith("error: GPU: expected memory for 2.50 GiB more, found none left; lower ")
    for setting in ("train.batch_size", "train.crop", "train.precision", "CLFER_DEVICE_MEMORY"):
        assert setting in line


def test_the_processor():
    """More than any machine has, truly asked for."""
    line = said("torch.empty(1 << 60, dtype=torch.uint8)")
    assert line.startswith("error: memory: expected enough for this step, found none left")
    assert said("MemoryError()").startswith("error: memory:")


@pytest.mark.parametrize("error", [RuntimeError("ours"), KeyError("ours"), FileNotFoundError(2)])
def test_a_defect_of_ours_is_none_of_these(error):
    assert user_message(error) is None
    assert user_message(InputError("yours")) == "yours"


def test_the_real_error_of_the_processor_is_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert user_message(caught.value)
