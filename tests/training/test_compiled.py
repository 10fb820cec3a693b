"""Training with blocks and contrastive losses compiled (`compile`) for real."""

import json
import os
import subprocess
import sys

import pytest
from closure import ROOT

CODE = """
import json, sys
from tiny import run, variant
for compiled in (False, True):
    state = run(variant(sys.argv[1]), compile=compiled, batch_size=24, epochs=1)
    print(json.dumps(state.history))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ours", "simsiam", "baseline"])
def test_compiled_losses_train_as_they_do_uncompiled(name):
    """Losses, gradients and the model after one step: later ones part, an assignment at a time.

    In a process of its own, since the compiler can't see through the shape checks of the tests.
    """
    done = subprocess.run(
        [sys.executable, "-c", CODE, name],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"tests:{ROOT / 'tests' / 'training'}"},
        capture_output=True,
        text=True,
    )
    plain, compiled = map(json.loads, done.stdout.splitlines())
    assert [row.keys() for row in compiled] == [row.keys() for row in plain]
    for key, value in plain[0].items():
        # in a group a channel more or less, where two responses were nearly equal; and Adam's first
        # step has the sign of a gradient, however small
        slack = 5e-3 if "group" in key or "val" in key else 1e-3
        assert compiled[0][key] == pytest.approx(value, rel=slack), key
