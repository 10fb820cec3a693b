"""Sessions of onnxruntime, on the CPU or a GPU."""

import re
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from clfer.errors import InputError, in_one_line

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
DEVICE = re.compile(r"cpu|cuda(?::([0-9]+))?")


def open_session(path: Path, device: str | None, threads: int) -> tuple[Any, str]:
    """A session of the model in a file, and the device that it has: cpu or cuda:N.

    device:  cpu, cuda or cuda:N; None: cpu
    threads: of one call on the CPU

    InputError where onnxruntime has no such device here: left to itself, it would take the CPU and
    say nothing. Whatever onnxruntime raises where the file is no model.
    """
    import onnxruntime  # seconds, and not needed without a model

    named = DEVICE.fullmatch(device or "cpu")
    if not named:
        raise InputError(
            f"--device: expected cpu, cuda or cuda:N for {path.name}, found '{device}'; take one "
            "of them"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # waiting threads shall not take the cores from whoever computes meanwhile
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # errors are raised as well
    # of bytes onnxruntime reads no weights from other files
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=[CPU], enable_fallback=0
    )
    if named[0] == "cpu":
        return session, "cpu"
    number, reason = int(named[1] or 0), "see above"
    onnxruntime.set_default_logger_severity(3)  # errors, which name the libraries that are missing
    with redirect_stdout(sys.stderr), warnings.catch_warnings(action="ignore"):
        try:
            onnxruntime.preload_dlls()  # CUDA as pip installs it
            session.set_providers([(CUDA, {"device_id": number}), CPU])
            if session.get_providers()[0] == CUDA:
                return session, f"cuda:{number}"
        except Exception as error:  # of as many kinds as there are drivers
            reason = in_one_line(error)
    available = onnxruntime.get_available_providers()
    if CUDA in available:
        found, remedy = f"one that fails ({reason})", "give it that GPU, its CUDA and its cuDNN"
    else:
        found, remedy = ", ".join(available), "install onnxruntime-gpu in the place of onnxruntime"
    raise InputError(
        f"--device: expected {CUDA} in onnxruntime for {path.name}, found {found}; {remedy}, or "
        "take --device cpu"
    )
