"""Files, arrays and videos: which are taken, in which order, and which are refused."""

import cv2
import numpy as np
import pytest
from PIL import Image

from clfer.errors import InputError
from clfer.inference.frames import Video, as_pixels, quiet, sources
from clfer.inference.output import VideoWriter
from clfer.pictures import UnreadableError


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
        (Image.fromarray(RGB), RGB),
        (Image.fromarray(np.dstack([RGB, GREY])), RGB),
        (Image.fromarray(GREY.astype(np.uint16) * 257), GREY),
    ],
    ids=["grey", "grey1", "rgb", "rgba", "pil grey", "pil rgb", "pil rgba", "pil 16 bits"],
)
def test_pictures_in_memory(given, expected):
    np.testing.assert_array_equal(as_pixels(given), expected)


def test_an_image_of_pillow_s_and_its_file_are_the_same(tmp_path):
    """Also where a camera was held on its side, and where the file is damaged."""
    path = tmp_path / "a.jpg"
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(RGB).save(path, exif=turned)
    with Image.open(path) as image:
        np.testing.assert_array_equal(as_pixels(image), as_pixels(str(path)))
        assert as_pixels(image).shape == (7, 5, 3)
    large = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(large).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with Image.open(path) as image, pytest.raises(UnreadableError, match="truncated"):
        as_pixels(image)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (RGB / 255, r"expected uint8 in 0\.\.255, found float64; convert it"),
        (RGB.astype(np.int64), "expected uint8 .* found int64"),
        (RGB[None], r"expected one picture, .* found \[1, 5, 7, 3\]"),
        (RGB.transpose(2, 0, 1), r"found \[3, 5, 7\]; channels come last"),
        (GREY[0], r"found \[7\]"),
        (RGB[:0], r"expected pixels, found none in \[0, 7, 3\]"),
        (Image.new("RGB", (0, 4)), r"expected pixels, found none in \[0, 4\]"),
    ],
)
def test_other_arrays_are_refused(given, line):
    with pytest.raises(InputError, match=line) as caught:
        as_pixels(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [[RGB], RGB.tolist(), None, 3])
def test_what_is_no_picture_is_a_type_error(given):
    with pytest.raises(TypeError, match="expected a path, a PIL image or an array; found"):
        as_pixels(given)


SHADES = list(range(20, 240, 20))


@pytest.fixture
def clip(tmp_path):
    """Eleven frames at 5 a second, each of one grey."""
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 5.0) as writer:
        for shade in SHADES:
            writer.add(np.full((64, 96, 3), (shade, shade, 0), np.uint8))
    return path


def test_frames_come_in_order_with_their_times_and_colours(clip):
    frames = list(Video(clip))
    assert [frame.number for frame in frames] == list(range(len(SHADES)))
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(11) / 5, atol=0.01)
    for frame, shade in zip(frames, SHADES, strict=True):
        picture = frame.read()
        assert picture.shape == (64, 96, 3)
        np.testing.assert_allclose(picture.mean((0, 1)), (shade, shade, 0), atol=12)


def test_every_third_frame(clip):
    video = Video(clip, every=3)
    assert len(video) == 4
    frames = list(video)
    assert [frame.number for frame in frames] == [0, 3, 6, 9]
    np.testing.assert_allclose([frame.seconds for frame in frames], [0, 0.6, 1.2, 1.8], atol=0.01)
    assert abs(int(frames[2].read()[0, 0, 0]) - SHADES[6]) < 12


@pytest.mark.parametrize("content", [b"", b"no video", b"\0" * 5000])
def test_what_is_no_video_is_told(tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with quiet(), pytest.raises(UnreadableError, match=r"empty file|no video that can be decoded"):
        Video(path)


def test_a_video_that_breaks_off_has_the_frames_before(clip):
    content = clip.read_bytes()
    capture = cv2.VideoCapture(str(clip))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == len(SHADES)
    clip.write_bytes(content[: len(content) // 2])
    with quiet():
        try:
            frames = list(Video(clip))
        except UnreadableError:  # an mp4 has its index at its end
            return
        assert len(frames) <= len(SHADES)


def test_no_name_is_an_address(tmp_path, monkeypatch, server):
    """FFmpeg would fetch http:/host/a.mp4: a film of somebody else's."""
    address, served = server
    with VideoWriter(served / "a.mp4", 5.0) as writer:
        writer.add(np.zeros((64, 96, 3), np.uint8))
    monkeypatch.chdir(tmp_path)
    host = address.removeprefix("http://")
    path = tmp_path / "http:" / host / "a.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no video")
    with quiet(), pytest.raises(UnreadableError, match="no video"):
        Video(path.relative_to(tmp_path))
