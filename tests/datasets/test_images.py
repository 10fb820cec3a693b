"""The index of a user's images, the images themselves, and the archive that is downloaded."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from image_trees import encoded, fetched, has, noise, plant, zipped

from clfer.datasets import folder as dataset
from clfer.datasets import index
from clfer.datasets.images import ImageFiles, pictures
from clfer.datasets.listing import File, listing
from clfer.errors import InputError
from clfer.pictures import UnreadableError
from clfer.progress import silent


def written(folder, raw, named=None):
    return index.write(raw, named or folder, folder, listing(folder, raw, silent).images, silent)


def test_the_index_has_every_image_and_its_digest_and_the_same_bytes_each_time(tmp_path):
    there = plant(tmp_path / "there", {f"é {number}.png": number for number in range(450)})
    zipped(there / "more.zip", {"a.png": 1000})
    for raw in ("first", "again"):
        assert written(there, tmp_path / raw) == 0
    table = pl.read_parquet(tmp_path / "first" / index.INDEX)
    assert table.schema == {"path": pl.String, "size": pl.Int64, "sha256": pl.String}
    assert table["path"].to_list() == sorted(table["path"]) == index.paths(tmp_path / "first")
    assert len(table) == 451
    for path, size, digest in table.filter(pl.col("path") != "more.zip/a.png").tail(9).iter_rows():
        content = (there / path).read_bytes()
        assert (size, digest) == (len(content), sha256(content).hexdigest())
    inside = table.filter(path="more.zip/a.png").row(0)
    assert inside[1:] == (len(encoded(1000)), sha256(encoded(1000)).hexdigest())
    for name in ("files.parquet", "folder.txt"):
        first, again = (tmp_path / raw / name for raw in ("first", "again"))
        assert first.read_bytes() == again.read_bytes()


def row_of(folder, *names):
    return pl.DataFrame({"name": names}, schema={"name": pl.String})


@pytest.fixture
def there(tmp_path):
    """A folder with images and zips, indexed under a name relative to `tmp_path`."""
    folder = tmp_path / "my images/ü"
    plant(folder, {"a.png": 1, "b.bmp": 2, "c.tiff": 3, "broken.png": "no image"})
    zipped(folder / "z.zip", {"d/e.png": 4, "d/big.png": encoded(5)})
    written(folder, tmp_path / "raw", folder.relative_to(tmp_path))
    return folder


def test_pictures_are_read_where_they_lie(there, tmp_path):
    table = row_of(there, "c.tiff", "z.zip/d/e.png", "a.png", "b.bmp", "a.png")
    found = pictures(tmp_path / "raw", tmp_path)(table)
    assert len(found) == 5
    for row, seed in enumerate((3, 4, 1, 2, 1)):
        assert np.array_equal(found[row], noise(seed))
    assert np.array_equal(found[-1], noise(1))
    assert np.array_equal(found[1:3][0], noise(4))
    with pytest.raises(IndexError):
        found[5]


def test_pictures_may_be_read_from_many_threads_and_processes(there, tmp_path):
    names = ["a.png", "z.zip/d/e.png", "z.zip/d/big.png", "b.bmp"] * 20
    found = pictures(tmp_path / "raw", tmp_path)(row_of(there, *names))
    expected = [noise(seed) for seed in (1, 4, 5, 2) * 20]
    with ThreadPoolExecutor(8) as threads:
        images = list(threads.map(found.__getitem__, range(len(found))))
    assert all(map(np.array_equal, images, expected))
    assert np.array_equal(pickle.loads(pickle.dumps(found))[1], noise(4))
    with get_context("fork").Pool(2) as processes:
        images = processes.map(found.__getitem__, range(len(found)), chunksize=1)
    assert all(map(np.array_equal, images, expected))


def test_what_the_index_does_not_have_is_no_picture(there, tmp_path):
    """Names before, between and behind those that it has."""
    names = ["a.pnf", "a.png", "a.pnh", "zz.png", "ü.png", None]
    found = pictures(tmp_path / "raw", tmp_path)(row_of(there, *names))
    assert np.array_equal(found[1], noise(1))
    assert found.sizes.to_list() == [None, len(encoded(1)), None, None, None, None]
    index.write(tmp_path / "none", there.relative_to(tmp_path), there, [], silent)
    found = pictures(tmp_path / "none", tmp_path)(row_of(there, *names))
    assert found.sizes.to_list() == [None] * 6


def refusal(found, row):
    with pytest.raises(UnreadableError) as told:
        found[row]
    return str(told.value)


def test_a_picture_that_cannot_be_had_says_why(there, tmp_path):
    names = ["broken.png", None, "a.png", "z.zip/d/e.png", "b.bmp", "c.tiff"]
    found = pictures(tmp_path / "raw", tmp_path)(row_of(there, *names))
    assert refusal(found, 0) == "no image"
    assert refusal(found, 1) == "no file"
    (there / "a.png").unlink()
    assert refusal(found, 2) == "the file has gone"
    (there / "z.zip").unlink()  # its images are in the raw files
    assert np.array_equal(found[3], noise(4))
    (there / "b.bmp").write_bytes(b"shorter")
    assert "7 bytes where the index has" in refusal(found, 4)
    assert np.array_equal(found[5], noise(3))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_an_image_that_may_not_be_read_is_set_aside(tmp_path):
    there = plant(tmp_path / "there", {"a.png": 1, "b.png": 2})
    (there / "a.png").chmod(0)
    assert written(there, tmp_path / "raw") == 1


def test_the_index_is_of_files_below_the_folder_of_the_params(tmp_path):
    index.write(tmp_path, index.Path("data/external/x y"), tmp_path, [File("a.png", 3)], silent)
    assert index.folder(tmp_path) == index.Path("data/external/x y")
    assert isinstance(pictures(tmp_path, tmp_path)(row_of(tmp_path, "a.png")), ImageFiles)


def test_without_an_index_it_says_to_download(tmp_path):
    with pytest.raises(InputError, match=r"files\.parquet: expected the index.*download"):
        index.paths(tmp_path)


FILES = {
    f"{split}/{label}/1.png": number
    for number, (split, label) in enumerate(
        [("train", "cat"), ("train", "dog"), ("test", "cat"), ("test", "dog")]
    )
}


def brought(folder, url, raw, digest=None):
    source = dataset.Source(folder=folder, url=url, sha256=digest)
    return dataset.fetch(source, Path(), raw, silent)


def test_an_archive_is_downloaded_once_into_an_empty_folder(tmp_path, server):
    address, served = server
    archive = zipped(served / "my faces.zip", FILES)
    digest = sha256(archive.read_bytes()).hexdigest()
    placed, url = tmp_path / "placed", f"{address}/my%20faces.zip"
    lines = brought(placed, url, tmp_path / "raw", digest)
    assert lines[0] == f"my faces.zip: from {url}, SHA-256 as given"
    assert has(lines, "images: 4, ", f"read in place from {placed}, archives unpacked")
    assert os.listdir(placed) == ["my faces.zip"]
    archive.unlink()
    assert not has(brought(placed, url, tmp_path / "again", digest), "from http")
    with pytest.raises(InputError, match=r"my faces.zip: expected SHA-256 0+, found .*; remove it"):
        brought(placed, url, tmp_path / "other", "0" * 64)


def test_nothing_is_downloaded_beside_files(tmp_path, dead_address):
    plant(tmp_path / "placed", FILES)
    lines = brought(tmp_path / "placed", f"{dead_address}/faces.zip", tmp_path / "raw")
    assert has(lines, "images: 4, ")
    assert not (tmp_path / "raw/unpacked").exists()


def test_an_address_of_no_archive_is_told(tmp_path, dead_address):
    with pytest.raises(InputError, match=r"expected the address of an archive \(\.zip, \.tar"):
        brought(tmp_path, f"{dead_address}/faces.rar", tmp_path / "raw")


def test_without_images_it_says_what_there_is(tmp_path):
    for files, found in (
        ({"faces.rar": "x"}, r"no image but faces\.rar: unpack it there, a \.rar is not read"),
        ({"a.txt": "x"}, r"1 files, none of them an image \(first: a\.txt\)"),
        ({}, "an empty folder"),
    ):
        there = tmp_path / str(len(found))
        there.mkdir()
        with pytest.raises(InputError, match=rf"found {found}; put them there"):
            fetched(dataset, plant(there, files), tmp_path / "raw")
