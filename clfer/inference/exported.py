"""A model in an ONNX file, computed by onnxruntime alone: PyTorch need not be installed."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from clfer.errors import InputError
from clfer.inference import onnx_file
from clfer.model.card import METADATA, read
from clfer.team import cores

FACES, PROBABILITY = "faces", "probability"  # the graph's input and output
LARGEST = (1 << 31) - 1  # bytes of such a file, by its format


class Exported:
    """A model that `clfer export` wrote, on the CPU (clfer.inference.engines.Engine).

    Raises InputError where the file is missing, broken or another, and where it can't be computed.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime  # a tenth of a second, which reading a card shall not take

        content = _content(path)
        try:
            found = onnx_file.metadata(content)
        except ValueError as error:
            raise _other(path, str(error)) from error
        self.path, self.card = path, read(found.get(METADATA), path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = cores(), 1
        # waiting threads shall not take the cores from whoever computes meanwhile
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4  # what is wrong is raised as well
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # it has as many kinds as files have ways to be broken
            raise _other(path, _reason(error)) from error
        self._check()

    def __call__(self, faces: UInt8[np.ndarray, "N S S C"]) -> Float[np.ndarray, "N K"]:
        """Class probabilities of faces that were cut as `card.cut` says, in float32."""
        try:
            (probability,) = self._session.run([PROBABILITY], {FACES: faces})
        except Exception as error:
            raise InputError(
                f"{self.path}: expected a model that can be computed, found one that cannot "
                f"({_reason(error)}); export it again"
            ) from error
        made: np.ndarray = probability
        return made

    def _check(self) -> None:
        """InputError unless it takes and gives what its card says, any number of faces at once."""
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


def _content(path: Path) -> bytes:
    if not path.exists():
        raise InputError(f"{path} is missing; `clfer export` writes it")
    if not path.is_file():
        raise _other(path, "no file")
    if (size := path.stat().st_size) > LARGEST:
        raise _other(path, f"{size:,} bytes")
    try:
        return path.read_bytes()
    except OSError as error:
        raise _other(path, (error.strerror or type(error).__name__).lower()) from error


def _other(path: Path, found: str) -> InputError:
    return InputError(
        f"{path}: expected a model written by `clfer export`, found something else ({found}); "
        "export it again"
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _shown(ends: list[tuple[str, str, list[Any]]]) -> str:
    return ", ".join(f"{name} {kind} {shape}" for name, kind, shape in ends)[:300]
