"""What the datasets that users have as folders share: listing, zips, the index and the pictures."""

import os
import pickle
import stat
import unicodedata
import warnings
import zipfile
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
from image_trees import encoded, has, noise, plant, zipped

from clfer.datasets import index, lists
from clfer.datasets.landmarks import five, ordered
from clfer.datasets.listing import File, listing
from clfer.datasets.names import key
from clfer.datasets.pictures import ImageFiles, pictures
from clfer.datasets.rows import attached, keyed, settled
from clfer.errors import InputError
from clfer.pictures import UnreadableError
from clfer.progress import silent


def paths(folder):
    return [file.path for file in listing(folder).files]


def test_every_file_is_listed_with_its_size_and_junk_is_not(tmp_path):
    plant(
        tmp_path,
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
    found = listing(tmp_path)
    assert [file.path for file in found.files] == ["a.Png", "b/ä ö/x y.JPG", "notes.txt"]
    assert [file.path for file in found.images] == ["a.Png", "b/ä ö/x y.JPG"]
    assert [file.size for file in found.files] == [
        (tmp_path / file.path).stat().st_size for file in found.files
    ]
    assert found.remarks == []


def test_a_zip_counts_as_a_folder_of_its_name(tmp_path):
    zipped(tmp_path / "Image/aligned.ZIP", {"aligned/ü.png": 1, "aligned/deep/b.png": 2})
    plant(tmp_path, {"Image/c.png": 3})
    assert paths(tmp_path) == [
        "Image/aligned.ZIP/aligned/deep/b.png",
        "Image/aligned.ZIP/aligned/ü.png",
        "Image/c.png",
    ]


def test_a_zip_beside_its_own_files_is_not_taken_twice(tmp_path):
    plant(tmp_path, {"a/x.png": 1, "b/Y.PNG": 2, "z/c.png": 3})
    zipped(tmp_path / "first.zip", {"a/x.png": 1, "b/y.png": 2, "new.png": 4})
    zipped(tmp_path / "z.zip", {"c.png": 3})
    found = listing(tmp_path)
    names = ["a/x.png", "b/Y.PNG", "first.zip/new.png", "z/c.png"]
    assert [file.path for file in found.files] == names
    assert has(found.remarks, "lie unpacked beside them: 3 (first: first.zip/a/x.png)")


def test_a_zip_in_a_zip_is_said_and_not_followed(tmp_path):
    inner = zipped(tmp_path / "elsewhere/in.zip", {"a.png": 1}).read_bytes()
    zipped(tmp_path / "there/out.zip", {"b.png": 2, "c/in.zip": inner})
    found = listing(tmp_path / "there")
    assert [file.path for file in found.files] == ["out.zip/b.png"]
    assert has(found.remarks, "zips in a zip", ": 1 (first: out.zip/c/in.zip)")


@pytest.mark.parametrize("name", ["../out.png", "a/../../out.png", "/out.png", "C:/out.png"])
def test_a_zip_with_a_path_out_of_it_is_refused_by_name(tmp_path, name):
    zipped(tmp_path / "bad.zip", {"good.png": 1, name: 2})
    with pytest.raises(InputError, match=r"bad\.zip: expected files below the zip, found '.*out"):
        listing(tmp_path)


def test_backslashes_of_windows_are_folders_and_no_way_out(tmp_path):
    zipped(tmp_path / "good.zip", {"a\\b.png": 1})
    assert paths(tmp_path) == ["good.zip/a/b.png"]
    zipped(tmp_path / "bad.zip", {"..\\b.png": 1})
    with pytest.raises(InputError, match=r"bad\.zip: expected files below"):
        listing(tmp_path)


def test_a_zip_with_a_link_or_a_password_or_a_bomb_is_refused_by_name(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match=r"bad\.zip: .*found the link 'link\.png'"):
        listing(tmp_path)

    content = bytearray(zipped(tmp_path / "bad.zip", {"a.png": 1}).read_bytes())
    central = content.rindex(b"PK\x01\x02")
    content[central + 8] |= 1
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.zip: .*a password \('a\.png'\); unpack it there"):
        listing(tmp_path)

    content[central + 8] &= 0xFE
    content[central + 24 : central + 28] = (3_000_000_000).to_bytes(4, "little")
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"at most 1,073,741,824 bytes.*3,000,000,000 in 'a\.png'"):
        listing(tmp_path)


PARTS = st.sampled_from(["a", "b.png", "..", ".", "", "C:", "\\", "ü", ".hidden", "a\\..\\b"])


@given(st.lists(PARTS, min_size=1, max_size=5).map("/".join).filter(bool))
def test_whatever_a_member_is_called_it_stays_below_its_zip_or_is_refused(name):
    with TemporaryDirectory() as folder:
        place = Path(folder) / "z.zip"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            zipped(place, {name: b"x"})
        found, refused = [], ""
        try:
            found = paths(Path(folder))
        except InputError as error:
            refused = str(error)
        assert bool(refused) == ("z.zip: expected files below the zip" in refused)
        for path in found:
            assert os.path.normpath(place / path.removeprefix("z.zip/")).startswith(f"{place}/")


@pytest.mark.parametrize("keep", [0, 10, 60])
def test_a_truncated_zip_is_refused_by_name(tmp_path, keep):
    zipped(tmp_path / "half.zip", {"a.png": 1})
    (tmp_path / "half.zip").write_bytes((tmp_path / "half.zip").read_bytes()[:keep])
    with pytest.raises(InputError, match=r"half\.zip: expected a complete zip, found a damaged"):
        listing(tmp_path)


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


def written(folder, raw):
    return index.write(raw, folder, folder, listing(folder).images, silent)


def test_the_index_has_every_image_and_its_digest_and_the_same_bytes_each_time(tmp_path):
    there = plant(tmp_path / "there", {f"é {number}.png": number for number in range(450)})
    zipped(there / "more.zip", {"a.png": 1000})
    for raw in ("first", "again"):
        assert written(there, tmp_path / raw) == 0
    table = pl.read_parquet(tmp_path / "first" / index.INDEX)
    assert table.schema == {"path": pl.String, "size": pl.Int64, "sha256": pl.String}
    assert table["path"].to_list() == sorted(table["path"]) == index.paths(tmp_path / "first")
    assert len(table) == 451
    for path, size, digest in table.tail(20).iter_rows():
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
    index.write(
        tmp_path / "raw", folder.relative_to(tmp_path), folder, listing(folder).images, silent
    )
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
    with get_context("fork").Pool(2) as processes:  # the zip is open already
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
    zipped(there / "z.zip", {"d/other.png": 4})
    assert refusal(found, 3) == "the file has gone"
    (there / "z.zip").unlink()
    assert refusal(found, 3) == "the file has gone"
    (there / "b.bmp").write_bytes(b"shorter")
    assert "7 bytes where the index has" in refusal(found, 4)
    assert np.array_equal(found[5], noise(3))


def test_a_zip_whose_directory_would_lie_before_its_start_is_damaged(tmp_path):
    """zipfile seeks there, and the system refuses."""
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("a.png", b"image")
    content = bytearray((tmp_path / "bad.zip").read_bytes())
    content[-10:-6] = (0x7FFFFFFF).to_bytes(4, "little")  # the size of the directory
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.zip: expected a complete zip, found a damaged"):
        listing(tmp_path)


def test_a_file_that_is_damaged_in_its_zip_is_indexed_and_set_aside(tmp_path):
    place = zipped(tmp_path / "there/z.zip", {"a.png": 1, "b.png": 2})
    content = bytearray(place.read_bytes())
    content[content.index(b"IDAT") + 30] ^= 0xFF
    place.write_bytes(content)
    assert written(tmp_path / "there", tmp_path / "raw") == 1
    table = row_of(tmp_path, "z.zip/a.png", "z.zip/b.png")
    found = pictures(tmp_path / "raw", tmp_path)(table)
    assert "damaged in its zip" in refusal(found, 0)
    assert np.array_equal(found[1], noise(2))


@pytest.mark.parametrize("other", ["CAFÉ.PNG", unicodedata.normalize("NFD", "café.png")])
def test_names_compare_whatever_their_case_and_accents_are_made_of(other):
    assert key(other) == key("café.png") == "café.png"


def test_rows_of_one_image_become_one(tmp_path):
    rows = pl.DataFrame(
        {
            "usage": ["train"] * 6 + ["test"],
            "key": ["a", "b", "a", "c", "b", "b", "a"],
            "label": ["x", "x", "x", "y", "y", "x", "y"],
            "shown": ["A", "B", "A again", "C", "B again", "B", "A"],
        }
    )
    found, remarks = settled(rows)
    assert found["key"].to_list() == ["a", "b", "c", "a"]
    assert found["label"].to_list() == ["x", None, "y", "y"]
    assert has(remarks, "label rows that repeat another: 1 (first: A again)")
    assert has(remarks, "different labels, left without one: 1 (first: B)")


def test_images_and_rows_find_each_other():
    files, again = keyed(
        ["deep/er/A.png", "A.png", "b.png", "none"], lambda p: key(p[-5:-4]) or None
    )
    assert files == {"a": "A.png", "b": "b.png"}
    assert has(again, "the name of another one, left out: 1 (first: deep/er/A.png)")
    rows = pl.DataFrame({"key": ["c", "a"], "shown": ["C", "A"]})
    found, remarks = attached(rows, files)
    assert found["name"].to_list() == [None, "A.png"]
    assert has(remarks, "label rows without an image: 1 (first: C)")
    assert has(remarks, "images without a label row, left out: 1 (first: b.png)")
    assert not has(attached(rows, files, besides={"b"})[1], "without a label row")


UPRIGHT = [(30.0, 40.0), (70.0, 42.0), (50.0, 60.0), (35.0, 80.0), (66.0, 81.0)]


@given(st.floats(-3.14, 3.14), st.booleans(), st.booleans())
def test_points_are_put_left_before_right_however_the_face_is_turned(angle, eyes, corners):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    left, right, nose, *mouth = [tuple(map(float, turn @ point)) for point in UPRIGHT]
    expected = [*left, *right, *nose, *mouth[0], *mouth[1]]
    pair = [right, left] if eyes else [left, right]
    found = ordered(pair, nose, mouth[::-1] if corners else mouth)
    assert found == pytest.approx(expected)


def test_the_five_of_68_points():
    points = [(float(i), float(i % 7)) for i in range(68)]
    points[36:42] = [(x, 10.0) for x in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]
    points[42:48] = [(x, 12.0) for x in (21.0, 22.0, 23.0, 24.0, 25.0, 26.0)]
    points[30], points[48], points[54] = (13.0, 20.0), (5.0, 30.0), (20.0, 31.0)
    assert five(points) == [3.5, 10.0, 23.5, 12.0, 13.0, 20.0, 5.0, 30.0, 20.0, 31.0]


def copied(tmp_path, content):
    plant(tmp_path / "there", {"list.txt": content, "a.png": 1})
    written(tmp_path / "there", tmp_path / "raw")
    lists.copy(tmp_path / "raw", tmp_path / "there", ["list.txt"])
    return list(lists.lines(tmp_path / "raw", "list.txt"))


def test_lines_have_their_numbers_in_the_file(tmp_path):
    content = "\ufeffé 1\r\n\n  \nb 2\r\nc".encode()
    assert copied(tmp_path, content) == [(1, "é 1"), (4, "b 2"), (5, "c")]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"a 1\n" + b"x" * 70_000 + b"\nb 2\n", "line 2: .*found a line longer than 65,535 bytes"),
        (b"a 1\n\xff\xfe 2\n", "line 2: expected text in UTF-8, found other bytes"),
    ],
)
def test_lines_that_are_no_text_name_the_users_file(tmp_path, content, found):
    with pytest.raises(InputError, match=rf"there/list\.txt {found}"):
        copied(tmp_path, content)


def test_the_index_is_of_files_below_the_folder_of_the_params(tmp_path):
    index.write(tmp_path, index.Path("data/external/x y"), tmp_path, [File("a.png", 3)], silent)
    assert index.folder(tmp_path) == index.Path("data/external/x y")
    assert isinstance(pictures(tmp_path, tmp_path)(row_of(tmp_path, "a.png")), ImageFiles)


def test_without_an_index_it_says_to_download(tmp_path):
    with pytest.raises(InputError, match=r"files\.parquet: expected the index.*download"):
        index.paths(tmp_path)
