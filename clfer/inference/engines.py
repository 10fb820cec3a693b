"""Models that classify faces: in PyTorch, or in onnxruntime, which needs no PyTorch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from clfer.errors import InputError, in_one_line
from clfer.model.bundle import METADATA, Card, read_card
from clfer.onnx_session import open_session
from clfer.team import cores

FACES, PROBABILITY = "faces", "probability"  # input and output of an exported graph
INEXACT = 0.05  # by which probabilities may not sum to 1


@runtime_checkable
class Engine(Protocol):
    """Class probabilities, float32, of faces that were cut as `card.cut` says."""

    card: Card
    device: str  # such as cpu or cuda:0

    def __call__(self, faces: UInt8[np.ndarray, "N S S C"]) -> Float[np.ndarray, "N K"]: ...


def open_engine(path: Path, device: str | None) -> Engine:
    """The engine for a model's file. InputError: it is no model, or there is no such device."""
    return (Exported if path.suffix.lower() == ".onnx" else Trained)(path, device)


def check_probability(found: Float[np.ndarray, "N K"], path: Path) -> None:
    """InputError unless what a model gave are probabilities. In eight bits they are not exact."""
    if not ((found >= 0).all() and (np.abs(found.sum(axis=1) - 1) < INEXACT).all()):
        raise InputError(
            f"{path}: expected a model that gives probabilities, found one that gives "
            f"{', '.join(f'{value:.3g}' for value in found[0][:3])}, ...; use another"
        )


class Trained:
    """A model as `clfer train` wrote it, in PyTorch.

    device: such as cpu or cuda; None: a GPU where there is one. InputError where PyTorch has none
    of that name, or the file is no model.
    """

    def __init__(self, path: Path, device: str | None) -> None:
        import torch

        from clfer.faces.views import central
        from clfer.model.bundle import load

        name = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            probe = torch.zeros(1, device=name)
            probe.cpu()  # on `meta` there is nothing
        except Exception as error:
            raise InputError(
                f"--device: expected one that PyTorch has here, such as cpu; found '{name}'"
            ) from error
        self.device = str(probe.device)
        network, self.card = load(path)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self._central, self._torch = central, torch

    def __call__(self, faces: UInt8[np.ndarray, "N S S C"]) -> Float[np.ndarray, "N K"]:
        with self._torch.inference_mode():
            pixels = self._torch.from_numpy(faces).to(self.device)
            logits = self.network(self._central(pixels, self.card.view))
            probability: np.ndarray = logits.softmax(dim=1).cpu().numpy()
        return probability


class Exported:
    """A model as `clfer export` wrote it, in onnxruntime.

    device: cpu, cuda or cuda:N; None: cpu. InputError where onnxruntime has none of that name, the
    file is missing, broken or something else, and where it can't be computed.
    """

    card: Card

    def __init__(self, path: Path, device: str | None = None) -> None:
        if not path.exists():
            raise InputError(f"{path} is missing; `clfer export` writes it")
        self.path = path
        with self._explained("written by `clfer export`"):
            self._session, self.device = open_session(path, device, cores())
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.card = read_card(metadata.get(METADATA), path)
        self._check()

    def __call__(self, faces: UInt8[np.ndarray, "N S S C"]) -> Float[np.ndarray, "N K"]:
        with self._explained("that can be computed"):
            (output,) = self._session.run([PROBABILITY], {FACES: faces})
        probability: np.ndarray = output
        return probability

    @contextmanager
    def _explained(self, expected: str) -> Iterator[None]:
        """InputError for any error: onnxruntime has as many kinds as files can be broken."""
        try:
            yield
        except (PermissionError, InputError):
            raise
        except Exception as error:
            raise InputError(
                f"{self.path}: expected a model {expected}, found something else "
                f"({in_one_line(error)}); export it again"
            ) from error

    def _check(self) -> None:
        """InputError unless inputs and outputs are as the card says, for any number of faces."""
        cut = self.card.cut
        ends = [*self._session.get_inputs(), *self._session.get_outputs()]
        expected = [
            (FACES, "tensor(uint8)", [cut.size, cut.size, cut.channels]),
            (PROBABILITY, "tensor(float)", [len(self.card.classes)]),
        ]
        found = [(end.name, end.type, end.shape[1:]) for end in ends]
        if found != expected or any(isinstance(end.shape[0], int) for end in ends):
            raise InputError(
                f"{self.path}: expected {_shown(expected)} as its card says, found "
                f"{_shown([(end.name, end.type, end.shape) for end in ends])}; export it again"
            )


def _shown(ends: list[tuple[str, str, list[Any]]]) -> str:
    return ", ".join(f"{name} {kind} {shape}" for name, kind, shape in ends)[:300]
