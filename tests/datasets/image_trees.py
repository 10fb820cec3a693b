"""Small trees of noise images in the layouts of real datasets."""

import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from clfer.errors import InputError
from clfer.progress import silent

COLUMNS = ["row", "name", "usage", "votes", "label", "target", "landmarks", "box"]
FORMS = {"jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF", "tiff": "TIFF"}


def noise(seed, width=12, height=10):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(pixels, form="PNG", **options):
    """These pixels, or noise of this seed, as a file; PNG and BMP keep every pixel."""
    file = io.BytesIO()
    pixels = noise(pixels) if isinstance(pixels, int) else pixels
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def plant(folder: Path, files: dict) -> Path:
    """Files of this content: a number is the seed of an image, a text is text."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(as_bytes(path, content))
    return folder


def as_bytes(path, content):
    if isinstance(content, int):
        ending = path.rpartition(".")[2].lower()
        return encoded(content, FORMS.get(ending, ending.upper()))
    return content.encode() if isinstance(content, str) else content


def zipped(path: Path, files: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, as_bytes(name, content))
    return path


def array(values, **how):
    file = io.BytesIO()
    np.save(file, np.asarray(values), **how)
    return file.getvalue()


def fetched(module, folder: Path, raw: Path, url=None, sha256=None) -> list[str]:
    """`fetch` of a folder."""
    raw.mkdir(exist_ok=True)
    source = module.Source(folder=folder, url=url, sha256=sha256)
    return module.fetch(source, Path(), raw, silent)


def labelled(module, folder: Path, raw: Path, **labels) -> tuple[pl.DataFrame, list[str]]:
    """`fetch` and `label` of a folder; the table is what `clfer.datasets.labels` promises."""
    fetched(module, folder, raw)
    table, remarks = module.label(raw, module.Labels(**labels))
    assert table.columns == COLUMNS
    assert table["row"].to_list() == list(range(len(table)))
    assert isinstance(table.schema["label"], pl.Enum)
    assert table["votes"].null_count() == len(table)
    assert (table["label"].is_null() == table["target"].is_null()).all()
    assert all(sum(target) == 1 for target in table["target"].drop_nulls())
    assert all("\n" not in line for line in remarks)
    return table, remarks


def refused(module, folder: Path, raw: Path, **labels) -> str:
    """The line with which `fetch`, or `label` after it, refuses a folder."""
    with pytest.raises(InputError) as error:
        labelled(module, folder, raw, **labels)
    line = str(error.value)
    assert "\n" not in line
    assert len(line) < 1000
    return line


def has(remarks, *words):
    """Whether one line says all of this."""
    return any(all(word in line for word in words) for line in remarks)
