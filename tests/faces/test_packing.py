"""Every image ends in the array, and the table says how, also when the work is interrupted."""

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
from checkouts import Running, checkout, done, edit, files
from variants import CUT

from clfer.datasets import labels
from clfer.faces import packing
from clfer.faces.alignment import Alignment, align, boxed, places, whole
from clfer.faces.detection import Detections
from clfer.faces.packing import outcomes, pack
from clfer.faces.scrfd import Scrfd
from clfer.pictures import UnreadableError
from clfer.progress import silent
from clfer.team import Team

GIVEN = Alignment(detector="given", weights=None, **CUT.model_dump())
NONE = GIVEN.model_copy(update={"detector": "none"})
SEEN = GIVEN.model_copy(update={"detector": "insightface"})
POINTS = [20.0, 20.0, 40.0, 20.0, 30.0, 30.0, 22.0, 40.0, 38.0, 40.0]
BOX = [10.0, 5.0, 40.0, 50.0]


def table(*known):
    """Labels whose rows have what is named: landmarks, box, both or neither."""
    rows = pl.DataFrame(
        {
            "name": [str(i) for i in range(len(known))],
            "usage": "Training",
            "label": "glad",
            "landmarks": [POINTS if "landmarks" in each else None for each in known],
            "box": [BOX if "box" in each else None for each in known],
        },
        schema_overrides={"landmarks": labels.LANDMARKS, "box": labels.BOX},
    )
    return labels.table(rows, ("calm", "glad"))


def noise(count, shape=(60, 60)):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, shape, dtype=np.uint8) for _ in range(count)]


def small(monkeypatch):
    """Chunks of ten images, and the labels of thirty at once."""
    monkeypatch.setattr(packing, "CHUNK", 10)
    monkeypatch.setattr(packing, "BLOCK", 30)


def packed(folder, pictures, rows, settings=GIVEN, find=None):
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    place = (folder / "faces.npy", scratch)
    found = pack(opened(pictures), rows, settings, find, *place, silent)
    return found.collect(), np.load(folder / "faces.npy")


def opened(pictures):
    """The pictures of some rows, wherever they stand among all."""

    class Some:
        def __init__(self, rows):
            self.rows = rows["row"].to_list()

        def __getitem__(self, place):
            return pictures[self.rows[place]]

    return Some


def test_the_best_that_is_known_is_taken(tmp_path):
    pictures = noise(4)
    rows = table("landmarks and box", "box", "", "landmarks")
    found, faces = packed(tmp_path, pictures, rows)
    assert found["outcome"].to_list() == ["given", "box", "centre", "given"]
    assert found["row"].to_list() == found["face"].to_list() == [0, 1, 2, 3]
    assert found["points"].to_list() == [POINTS, None, None, POINTS]
    assert faces.shape == (4, 48, 48, 1)
    assert faces.dtype == np.uint8
    points = np.reshape(POINTS, (5, 2))
    assert (faces[0, ..., 0] == align(pictures[0], points, places(GIVEN), 48)).all()
    assert (faces[1, ..., 0] == boxed(pictures[1], np.array(BOX), 48, 0.1)).all()
    assert (faces[2, ..., 0] == whole(pictures[2], 48)).all()
    assert outcomes(found.lazy()) == ["2 given, 1 box, 1 centre"]


def faces_at(*boxes):
    """A detector that sees faces with these boxes, whose landmarks are POINTS plus their place."""

    def find(picture):
        place = np.arange(len(boxes), dtype=float)
        points = np.reshape(POINTS, (1, 5, 2)) + place[:, None, None]
        return Detections(np.reshape(boxes, (-1, 4)).astype(float), 0.9 - place / 10, points)

    return find


def test_a_detected_face_is_preferred_and_its_score_kept(tmp_path):
    found, _ = packed(tmp_path, noise(1), table("landmarks"), SEEN, faces_at((20, 20, 20, 20)))
    assert found["outcome"].to_list() == ["detected"]
    assert found["score"].to_list() == pytest.approx([0.9])


def test_where_nothing_is_detected_no_image_is_dropped(tmp_path):
    found, _ = packed(tmp_path, noise(3), table("landmarks", "box", ""), SEEN, faces_at())
    assert found["outcome"].to_list() == ["given", "box", "centre"]


def test_of_several_faces_the_one_in_the_box_is_meant(tmp_path):
    """BOX is in the middle of the left half; without it the larger face to the right is taken."""
    wide = noise(2, (60, 200))
    find = faces_at((100, 0, 60, 60), (15, 15, 30, 30))
    found, _ = packed(tmp_path, wide, table("box", ""), SEEN, find)
    assert found["score"].to_list() == pytest.approx([0.8, 0.9])
    elsewhere = faces_at((100, 0, 60, 60))
    found, _ = packed(tmp_path, wide, table("box", ""), SEEN, elsewhere)
    assert found["outcome"].to_list() == ["box", "detected"]


class Broken:
    """Pictures of which some can't be read."""

    def __init__(self, pictures, broken):
        self.pictures, self.broken = pictures, broken

    def __getitem__(self, row):
        if row in self.broken:
            raise UnreadableError(self.broken[row])
        return self.pictures[row]


def test_what_cannot_be_read_is_rejected_with_its_reason(tmp_path):
    pictures = Broken(noise(5), {1: "no file", 3: "truncated", 4: "no file"})
    found, faces = packed(tmp_path, pictures, table(*[""] * 5))
    assert found["face"].to_list() == [0, None, 2, None, None]
    assert found["reason"].to_list() == [None, "no file", None, "truncated", "no file"]
    assert not faces[[1, 3, 4]].any()
    assert outcomes(found.lazy()) == [
        "3 rejected, 2 centre",
        "rejected: 2 no file (first: row 1)",
        "rejected: 1 truncated (first: row 3)",
    ]


@pytest.mark.parametrize("bad", [[7.0] * 10, [*POINTS[:9], float("nan")], [1.0, 2.0] * 5])
def test_landmarks_that_are_no_face_cost_no_image_and_are_counted(tmp_path, bad):
    rows = table("landmarks", "landmarks and box", "landmarks")
    known = pl.Series([POINTS, bad, bad], dtype=labels.LANDMARKS)
    found, faces = packed(tmp_path, noise(3), rows.with_columns(landmarks=known))
    assert found["outcome"].to_list() == ["given", "box", "centre"]
    assert found["points"].null_count() == 2
    assert faces.any(axis=(1, 2, 3)).all()
    assert outcomes(found.lazy())[1:] == [
        "box: 1 landmarks not finite, or all on one line (first: row 1)",
        "centre: 1 landmarks not finite, or all on one line (first: row 2)",
    ]


def test_crops_that_fit_are_stored_as_they_are(tmp_path):
    pictures = noise(2, (48, 48))
    found, faces = packed(tmp_path, pictures, table("landmarks", ""), NONE)
    assert found["outcome"].to_list() == ["whole", "whole"]
    assert (faces[..., 0] == np.stack(pictures)).all()


@pytest.mark.parametrize(("channels", "expected"), [(1, [76, 7]), (3, [85, 7])])
def test_colour_becomes_grey_and_grey_becomes_colour(tmp_path, channels, expected):
    pictures = [np.full((48, 50, 3), (255, 0, 0), np.uint8), np.full((48, 48), 7, np.uint8)]
    settings = NONE.model_copy(update={"channels": channels})
    _, faces = packed(tmp_path, pictures, table("", ""), settings)
    assert faces.shape[-1] == channels
    np.testing.assert_allclose(faces.mean((1, 2, 3)), expected, atol=1)


def test_no_images_make_an_empty_array(tmp_path):
    found, faces = packed(tmp_path, [], table())
    assert faces.shape == (0, 48, 48, 1)
    assert found.schema == packing.SCHEMA


class Stopping:
    """Pictures that stop the work at one of them, as a defect would, and count what was read."""

    def __init__(self, pictures, at):
        self.pictures, self.at, self.read = pictures, at, []

    def __getitem__(self, row):
        if row == self.at:
            raise RuntimeError("stopped")
        self.read.append(row)
        return self.pictures[row]


def test_what_was_done_is_not_done_again(tmp_path, monkeypatch):
    small(monkeypatch)
    pictures, rows = noise(45), table(*["landmarks"] * 45)
    expected = packed(tmp_path / "whole", pictures, rows)
    with pytest.raises(RuntimeError, match="stopped"):
        packed(tmp_path / "again", Stopping(pictures, 27), rows)
    assert not (tmp_path / "again" / "faces.npy").exists()
    rest = Stopping(pictures, None)
    found, faces = packed(tmp_path / "again", rest, rows)
    assert sorted(rest.read) == list(range(20, 45))
    assert found.equals(expected[0])
    assert (faces == expected[1]).all()


def together(folder, pictures, rows, size):
    """What each of so many members of a team, here threads, is given back."""
    barrier = threading.Barrier(size)
    (folder / "scratch").mkdir(parents=True, exist_ok=True)

    def member(rank):
        team = Team(rank, size, barrier.wait)
        try:
            place = (folder / "faces.npy", folder / "scratch")
            return pack(opened(pictures), rows, GIVEN, None, *place, silent, team)
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(size) as threads:
        return list(threads.map(member, range(size)))


def test_several_make_what_one_makes(tmp_path, monkeypatch):
    small(monkeypatch)
    pictures, rows = noise(45), table(*["landmarks"] * 45)
    expected, whole_array = packed(tmp_path / "one", pictures, rows)
    counted = Stopping(pictures, None)
    led, *others = together(tmp_path / "three", counted, rows, 3)
    assert others == [None, None]
    assert sorted(counted.read) == list(range(45))
    assert led.collect().equals(expected)
    assert (np.load(tmp_path / "three/faces.npy") == whole_array).all()


def test_what_several_have_done_one_does_not_do_again(tmp_path, monkeypatch):
    small(monkeypatch)
    pictures, rows = noise(45), table(*["landmarks"] * 45)
    expected, whole_array = packed(tmp_path / "one", pictures, rows)
    with pytest.raises((RuntimeError, threading.BrokenBarrierError)):
        together(tmp_path / "two", Stopping(pictures, 37), rows, 2)  # the last but one chunk
    done = {int(path.stem) for path in (tmp_path / "two/scratch").glob("0*.parquet")}
    assert done == {0, 10, 20, 40}
    rest = Stopping(pictures, None)
    found, faces = packed(tmp_path / "two", rest, rows)
    assert sorted(rest.read) == list(range(30, 40))
    assert found.equals(expected)
    assert (faces == whole_array).all()


def test_records_of_faces_that_have_left_are_not_believed(tmp_path, monkeypatch):
    """Killed after the array was moved to its place and before the folder was cleared."""
    small(monkeypatch)
    pictures, rows = noise(25), table(*[""] * 25)
    _, first = packed(tmp_path, pictures, rows)
    assert list((tmp_path / "scratch").glob("*.parquet"))
    _, second = packed(tmp_path, pictures, rows)
    assert (first == second).all()
    assert second.any(axis=(1, 2, 3)).all()


def test_a_killed_align_goes_on_where_it_was(tmp_path):
    """KILL in the middle of a process; then the same bytes as without."""
    checkout(tmp_path)
    smaller = [("train: 1000", "train: 500"), ("val: 250", "val: 50"), ("test: 500", "test: 50")]
    edit(tmp_path, ("size: 48", "size: 256"), *smaller)  # faces that take a while
    for stage in ("download", "relabel", "align"):
        done(tmp_path, stage, "demo")
    expected = files(tmp_path, "data/faces")
    shutil.rmtree(tmp_path / "data/faces")
    killed = Running(tmp_path, "align", "demo").process
    while not list(tmp_path.glob(".scratch/*/0*.parquet")):
        assert killed.poll() is None
        time.sleep(0.001)
    killed.kill()
    killed.wait()
    assert not list(tmp_path.glob("data/faces/*"))
    done(tmp_path, "align", "demo")
    assert files(tmp_path, "data/faces") == expected
    assert list(tmp_path.glob(".scratch/*")) == []


def test_the_same_faces_whatever_the_number_of_threads(real_data, real_npz, tmp_path, monkeypatch):
    find = Scrfd(real_data / "weights/insightface/det_500m.onnx", 0.4, turned=False)
    pixels = np.load(real_npz)["pixels"][:60]
    made = []
    for threads in (1, 4):
        monkeypatch.setattr(packing, "cores", lambda count=threads: count)
        made.append(packed(tmp_path / str(threads), pixels, table(*[""] * 60), SEEN, find))
    (one, faces), (other, others) = made
    assert one.equals(other)
    assert (faces == others).all()
    assert (one["outcome"] == "detected").sum() >= 55
