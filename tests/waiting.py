"""What tells whether code can run on a GPU without waiting."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# What a GPU answers by waiting for all that it was told before.
READS = (
    "_local_scalar_dense",
    "item",
    "is_nonzero",
    "equal",
    "nonzero",
    "masked_select",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
)


class NoHostReads(TorchDispatchMode):
    """Fails on every operation, forward or backward, whose result the host has to see."""

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        name = operation.overloadpacket.__name__
        if name in READS or (name.startswith("index") and _masked(arguments)):
            raise AssertionError(f"{name} makes the host wait for the device")
        return operation(*arguments, **(named or {}))


def _masked(arguments):
    """Whether an indexing is by a mask, whose result has a size that depends on values."""
    indices = next((a for a in arguments if isinstance(a, list | tuple)), ())
    return any(index is not None and index.dtype == torch.bool for index in indices)
