"""What Git says of the checkout: the commit, and what is not as in it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.params import PARAMS

# of all files that differ from the commit, these can change a result
CODE = ("clfer", "pipeline", "dvc.yaml", "requirements.lock")


def commit() -> str | None:
    """The short name of the commit checked out; None without Git or a commit."""
    said = _git("rev-parse", "--short", "HEAD")
    return said.strip() if said else None


def changed() -> list[str]:
    """The code that is not as in the commit, new files included."""
    said = _git("status", "--porcelain", "-z", "--no-renames", "--", *CODE) or ""
    return sorted(entry[3:] for entry in said.split("\0") if entry)


def committed() -> Mapping[str, Any] | None:
    """params.yaml as it stands in the commit; None where that has none."""
    said = _git("show", f"HEAD:./{PARAMS}")
    try:
        found = YAML(typ="safe", pure=True).load(said) if said else None
    except YAMLError:
        return None
    return found if isinstance(found, dict) else None


def _git(*arguments: str) -> str | None:
    """What it prints of the checkout's own repository, not of one that the checkout lies in; None
    where it fails or is not installed.
    """
    own = {**os.environ, "GIT_CEILING_DIRECTORIES": str(Path.cwd().parent)}
    how: Any = {"encoding": "utf-8", "errors": "surrogateescape", "env": own}
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=True, **how)
    except (OSError, subprocess.CalledProcessError):
        return None
    return str(done.stdout)
