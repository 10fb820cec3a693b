"""Which files are meant."""

import pytest

from clfer.errors import InputError
from clfer.inference.sources import sources


@pytest.fixture
def folder(tmp_path):
    for name in (
        "b.JPG",
        "a.png",
        "notes.txt",
        "deep/er/c.webp",
        "deep/clip.MP4",
        ".hidden/d.png",
        ".e.png",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def named(found):
    return [str(source.name) for source in found]


def test_a_folder_is_its_pictures_and_videos_by_name(folder):
    found = sources([str(folder)], [])
    assert named(found) == ["a.png", "b.JPG", "deep/clip.MP4", "deep/er/c.webp"]
    assert [source.is_video for source in found] == [False, False, True, False]


def test_files_are_taken_as_they_are_named_and_once(folder):
    given = [str(folder / "notes.txt"), str(folder / "a.png"), str(folder)]
    found = sources(given, [])
    assert named(found)[:2] == ["notes.txt", "a.png"]
    assert len(found) == 5


def test_names_come_from_a_list(folder):
    listed = [f"{folder / 'b.JPG'}\n", "\n", f"{folder / 'a.png'}\r\n"]
    assert named(sources(["-"], listed)) == ["b.JPG", "a.png"]
    with pytest.raises(InputError, match="expected names of files, one a line; found none"):
        sources(["-"], ["\n"])


def test_no_two_have_one_name(folder):
    for name in ("x", "y"):
        (folder / name).mkdir()
        (folder / name / "a.png").write_bytes(b"")
    found = sources([str(folder / "x"), str(folder / "y"), str(folder / "a.png")], [])
    assert named(found) == ["a.png", "a-2.png", "a-3.png"]


def test_what_is_not_there_is_named(folder):
    with pytest.raises(InputError, match=r"gone\.png: expected a picture, a video or a folder"):
        sources([str(folder / "gone.png")], [])
    with pytest.raises(InputError, match="found nothing there"):
        sources(["a\0b"], [])
    with pytest.raises(InputError, match="found nothing there"):
        sources(["x" * 5000], [])
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: expected pictures .* or videos"):
        sources([str(folder / "empty")], [])
