"""A reader in a process of its own: what it says, how much memory it takes, how long."""

import subprocess
import sys
import time
from typing import NamedTuple

from closure import ROOT

# the peak of the process that reads, before and after: what was imported does not count
SCRIPT = """
import re, sys
from pathlib import Path
from clfer.errors import InputError
from clfer.pictures import UnreadableError
{imports}
def peak():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) << 10
path = Path(sys.argv[1])
{before}
start = peak()
try:
    {call}
    said = "nothing"
except (InputError, UnreadableError) as error:
    said = str(error)
print(peak() - start, flush=True)
sys.stdout.buffer.write(said.encode())
"""


class Watched(NamedTuple):
    """grown: bytes by which the peak of memory rose; seconds: with the start of Python"""

    line: str
    grown: int
    seconds: float


def watched(imports, call, path, before=""):
    """What a statement that reads `path` is refused with, "nothing" where it is not."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(imports=imports, call=call, before=before), str(path)],
        cwd=ROOT,
        capture_output=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr.decode()
    grown, _, line = done.stdout.decode().partition("\n")
    return Watched(line, int(grown), time.monotonic() - start)
