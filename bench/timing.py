"""Medians of what was timed in turn, and processes watched from outside (Linux only)."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

POLL = 0.02  # seconds between looks at the processes' memory
PROCESSES = Path("/proc")


def medians(subjects: Mapping, rounds: int = 9, warmup: int = 3) -> dict:
    """Median milliseconds of each subject, a function; all take their turns."""
    taken = {name: [] for name in subjects}
    for turn in range(-warmup, rounds):
        for name, work in subjects.items():
            started = time.perf_counter()
            work()
            if turn >= 0:
                taken[name].append(1000 * (time.perf_counter() - started))
    return {name: statistics.median(values) for name, values in taken.items()}


def watched(command: list[str], folder: Path, *fields: str) -> tuple[float, ...]:
    """Seconds of `clfer COMMAND`, and of each field of /proc/PID/status, added up over its
    processes, the highest MiB: RssAnon, which no file holds, or VmHWM, all of it.
    """
    started, highest = time.perf_counter(), dict.fromkeys(fields, 0)
    command = [sys.executable, "-m", "pipeline", *command]
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    while running.poll() is None:
        lines: list[str] = []
        for process in family(running.pid):
            with suppress(OSError):
                lines += (PROCESSES / str(process) / "status").read_text().splitlines()
        for field in fields:
            now = sum(int(line.split()[1]) for line in lines if line.startswith(field))
            highest[field] = max(highest[field], now)
        time.sleep(POLL)
    if running.returncode:
        sys.exit(f"{' '.join(command)} failed")
    return time.perf_counter() - started, *(highest[field] / 1024 for field in fields)


def family(process: int) -> Iterator[int]:
    """A process and those that it started. Any of them may end meanwhile."""
    yield process
    with suppress(OSError):
        for task in list(PROCESSES.joinpath(str(process), "task").iterdir()):
            with suppress(OSError):
                for child in (task / "children").read_text().split():
                    yield from family(int(child))
