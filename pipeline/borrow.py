"""params.yaml changed for the time of an experiment, and DVC run on it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from clfer.errors import InputError
from clfer.files import replacing
from clfer.scratch import held
from pipeline import paths
from pipeline.params import PARAMS, everything

MARK = "# `clfer experiment` wrote this for the time of its run and puts the original back\n"
LOCK = Path("dvc.lock")
PATIENCE = 60  # seconds that DVC and an interrupted stage get to end by themselves
PAUSE = 2  # seconds between two interrupts

Write = Callable[[Mapping[str, Any]], None]


@contextmanager
def borrowed(overrides: Sequence[str]) -> Iterator[Write]:
    """A function that replaces blocks of params.yaml, which comes back as it was when the block
    ends, however it does.

    overrides: settings as `dvc exp run -S` takes them, applied first. The original waits in
    .scratch; where a run was killed before it could put it back, this does. Raises InputError where
    another experiment is running here, or an override is none.
    """
    folder = paths.BASE / ".scratch" / "experiment"
    saved = folder / PARAMS.name
    with held(folder, "running an experiment here"):
        if saved.exists() and PARAMS.is_file() and PARAMS.read_text().startswith(MARK):
            shutil.copy(saved, PARAMS)
        everything.cache_clear()
        everything()  # says what is wrong with the file before anything is written
        with replacing(saved) as temporary:
            shutil.copy(PARAMS, temporary)
        previous = signal.signal(signal.SIGTERM, _terminated)
        try:
            _override(saved, overrides)
            settings = dict(everything())
            yield lambda blocks: _write({**settings, **blocks})
        finally:
            with replacing(PARAMS) as temporary:
                shutil.copy(saved, temporary)
            saved.unlink()
            everything.cache_clear()
            signal.signal(signal.SIGTERM, previous)


def repro(targets: Sequence[str]) -> None:
    """`dvc repro` of these stages. Interrupted, it takes the running stage down with it.

    Raises InputError where a stage fails, which has said why itself, or where dvc.lock is damaged.
    """
    _check_lock()
    here = Path(sys.executable).parent
    found = os.environ | {"PATH": f"{here}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [sys.executable, "-m", "dvc", "repro", *targets]
    running = subprocess.Popen(command, env=found, start_new_session=True)
    try:
        status = running.wait()
    except BaseException:
        _stop(running)
        raise
    if status:
        raise InputError(
            "dvc repro: expected every cell to be trained and scored, one was not (see above); "
            "mend that and start the experiment again: what is done is kept"
        )


def _check_lock() -> None:
    """InputError where dvc.lock is there and is none, of which DVC says no more than that."""
    if not LOCK.exists():
        return
    try:
        found = YAML(typ="safe", pure=True).load(LOCK)
        if isinstance(found, dict) and isinstance(found.get("stages", {}), dict):
            return
        reason = "no mapping of stages"
    except (YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
    raise InputError(
        f"{LOCK}: expected what DVC noted of each stage, found it damaged ({reason}); bring it "
        f"back by `git checkout {LOCK}`, or delete it: DVC then takes from its cache what fits"
    )


def _stop(running: subprocess.Popen[bytes]) -> None:
    """Interrupt the stages of DVC until it ends by itself, as it does when one fails.

    DVC is not interrupted: it writes dvc.lock in place, and would leave half of it.
    """
    until = time.monotonic() + PATIENCE
    while running.poll() is None and time.monotonic() < until:
        for stage in psutil.Process(running.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                stage.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            running.wait(PAUSE)
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def _terminated(*_: object) -> None:
    """TERM ends as Ctrl-C does, by an exception, so that what was borrowed goes back."""
    sys.exit(128 + signal.SIGTERM)


def _override(original: Path, overrides: Sequence[str]) -> None:
    """Apply overrides to a copy of params.yaml, and read that from now on."""
    with replacing(PARAMS) as temporary:
        shutil.copy(original, temporary)
        if overrides:
            _apply(temporary, overrides)
        temporary.write_text(MARK + temporary.read_text())
    everything.cache_clear()


def _apply(path: Path, overrides: Sequence[str]) -> None:
    """Change the file as `dvc exp run -S` would."""
    from dvc.exceptions import InvalidArgumentError
    from dvc.utils.hydra import apply_overrides

    try:
        apply_overrides(path, list(overrides))
    except InvalidArgumentError as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise InputError(
            f"-S: expected settings of {PARAMS} such as train.lr=0.002, "
            f"found {' '.join(overrides)}: {reason}"
        ) from error


def _write(content: Mapping[str, Any]) -> None:
    """Replace params.yaml."""
    with replacing(PARAMS) as temporary, temporary.open("w") as file:
        file.write(MARK)
        YAML(typ="safe", pure=True).dump(content, file)
    everything.cache_clear()
