"""Files, arrays and videos: which are taken, in which order, and which are refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from bundles import refusal
from PIL import Image

from clfer.inference import frames
from clfer.inference.frames import Video, as_pixels, free_name, quiet, read, sources
from clfer.inference.output import film
from clfer.pictures import UnreadableError

HELD = ("b.JPG", "a.png", "notes.txt", "deep/er/c.webp", "deep/clip.MP4", ".hid/d.png", ".e.png")


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return str(path)


@pytest.fixture
def folder(tmp_path):
    for name in HELD:
        touch(tmp_path / name)
    return tmp_path


def test_files_as_they_are_named_and_folders_by_name_each_once(folder):
    inside = ["a.png", "b.JPG", "deep/clip.MP4", "deep/er/c.webp"]
    listed = [f"{folder / 'b.JPG'}\n", "\n", f"{folder / 'a.png'}\r\n"]
    for given, expected in (
        ([folder], inside),
        ([folder / "notes.txt", folder / "b.JPG", folder], ["notes.txt", "b.JPG", *inside]),
        (["-"], ["b.JPG", "a.png"]),
    ):
        found = sources(list(map(str, given)), listed)
        assert [one.name for one in found] == list(dict.fromkeys(expected))
        assert [one.is_video for one in found] == [one.name.endswith(".MP4") for one in found]


def test_linked_folders_are_searched_but_no_loop_of_them(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    touch(elsewhere / "f.png")
    (elsewhere / "back").symlink_to(folder / "deep")
    (folder / "deep/link").symlink_to(elsewhere)
    (folder / "deep/up").symlink_to(folder)
    (folder / "self").symlink_to("self")
    (folder / "gone").symlink_to("nowhere")
    inside = ["a.png", "b.JPG", "deep/clip.MP4", "deep/er/c.webp", "deep/link/f.png"]
    for given in (folder, elsewhere / "back/.."):
        found = [one.name for one in sources([str(given)], [])]
        assert found == inside
    (elsewhere / "top").symlink_to(folder)
    assert [one.name for one in sources([str(elsewhere / "top")], [])] == inside


def test_no_two_have_one_name(folder):
    given = [touch(folder / name / "a.png") for name in ("x", "y")]
    found = sources([*given, str(folder / "a.png")], [])
    assert [one.name for one in found] == ["a.png", "a-2.png", "a-3.png"]


def test_many_of_one_name_take_no_time():
    """As the frames of many films, each in a folder of its own: minutes, if each were tried."""
    taken = {"face-7.png": 2}
    names = [free_name("face.png", ".png", taken) for _ in range(20_000)]
    assert names[5:7] == ["face-6.png", "face-8.png"]
    assert names[-1] == "face-20001.png"


def test_what_is_not_there_is_named(folder):
    (folder / "empty").mkdir()
    for given, words in (
        (str(folder / "gone.png"), "gone.png: expected a picture, a video or a folder"),
        ("a\0b", "found nothing there"),
        ("x" * 5000, "found nothing there"),
        (str(folder / "empty"), "empty: expected pictures (.bmp"),
        ("", "PATH: expected a picture, a video or a folder; found an empty name"),
        ("-", "expected names of files, one a line; found none"),
    ):
        assert words in refusal(sources, [given], ["\n"])


GREY = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (GREY, GREY),
        (GREY[..., None], GREY),
        (RGB, RGB),
        (np.dstack([RGB, GREY]), RGB),
        (Image.fromarray(GREY), GREY),
        (Image.fromarray(np.dstack([RGB, GREY])), RGB),
        (Image.fromarray(GREY.astype(np.uint16) * 257), GREY),
    ],
    ids=["grey", "grey1", "rgb", "rgba", "pil grey", "pil rgba", "pil 16 bits"],
)
def test_pictures_in_memory(given, expected):
    np.testing.assert_array_equal(as_pixels(given), expected)


def test_an_image_of_pillow_s_and_its_file_are_the_same(tmp_path):
    """Also where a camera was held on its side, and where the file is damaged."""
    path = tmp_path / "a.jpg"
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.kron(RGB, np.ones((20, 20, 1), np.uint8))).save(path, exif=turned)
    with Image.open(path) as image:
        np.testing.assert_array_equal(as_pixels(image), as_pixels(str(path)))
        assert as_pixels(image).shape == (140, 100, 3)
    path.write_bytes(path.read_bytes()[:1500])
    with Image.open(path) as image, pytest.raises(UnreadableError, match="truncated"):
        as_pixels(image)


def test_other_arrays_are_refused():
    for given, words in (
        (RGB / 255, "found float64 [5, 7, 3]; of floats in 0..1 take"),
        (RGB.astype(np.int64), "expected uint8 in 0..255 as grey [H, W]"),
        (RGB[None], "found uint8 [1, 5, 7, 3]"),
        (RGB.transpose(2, 0, 1), "channels last; found uint8 [3, 5, 7]"),
        (GREY[0], "found uint8 [7]"),
        (RGB[:0], "found uint8 [0, 7, 3]"),
        (Image.new("RGB", (0, 4)), "expected pixels, found none in [0, 4]"),
    ):
        assert words in refusal(as_pixels, given)
    for given in ([RGB], None, 3, b"\xff\xd8"):
        with pytest.raises(TypeError, match="expected a path, a PIL image or an array; found"):
            as_pixels(given)
    with pytest.raises(UnreadableError, match=r"^nowhere\.jpg: no such file"):
        as_pixels("nowhere.jpg")


SHADES = list(range(20, 240, 20))


@pytest.mark.parametrize("every", [1, 3])
def test_frames_come_in_order_with_their_times_and_colours(tmp_path, every):
    """Of eleven frames at 5 a second, each of one colour."""
    path = tmp_path / "clip.mp4"
    with film(path, 5.0) as add:
        for number, shade in enumerate(SHADES):
            add(np.full((64, 96, 3), (shade, shade, 0), np.uint8), number / 5)
    video = Video(path, every)
    frames, numbers = list(video), np.arange(0, len(SHADES), every)
    assert len(video) == len(frames)
    assert [frame.number for frame in frames] == numbers.tolist()
    np.testing.assert_allclose([frame.seconds for frame in frames], numbers / 5, atol=0.01)
    for frame, shade in zip(frames, SHADES[::every], strict=True):
        picture = frame.read()
        assert picture.shape == (64, 96, 3)
        np.testing.assert_allclose(picture.mean((0, 1)), (shade, shade, 0), atol=12)


def test_what_is_no_video_is_told_and_no_name_is_an_address(tmp_path, monkeypatch, server):
    """FFmpeg would fetch http:/host/a.mp4: a film of somebody else's."""
    address, served = server
    with film(served / "a.mp4", 5.0) as add:
        add(np.zeros((64, 96, 3), np.uint8), 0.0)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "http:" / address.removeprefix("http://") / "a.mp4"
    touch(path)
    for content, words in ((b"", "empty file"), (bytes(5000), "no video"), (b"x", "no video")):
        path.write_bytes(content)
        with quiet(), pytest.raises(UnreadableError, match=words):
            Video(path.relative_to(tmp_path))


def test_what_can_t_be_read_is_named_and_not_passed_over(tmp_path, monkeypatch):
    """Pictures of a telephone, and a subfolder that the system does not open."""
    touch(tmp_path / "a.png")
    touch(tmp_path / "b.HEIC")
    monkeypatch.chdir(tmp_path)
    for _ in range(20):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
    found = sources([str(tmp_path)], [])
    assert [one.path.name for one in found] == ["a.png", "b.HEIC", "d" * 250]
    for one, words in zip(found, ("empty file", "no .heic can be read", "too long"), strict=True):
        with pytest.raises(UnreadableError, match=words):
            read(one.path)


def test_a_device_without_an_end_is_no_picture(monkeypatch):
    monkeypatch.setattr(frames, "LARGEST_FILE", 1 << 20)
    with pytest.raises(UnreadableError, match="larger than 1 MiB"):
        read(Path("/dev/full"))


def test_a_video_that_went_meanwhile_and_one_whose_name_is_no_utf_8(tmp_path):
    path = tmp_path / os.fsdecode(b"v\xe9.mp4")
    with pytest.raises(UnreadableError, match="no such file"):
        Video(path)
    with film(path, 5.0) as add:
        add(np.zeros((64, 96, 3), np.uint8), 0.0)
    assert len(list(Video(path))) == 1
