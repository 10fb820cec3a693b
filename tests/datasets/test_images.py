"""The images of a user's folder: which files count, what is in archives, the index and reading."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from multiprocessing import get_context

import numpy as np
import polars as pl
import pytest
from fer2013_forms import tar
from image_trees import encoded, has, noise, plant, zipped

from clfer.datasets import images
from clfer.datasets.images import located, pictures
from clfer.errors import InputError
from clfer.pictures import UnreadableError
from clfer.progress import silent


def listing(folder):
    """Of a folder, whose archives are extracted below `raw` beside it."""
    return images.listing(folder, folder.parent / "raw", silent)


def paths(folder):
    return [file.path for file in listing(folder).files]


def written(folder, raw, named=None):
    files = images.listing(folder, raw, silent).images
    return images.index(raw, named or folder, folder, files, silent)


def test_the_index_has_every_image_and_its_digest_and_the_same_bytes_each_time(tmp_path):
    there = plant(tmp_path / "there", {f"é {number}.png": number for number in range(450)})
    zipped(there / "more.zip", {"a.png": 1000})
    for raw in ("first", "again"):
        assert written(there, tmp_path / raw) == 0
    table = pl.read_parquet(tmp_path / "first" / images.INDEX)
    assert table.schema == {"path": pl.String, "size": pl.Int64, "sha256": pl.String}
    assert table["path"].to_list() == sorted(table["path"]) == images.indexed(tmp_path / "first")
    assert len(table) == 451
    for path, size, digest in table.iter_rows():
        content = located(tmp_path / "first", there, path).read_bytes()
        assert (size, digest) == (len(content), sha256(content).hexdigest())
    for name in ("files.parquet", "folder.txt"):
        first, again = (tmp_path / raw / name for raw in ("first", "again"))
        assert first.read_bytes() == again.read_bytes()


@pytest.fixture
def there(tmp_path):
    """A folder with images and zips, indexed under a name relative to `tmp_path`."""
    files = {"a.png": 1, "b.bmp": 2, "c.tiff": 3, "broken.png": "no image"}
    folder = plant(tmp_path / "my images/ü", files)
    zipped(folder / "z.zip", {"d/e.png": 4, "d/big.png": encoded(5)})
    written(folder, tmp_path / "raw", folder.relative_to(tmp_path))
    return folder


@pytest.fixture
def opened(there, tmp_path):
    """The pictures of these names."""
    schema = {"name": pl.String}
    return lambda *name: pictures(tmp_path / "raw", tmp_path)(pl.DataFrame({"name": name}, schema))


def test_pictures_are_read_from_many_threads_and_processes(opened):
    names = ["a.png", "z.zip/d/e.png", "z.zip/d/big.png", "b.bmp", "c.tiff"] * 20
    found, rows = opened(*names), range(len(names))
    expected = [noise(seed) for seed in (1, 4, 5, 2, 3) * 20]
    with ThreadPoolExecutor(8) as threads:
        assert all(map(np.array_equal, threads.map(found.__getitem__, rows), expected))
    assert np.array_equal(pickle.loads(pickle.dumps(found))[1], noise(4))
    with get_context("fork").Pool(2) as processes:
        got = processes.map(found.__getitem__, rows, chunksize=1)
    assert all(map(np.array_equal, got, expected))


def test_what_the_index_does_not_have_is_no_picture(there, opened, tmp_path):
    """Names before, between and behind those that it has."""
    names = ["a.pnf", "a.png", "a.pnh", "zz.png", "ü.png", None]
    found = opened(*names)
    assert np.array_equal(found[1], noise(1))
    assert found.files["size"].to_list() == [None, len(encoded(1)), None, None, None, None]
    images.index(tmp_path / "raw", there.relative_to(tmp_path), there, [], silent)
    assert opened(*names).files["size"].to_list() == [None] * 6


def test_a_picture_that_cannot_be_had_says_why(there, opened):
    found = opened("broken.png", None, "a.png", "z.zip/d/e.png", "b.bmp", "c.tiff")

    def refusal(row):
        with pytest.raises(UnreadableError) as error:
            found[row]
        return str(error.value)

    assert refusal(0) == "no image"
    assert refusal(1) == "no file"
    (there / "a.png").unlink()
    assert refusal(2) == "no such file or directory"
    (there / "z.zip").unlink()  # its images are in the raw files
    assert np.array_equal(found[3], noise(4))
    (there / "b.bmp").write_bytes(b"shorter")
    assert "7 bytes where the index has" in refusal(4)
    assert np.array_equal(found[5], noise(3))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_an_image_that_may_not_be_read_is_set_aside(tmp_path):
    there = plant(tmp_path / "there", {"a.png": 1, "b.png": 2})
    (there / "a.png").chmod(0)
    assert written(there, tmp_path / "raw") == 1


def test_without_an_index_it_says_to_download(tmp_path):
    with pytest.raises(InputError, match=r"files\.parquet: expected the index.*download"):
        images.indexed(tmp_path)


def test_every_file_is_listed_with_its_size_and_junk_is_not(tmp_path):
    files = {"b/ä ö/x y.JPG": 1, "a.Png": 2, "notes.txt": "abc", ".hidden.png": 3, "b/._a.png": 4}
    junk = {"__MACOSX/a.png": 4, "b/Thumbs.db": "x", "b/desktop.ini": "x"}
    there = plant(tmp_path / "there", files | junk)
    found = listing(there)
    assert [file.path for file in found.files] == ["a.Png", "b/ä ö/x y.JPG", "notes.txt"]
    assert [file.path for file in found.images] == ["a.Png", "b/ä ö/x y.JPG"]
    assert all(file.size == (there / file.path).stat().st_size for file in found.files)
    assert found.remarks == []


@pytest.mark.parametrize("kind", [".ZIP", ".tar.gz"])
def test_an_archive_counts_as_a_folder_of_its_name(tmp_path, kind):
    there = plant(tmp_path / "there", {"Image/c.png": 3})
    files = {"aligned/ü.png": encoded(1), "aligned/deep/b.png": encoded(2), "a/.hidden.png": b"x"}
    if kind == ".ZIP":
        zipped(there / "Image/aligned.ZIP", files)
    else:
        (there / "Image/aligned.tar.gz").write_bytes(tar(files))
    found = listing(there)
    assert [file.path for file in found.files] == [
        f"Image/aligned{kind}/aligned/deep/b.png",
        f"Image/aligned{kind}/aligned/ü.png",
        "Image/c.png",
    ]
    places = [located(tmp_path / "raw", there, file.path) for file in found.files]
    assert [place.stat().st_size for place in places] == [file.size for file in found.files]
    # nothing is written there
    assert {path.name for path in there.rglob("*")} == {"Image", f"aligned{kind}", "c.png"}


def test_an_archive_beside_its_own_files_is_not_taken_twice(tmp_path):
    there = plant(tmp_path / "there", {"a/x.png": 1, "b/Y.PNG": 2, "z/c.png": 3})
    zipped(there / "first.zip", {"a/x.png": 1, "b/y.png": 2, "new.png": 4})
    zipped(there / "z.zip", {"c.png": 3})
    found = listing(there)
    names = ["a/x.png", "b/Y.PNG", "first.zip/new.png", "z/c.png"]
    assert [file.path for file in found.files] == names
    assert has(found.remarks, "lie unpacked beside them: 2 (first: first.zip/a/x.png)")
    assert has(found.remarks, "taken to be unpacked there: 1 (first: z.zip)")
    assert [p.name for p in (tmp_path / "raw").rglob("*") if p.is_file()] == ["new.png"]


def test_an_archive_in_an_archive_and_one_of_another_kind(tmp_path):
    inner = zipped(tmp_path / "elsewhere/in.zip", {"a.png": 1}).read_bytes()
    zipped(tmp_path / "there/out.zip", {"b.png": 2, "c/in.zip": inner})
    (tmp_path / "there/faces.RAR").write_bytes(b"x")
    found = listing(tmp_path / "there")
    assert [file.path for file in found.files] == ["out.zip/b.png"]
    assert found.archives == ["faces.RAR"]
    assert has(found.remarks, "archives in an archive", ": 1 (first: out.zip/c/in.zip)")


def test_links_out_of_the_folder_are_not_followed_and_loops_end(tmp_path):
    plant(tmp_path / "elsewhere", {"secret.png": 1})
    there = plant(tmp_path / "there", {"a/x.png": 2})
    outside = {"out.png": tmp_path / "elsewhere/secret.png", "out": tmp_path / "elsewhere"}
    loops = {"a/loop": there, "a/up": "..", "broken.png": there / "none.png", "b.png": "a/x.png"}
    for name, target in (outside | loops).items():
        (there / name).symlink_to(target)
    (tmp_path / "link").symlink_to(there)
    for folder in (there, tmp_path / "link"):
        assert paths(folder) == ["a/x.png", "b.png"]
        assert has(listing(folder).remarks, "links out of the folder, not followed: 2")


def test_a_name_that_is_no_utf_8_is_named(tmp_path):
    there = plant(tmp_path / "there", {"a.png": 1})
    (there / os.fsdecode(b"caf\xe9.png")).write_bytes(encoded(2))
    assert paths(there) == ["a.png"]
    assert has(listing(there).remarks, "no UTF-8", "1 (first: caf?.png)")
