"""Stage download: bring a dataset's files to data/raw, verified, or draw the demo's."""

import os
import shutil

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
        temporary = raw.with_name(f".{name}.{os.getpid()}")
        try:  # the folder appears whole or not at all
            temporary.mkdir()
            lines = module.fetch(source, paths.BASE, temporary, track)
            shutil.rmtree(raw, ignore_errors=True)
            temporary.rename(raw)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    say(lines, f"download {name}: {raw}")
