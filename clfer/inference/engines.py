"""What computes: PyTorch, or onnxruntime alone."""

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from clfer.errors import InputError
from clfer.model.card import Card


@runtime_checkable
class Engine(Protocol):
    """Class probabilities of faces that were cut as `card.cut` says, in float32."""

    card: Card

    def __call__(self, faces: UInt8[np.ndarray, "N S S C"]) -> Float[np.ndarray, "N K"]: ...


class Trained:
    """A model as it was trained, in PyTorch.

    device: such as cpu or cuda; None: a GPU where there is one. InputError where PyTorch has none
    of that name, or the file is no model.
    """

    def __init__(self, path: Path, device: str | None) -> None:
        import torch

        from clfer.faces.views import central
        from clfer.model.bundle import load

        name = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self.device = torch.empty(0, device=name).device
        except (RuntimeError, AssertionError) as error:
            raise InputError(
                f"--device: expected one that PyTorch has here, such as cpu; found '{name}'"
            ) from error
        network, self.card = load(path)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self._central, self._torch = central, torch

    def __call__(self, faces: UInt8[np.ndarray, "N S S C"]) -> Float[np.ndarray, "N K"]:
        with self._torch.inference_mode():
            pixels = self._torch.from_numpy(faces).to(self.device)
            logits = self.network(self._central(pixels, self.card.view))
            probability: np.ndarray = logits.softmax(dim=1).cpu().numpy()
        return probability


def opened(path: Path, device: str | None) -> Engine:
    """The engine for a model's file. InputError where it is none."""
    if path.suffix.lower() != ".onnx":
        return Trained(path, device)
    if device not in (None, "cpu"):
        raise InputError(f"--device: expected cpu for {path.name}, found '{device}'")
    from clfer.inference.exported import Exported

    exported: Engine = Exported(path)
    return exported
