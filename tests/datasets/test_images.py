"""The images of a user's folder: which files count, what is in archives, the index and reading."""

import io
import os
import pickle
import tarfile
import unicodedata
import warnings
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_trees import as_bytes, encoded, has, noise, plant, zipped

from clfer.datasets import images
from clfer.datasets.images import File, ImageFiles, key, located, pictures
from clfer.errors import InputError
from clfer.pictures import UnreadableError
from clfer.progress import silent


def written(folder, raw, named=None):
    return images.index(
        raw, named or folder, folder, images.listing(folder, raw, silent).images, silent
    )


def test_the_index_has_every_image_and_its_digest_and_the_same_bytes_each_time(tmp_path):
    there = plant(tmp_path / "there", {f"é {number}.png": number for number in range(450)})
    zipped(there / "more.zip", {"a.png": 1000})
    for raw in ("first", "again"):
        assert written(there, tmp_path / raw) == 0
    table = pl.read_parquet(tmp_path / "first" / images.INDEX)
    assert table.schema == {"path": pl.String, "size": pl.Int64, "sha256": pl.String}
    assert table["path"].to_list() == sorted(table["path"]) == images.indexed(tmp_path / "first")
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
        got = list(threads.map(found.__getitem__, range(len(found))))
    assert all(map(np.array_equal, got, expected))
    assert np.array_equal(pickle.loads(pickle.dumps(found))[1], noise(4))
    with get_context("fork").Pool(2) as processes:
        got = processes.map(found.__getitem__, range(len(found)), chunksize=1)
    assert all(map(np.array_equal, got, expected))


def test_what_the_index_does_not_have_is_no_picture(there, tmp_path):
    """Names before, between and behind those that it has."""
    names = ["a.pnf", "a.png", "a.pnh", "zz.png", "ü.png", None]
    found = pictures(tmp_path / "raw", tmp_path)(row_of(there, *names))
    assert np.array_equal(found[1], noise(1))
    assert found.files["size"].to_list() == [None, len(encoded(1)), None, None, None, None]
    images.index(tmp_path / "none", there.relative_to(tmp_path), there, [], silent)
    found = pictures(tmp_path / "none", tmp_path)(row_of(there, *names))
    assert found.files["size"].to_list() == [None] * 6


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
    assert refusal(found, 2) == "no such file or directory"
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
    images.index(tmp_path, Path("data/external/x y"), tmp_path, [File("a.png", 3)], silent)
    assert images.folder_of(tmp_path) == Path("data/external/x y")
    assert isinstance(pictures(tmp_path, tmp_path)(row_of(tmp_path, "a.png")), ImageFiles)


def test_without_an_index_it_says_to_download(tmp_path):
    with pytest.raises(InputError, match=r"files\.parquet: expected the index.*download"):
        images.indexed(tmp_path)


def listing(folder):
    """Of a folder, whose archives are extracted below `raw` beside it."""
    return images.listing(folder, folder.parent / f"{folder.name}-raw", silent)


def paths(folder):
    return [file.path for file in listing(folder).files]


def tar(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(as_bytes(name, content))
            archive.addfile(info, io.BytesIO(as_bytes(name, content)))
    return path


def test_every_file_is_listed_with_its_size_and_junk_is_not(tmp_path):
    there = plant(
        tmp_path / "there",
        {
            "b/ä ö/x y.JPG": 1,
            "a.Png": 2,
            "notes.txt": "abc",
            ".hidden.png": 3,
            "__MACOSX/a.png": 4,
            "b/Thumbs.db": "x",
            "b/desktop.ini": "x",
            "b/._a.png": "x",
        },
    )
    found = listing(there)
    assert [file.path for file in found.files] == ["a.Png", "b/ä ö/x y.JPG", "notes.txt"]
    assert [file.path for file in found.images] == ["a.Png", "b/ä ö/x y.JPG"]
    assert [file.size for file in found.files] == [
        (there / file.path).stat().st_size for file in found.files
    ]
    assert found.remarks == []


@pytest.mark.parametrize("kind", [".ZIP", ".tar.gz"])
def test_an_archive_counts_as_a_folder_of_its_name(tmp_path, kind):
    there = tmp_path / "there"
    files = {"aligned/ü.png": 1, "aligned/deep/b.png": 2, "aligned/.hidden.png": 3}
    (tar if kind == ".tar.gz" else zipped)(there / f"Image/aligned{kind}", files)
    plant(there, {"Image/c.png": 3})
    found = listing(there)
    assert [file.path for file in found.files] == [
        f"Image/aligned{kind}/aligned/deep/b.png",
        f"Image/aligned{kind}/aligned/ü.png",
        "Image/c.png",
    ]
    for file in found.files:
        place = located(tmp_path / "there-raw", there, file.path)
        assert place.stat().st_size == file.size
    assert sorted(path.name for path in there.rglob("*")) == sorted(
        ["Image", f"aligned{kind}", "c.png"]  # nothing is written there
    )


def test_an_archive_beside_its_own_files_is_not_taken_twice(tmp_path):
    there = plant(tmp_path / "there", {"a/x.png": 1, "b/Y.PNG": 2, "z/c.png": 3})
    zipped(there / "first.zip", {"a/x.png": 1, "b/y.png": 2, "new.png": 4})
    zipped(there / "z.zip", {"c.png": 3})
    found = listing(there)
    names = ["a/x.png", "b/Y.PNG", "first.zip/new.png", "z/c.png"]
    assert [file.path for file in found.files] == names
    assert has(found.remarks, "lie unpacked beside them: 2 (first: first.zip/a/x.png)")
    assert has(found.remarks, "taken to be unpacked there: 1 (first: z.zip)")
    extracted = [p.name for p in (tmp_path / "there-raw").rglob("*") if p.is_file()]
    assert extracted == ["new.png"]


def test_an_archive_in_an_archive_and_one_of_another_kind(tmp_path):
    inner = zipped(tmp_path / "elsewhere/in.zip", {"a.png": 1}).read_bytes()
    zipped(tmp_path / "there/out.zip", {"b.png": 2, "c/in.zip": inner})
    (tmp_path / "there/faces.RAR").write_bytes(b"x")
    found = listing(tmp_path / "there")
    assert [file.path for file in found.files] == ["out.zip/b.png"]
    assert found.archives == ["faces.RAR"]
    assert has(found.remarks, "archives in an archive", ": 1 (first: out.zip/c/in.zip)")


PARTS = st.sampled_from(["a", "b.png", "..", ".", "", "C:", "\\", "ü", ".hidden", "a\\..\\b"])


@given(st.lists(PARTS, min_size=1, max_size=5).map("/".join).filter(bool))
def test_whatever_a_member_is_called_it_stays_below_its_archive_or_is_refused(name):
    with TemporaryDirectory() as folder:
        there = Path(folder) / "there"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            zipped(there / "z.zip", {name: b"x"})
        try:
            found = paths(there)
        except InputError as error:
            assert "unpack it by hand if you trust it" in str(error)  # noqa: PT017
            found = []
        assert all(path.startswith("z.zip/") for path in found)
        written = [p for p in Path(folder).rglob("*") if p.is_file() and p.name != "z.zip"]
        top = Path(folder) / "there-raw" / images.UNPACKED / "z.zip"
        assert all(top in path.resolve().parents for path in written)


def test_links_out_of_the_folder_are_not_followed_and_loops_end(tmp_path):
    plant(tmp_path / "elsewhere", {"secret.png": 1})
    plant(tmp_path / "there", {"a/x.png": 2})
    (tmp_path / "there/out.png").symlink_to(tmp_path / "elsewhere/secret.png")
    (tmp_path / "there/out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "there/a/loop").symlink_to(tmp_path / "there")
    (tmp_path / "there/a/up").symlink_to("..")
    (tmp_path / "there/broken.png").symlink_to(tmp_path / "there/none.png")
    (tmp_path / "there/b.png").symlink_to("a/x.png")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    for folder in (tmp_path / "there", tmp_path / "link"):
        found = listing(folder)
        assert [file.path for file in found.files] == ["a/x.png", "b.png"]
        assert has(found.remarks, "links out of the folder, not followed: 2")


def test_a_name_that_is_no_utf_8_is_said(tmp_path):
    plant(tmp_path, {"a.png": 1})
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(encoded(2))
    found = listing(tmp_path)
    assert [file.path for file in found.files] == ["a.png"]
    assert has(found.remarks, "no UTF-8", "1 (first: caf?.png)")


@pytest.mark.parametrize("other", ["CAFÉ.PNG", unicodedata.normalize("NFD", "café.png")])
def test_names_compare_whatever_their_case_and_accents_are_made_of(other):
    assert key(other) == key("café.png") == "café.png"
