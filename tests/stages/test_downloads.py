"""A dataset that is downloaded, through the command line: what people are told, what is left."""

import hashlib
import io
import tarfile
import zipfile

import numpy as np
import polars as pl
import pytest
from checkouts import edit, here, refused
from PIL import Image
from serving import file, serving, status
from test_commands import checkout as checkout

NAMES = ("train_00001", "train_00002", "test_0001")
LIST = "train_00001.jpg 5\ntrain_00002.jpg 4\ntest_0001.jpg 6\n"


def tree():
    """A RAF-DB of three images of noise: path -> bytes."""
    generator = np.random.default_rng(0)
    found = {"basic/EmoLabel/list_patition_label.txt": LIST.encode()}
    for name in NAMES:
        image = io.BytesIO()
        Image.fromarray(generator.integers(0, 256, (100, 100, 3), np.uint8)).save(image, "JPEG")
        found[f"basic/Image/aligned/{name}_aligned.jpg"] = image.getvalue()
    return found


def packed(name):
    content = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(content, "w") as archive:
            for path, of_file in tree().items():
                archive.writestr(path, of_file)
    else:
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            for path, of_file in tree().items():
                info = tarfile.TarInfo(path)
                info.size = len(of_file)
                archive.addfile(info, io.BytesIO(of_file))
    return content.getvalue()


@pytest.fixture
def site():
    with serving() as site:
        yield site


def aim(checkout, url, sha256=""):
    """Name the archive in the params of raf_db."""
    at = "      folder: data/external/raf_db\n      url:"
    edit(checkout, (f"{at}\n      sha256:", f"{at} {url}\n      sha256: {sha256}"))


def left(checkout):
    """What lies in data/, by its path."""
    data = checkout / "data"
    return sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file())


@pytest.mark.parametrize("name", ["RAF-DB.zip", "RAF-DB.tar.gz"])
def test_an_archive_is_downloaded_extracted_and_read(checkout, site, name):
    content = packed(name)
    url = site.put(f"/{name}", status(404))
    aim(checkout, url, hashlib.sha256(content).hexdigest())
    line = refused(checkout, "download", "raf_db")
    assert line.startswith(
        f"error: {name}: expected a download from {url}, found HTTP 404; fetch it by hand and put "
        "it at "
    )
    assert line.endswith(f"data/external/raf_db/{name}")
    assert left(checkout) == []

    site.put(f"/{name}", file(content, upto=len(content) // 2), file(content))
    done = here(checkout, "download", "raf_db")
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert told[1] == f"  {name}: from {url}, SHA-256 as given"
    assert any(line.startswith("  images: 3, ") for line in told)

    site.put(f"/{name}", status(404))
    done = here(checkout, "download", "raf_db")  # what was brought stays
    assert done.returncode == 0, done.stderr
    raw = checkout / "data/raw/raf_db"
    assert len(list((raw / "unpacked" / name).rglob("*.jpg"))) == 3
    done = here(checkout, "relabel", "raf_db")
    assert done.returncode == 0, done.stderr
    table = pl.read_parquet(checkout / "data/labels/raf_db.parquet")
    assert set(table.select("usage", "label").iter_rows()) == {
        ("train", "sadness"),
        ("train", "happiness"),
        ("test", "anger"),
    }


def test_other_bytes_than_given_leave_nothing(checkout, site):
    content = packed("RAF-DB.zip")
    url = site.put("/RAF-DB.zip", file(content))
    aim(checkout, url, "f" * 64)
    line = refused(checkout, "download", "raf_db")
    found = hashlib.sha256(content).hexdigest()
    assert f"{url}: expected SHA-256 {'f' * 64}, found {found}; fetch it by hand" in line
    assert left(checkout) == []


def test_without_a_network(checkout, dead_address):
    aim(checkout, f"{dead_address}/RAF-DB.zip")
    assert refused(checkout, "download", "raf_db") == (
        f"error: RAF-DB.zip: expected a download from {dead_address}/RAF-DB.zip, found no "
        "connection (ConnectionError); fetch it by hand and put it at "
        "data/external/raf_db/RAF-DB.zip"
    )
    assert left(checkout) == []


def test_a_sha256_that_is_none(checkout):
    aim(checkout, "http://127.0.0.1/RAF-DB.zip", "d41d8cd98f00b204e9800998ecf8427e")
    assert "datasets.raf_db.source.sha256" in refused(checkout, "download", "raf_db")
