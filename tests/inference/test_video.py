"""Videos: frames in order with their times, and files that are none."""

import cv2
import numpy as np
import pytest

from clfer.inference.video import Video, Writer, quiet
from clfer.pictures import UnreadableError

SHADES = list(range(20, 240, 20))


@pytest.fixture
def clip(tmp_path):
    """Eleven frames at 5 a second, each of one grey."""
    path = tmp_path / "clip.mp4"
    with Writer(path, 5.0) as writer:
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
