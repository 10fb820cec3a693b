"""The array in a .npy file, of which nothing is ever unpickled."""

import io
import math

import numpy as np
from jaxtyping import Shaped


def array(content: bytes) -> Shaped[np.ndarray, "..."]:
    """The array of a .npy whose header declares as many bytes as there are.

    ValueError: it is none, is pickled, or declares another size.
    """
    try:
        return _array(content)
    except Exception as error:  # numpy trips over broken headers in many ways
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(reason[:120]) from error


def _array(content: bytes) -> Shaped[np.ndarray, "..."]:
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) == (1, 0):
        shape, by_column, kind = np.lib.format.read_array_header_1_0(file)
    else:
        file.seek(0)
        np.lib.format.read_magic(file)
        shape, by_column, kind = np.lib.format.read_array_header_2_0(file)
    left = len(content) - file.tell()
    if kind.hasobject:
        raise ValueError("a pickled array")
    if math.prod(shape) * kind.itemsize != left:
        raise ValueError(f"{left} bytes for an array {list(shape)} of {kind}")
    values = np.frombuffer(content, kind, offset=file.tell())
    return values.reshape(shape, order="F" if by_column else "C")
