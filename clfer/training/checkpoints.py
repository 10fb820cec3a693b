"""Where an interrupted run left its state, so that it goes on from there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from safetensors.torch import save_file
from torch import Tensor

from clfer.distributed import leads, rank
from clfer.errors import InputError
from clfer.files import locked_folder, replacing
from clfer.model.backbone import load_tensors

FORMAT = 4  # to be raised with every change of what a state holds or means
CODE = 1  # to be raised with every change of model/, training/ or views.py that changes a result


@runtime_checkable
class Resumable(Protocol):
    def saved(self) -> dict[str, Any]: ...
    def restore(self, saved: Mapping[str, Any]) -> None: ...


@runtime_checkable
class Checkpointer(Protocol):
    """Where a run keeps its state, or does not."""

    def save(self, state: Resumable) -> None: ...
    def resume(self, state: Resumable) -> None: ...
    def aside(self, name: str, tensors: Mapping[str, Tensor]) -> Path: ...


class Checkpoint:
    """The state of one run in its own folder; made by `claim`, which keeps other processes out."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.pt"

    def save(self, state: Resumable) -> None:
        """Replace what was saved before; whoever reads sees one or the other, whole."""
        with replacing(self.path) as temporary:
            torch.save(state.saved(), temporary)

    def resume(self, state: Resumable) -> None:
        """Bring the state to where it was saved, if it was."""
        if not self.path.exists():
            return
        try:
            saved = load_tensors(self.path)
            state.restore(saved)
        except Exception as error:  # broken bytes make the unpickler trip over anything
            raise InputError(
                f"{self.path} is no readable state of a run; delete it to start the run again"
            ) from error

    def aside(self, name: str, tensors: Mapping[str, Tensor]) -> Path:
        """Put tensors beside the state, for a look; the file. Of several processes each has one."""
        number = f"-{rank()}" if rank() else ""
        path = self.path.with_name(f"{name}{number}.safetensors")
        with replacing(path) as temporary:
            save_file({key: value.contiguous() for key, value in tensors.items()}, temporary)
        return path


@contextmanager
def claim(folder: Path) -> Iterator[Checkpoint]:
    """The checkpoint of a folder, held by this process alone and cleared away when the run has
    ended well; of several processes the leader holds it for all.

    Raises InputError naming the process that holds it. An interrupted run leaves its state.
    """
    if not leads():
        yield Checkpoint(folder)
        return
    with locked_folder(folder, "training this very run"):
        yield Checkpoint(folder)
