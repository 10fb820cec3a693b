"""Copied lists of labels."""

import pytest
from image_trees import plant

from clfer.datasets import index, lists
from clfer.datasets.listing import listing
from clfer.errors import InputError
from clfer.progress import silent


def copied(tmp_path, content):
    there, raw = plant(tmp_path / "there", {"list.txt": content, "a.png": 1}), tmp_path / "raw"
    index.write(raw, there, there, listing(there, raw, silent).images, silent)
    lists.copy(raw, there, ["list.txt"])
    return list(lists.lines(raw, "list.txt"))


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


def test_a_note_that_is_large_or_gone_is_named(tmp_path):
    there = plant(tmp_path / "there", {"a.txt": "x" * 70_000})
    with pytest.raises(InputError, match=r"a\.txt: expected at most 65,536 bytes, found more"):
        lists.gather(tmp_path / "raw", there, ["a.txt"], silent)
    for copy in (lists.copy, lambda raw, folder, paths: lists.gather(raw, folder, paths, silent)):
        with pytest.raises(InputError, match=r"b\.txt: expected a label file that can be"):
            copy(tmp_path / "raw", there, ["b.txt"])
