"""Stage download: bring a dataset's files to data/raw, verified, or draw the demo's."""

import shutil
import tempfile
from pathlib import Path

from clfer.files import locked_folder
from pipeline import options, paths
from pipeline.console import say, track
from pipeline.params import dataset, settings


def download(name: options.Dataset) -> None:
    """Fetch and verify a dataset's published files (the demo's are drawn)."""
    module = dataset(name)
    source = settings(module.Source, "datasets", name, "source")
    raw = paths.raw(name)
    raw.parent.mkdir(parents=True, exist_ok=True)
    with locked_folder(paths.scratch(f"download-{name}"), f"downloading {name}"):
        for left in raw.parent.glob(f".{name}.*"):  # of a killed process
            shutil.rmtree(left, ignore_errors=True)
        # the folder appears whole or not at all
        with tempfile.TemporaryDirectory(dir=raw.parent, prefix=f".{name}.") as temporary:
            lines = module.fetch(source, paths.BASE, Path(temporary), track)
            shutil.rmtree(raw, ignore_errors=True)
            Path(temporary).rename(raw)
            Path(temporary).mkdir()  # for the context to remove
    raw.chmod(0o755)
    say(lines, f"download {name}: {raw}")
