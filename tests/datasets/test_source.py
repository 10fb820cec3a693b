"""What is brought in from a user's folder: lists, notes, and an archive that is downloaded."""

import os
from hashlib import sha256

import pytest
from image_trees import fetched, has, plant, zipped

from clfer.datasets import folder as dataset
from clfer.datasets import images, source
from clfer.errors import InputError
from clfer.progress import silent


def copied(tmp_path, content):
    raw = plant(tmp_path / "raw", {f"{source.COPIES}/list.txt": content, images.FOLDER: "there\n"})
    return list(source.lines(raw, "list.txt"))


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
def test_lines_that_are_no_text_and_large_notes_name_the_users_file(tmp_path, content, found):
    with pytest.raises(InputError, match=rf"there/list\.txt {found}"):
        copied(tmp_path, content)
    there = plant(tmp_path / "there", {"a.txt": "x" * 70_000})
    with pytest.raises(
        InputError, match=r"there/a\.txt: expected at most 65,536 bytes, found more"
    ):
        source.gather(tmp_path / "raw", there, ["a.txt"], silent)


FILES = {f"{split}/{name}/1.png": 1 for split in ("train", "test") for name in ("cat", "dog")}


def test_an_archive_is_downloaded_once_into_an_empty_folder(tmp_path, server):
    address, served = server
    archive = zipped(served / "my faces.zip", FILES)
    digest = sha256(archive.read_bytes()).hexdigest()
    placed, url = tmp_path / "placed", f"{address}/my%20faces.zip"
    lines = fetched(dataset, placed, tmp_path / "raw", url, digest)
    assert lines[0] == f"my faces.zip: from {url}, SHA-256 as given"
    assert has(lines, "images: 4, ", f"read in place from {placed}, archives unpacked")
    assert os.listdir(placed) == ["my faces.zip"]
    archive.unlink()
    assert not has(fetched(dataset, placed, tmp_path / "again", url, digest), "from http")
    with pytest.raises(InputError, match=r"my faces.zip: expected SHA-256 0+, found .*; remove it"):
        fetched(dataset, placed, tmp_path / "other", url, "0" * 64)


def test_nothing_is_downloaded_beside_files_nor_from_an_address_of_no_archive(
    tmp_path, dead_address
):
    plant(tmp_path / "placed", FILES)
    raw = tmp_path / "raw"
    lines = fetched(dataset, tmp_path / "placed", raw, f"{dead_address}/faces.zip")
    assert has(lines, "images: 4, ")
    assert not (raw / "unpacked").exists()
    with pytest.raises(InputError, match=r"expected the address of an archive \(\.zip, \.tar"):
        fetched(dataset, tmp_path / "empty", raw, f"{dead_address}/faces.rar")
