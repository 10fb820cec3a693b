"""Files of torch.save, of which nothing is ever run as code."""

import zipfile
from pathlib import Path
from typing import Any

import torch

ZIP = b"PK\x03\x04"  # what torch takes for one


def load(path: Path) -> Any:
    """What torch.save has written, on the CPU: tensors and plain values.

    ValueError: it would unpack to more than the file has; torch's own errors where it is broken.
    """
    with path.open("rb") as file:
        packed = file.read(len(ZIP)) == ZIP
    if packed:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > path.stat().st_size:
            raise ValueError(f"{unpacked:,} bytes in a file of {path.stat().st_size:,}")
    return torch.load(path, map_location="cpu", weights_only=True)
