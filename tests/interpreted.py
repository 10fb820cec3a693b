"""Code for Triton in a process of its own, since an interpreted kernel stays so."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from closure import ROOT


def run(code: str, cache: Path, **environment: str) -> Any:
    """What the code prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "TRITON_CACHE_DIR": str(cache), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
