"""Which files of a folder count, and what is taken out of its archives."""

import io
import os
import tarfile
import unicodedata
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_trees import as_bytes, encoded, has, plant, zipped

from clfer.datasets import listing as module
from clfer.datasets.listing import key, located
from clfer.errors import InputError
from clfer.progress import silent


def listing(folder):
    """Of a folder, whose archives are extracted below `raw` beside it."""
    return module.listing(folder, folder.parent / f"{folder.name}-raw", silent)


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


def test_a_damaged_archive_is_named(tmp_path):
    zipped(tmp_path / "there/half.zip", {"a.png": 1})
    content = (tmp_path / "there/half.zip").read_bytes()
    (tmp_path / "there/half.zip").write_bytes(content[:60])
    with pytest.raises(InputError, match=r"half\.zip: expected a complete archive"):
        listing(tmp_path / "there")


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
        top = Path(folder) / "there-raw" / module.UNPACKED / "z.zip"
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
