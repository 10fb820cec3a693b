"""Cross-layer contrastive learning of latent semantics for facial expression recognition."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clfer.inference.predictor import Predictor

# Threads that wait for each other soon give their core to other processes. By default they keep it
# for milliseconds, and beside two busy processes a step takes up to fifty times as long. PyTorch
# reads this when it is imported.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# onnxruntime tells its maker of every use, unless this is set before it starts
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
__all__ = ["Predictor", "__version__"]


def __getattr__(name: str) -> Any:
    """`clfer.Predictor`, imported when it is asked for: importing clfer shall take no time."""
    if name != "Predictor":
        raise AttributeError(f"module 'clfer' has no attribute '{name}'")
    from clfer.inference.predictor import Predictor

    return Predictor
