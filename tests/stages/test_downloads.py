"""Downloading a dataset through the command line: the messages, and the files that are left."""

import hashlib
import shutil

import numpy as np
import polars as pl
import pytest
from checkouts import done, edit, refused
from PIL import Image
from serving import file, serving, status
from test_commands import checkout as checkout

NAMES = ("train_00001", "train_00002", "test_0001")
LIST = "train_00001.jpg 5\ntrain_00002.jpg 4\ntest_0001.jpg 6\n"


@pytest.fixture
def site():
    with serving() as site:
        yield site


def packed(folder, kind):
    """A RAF-DB of three images of noise, as an archive."""
    (folder / "tree/basic/EmoLabel").mkdir(parents=True)
    (folder / "tree/basic/Image/aligned").mkdir(parents=True)
    (folder / "tree/basic/EmoLabel/list_patition_label.txt").write_text(LIST)
    for name in NAMES:
        noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"tree/basic/Image/aligned/{name}_aligned.jpg")
    archive = shutil.make_archive(folder / "archive", kind, folder / "tree")
    with open(archive, "rb") as packed:
        return packed.read()


def aim(checkout, url, sha256):
    """Name the archive in the params of raf_db."""
    at = "folder: data/external/raf_db, "
    edit(checkout, (f"{at}url: null, sha256: null", f'{at}url: "{url}", sha256: {sha256}'))


def left(checkout):
    """What lies in data/, by its path."""
    data = checkout / "data"
    return sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file())


@pytest.mark.parametrize(("name", "kind"), [("RAF-DB.zip", "zip"), ("RAF-DB.tar.gz", "gztar")])
def test_an_archive_is_downloaded_extracted_and_read(checkout, site, name, kind, tmp_path_factory):
    content = packed(tmp_path_factory.mktemp("packed"), kind)
    url = site.put(f"/{name}", status(404))
    aim(checkout, url, hashlib.sha256(content).hexdigest())
    assert refused(checkout, "download", "raf_db") == (
        f"error: {name}: expected a download from {url}, found HTTP 404; fetch it by hand and put "
        f"it at data/external/raf_db/{name}"
    )
    assert left(checkout) == []

    site.put(f"/{name}", file(content, upto=len(content) // 2), file(content))
    printed = done(checkout, "download", "raf_db").splitlines()
    assert printed[1] == f"  {name}: from {url}, SHA-256 as given"
    assert any(line.startswith("  images: 3, ") for line in printed)

    site.put(f"/{name}", status(404))
    done(checkout, "download", "raf_db")  # what was downloaded stays
    assert len(list((checkout / f"data/raw/raf_db/unpacked/{name}").rglob("*.jpg"))) == 3
    done(checkout, "relabel", "raf_db")
    table = pl.read_parquet(checkout / "data/labels/raf_db.parquet")
    assert set(table.select("usage", "label").iter_rows()) == {
        ("train", "sadness"),
        ("train", "happiness"),
        ("test", "anger"),
    }


def test_other_bytes_than_given_leave_nothing(checkout, site):
    url = site.put("/RAF-DB.zip", file(b"other bytes"))
    aim(checkout, url, "f" * 64)
    line = refused(checkout, "download", "raf_db")
    found = hashlib.sha256(b"other bytes").hexdigest()
    assert f"{url}: expected SHA-256 {'f' * 64}, found {found}; fetch it by hand" in line
    assert left(checkout) == []
    edit(checkout, ("f" * 64, "f" * 32))
    assert "datasets.raf_db.source.sha256" in refused(checkout, "download", "raf_db")
