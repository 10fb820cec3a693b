import re

import numpy as np
import pytest
from fer2013_forms import EMOTION, FACES, FORMS, USAGE, npz, official, place, tar, words, zipped

from clfer.datasets import fer2013
from clfer.errors import InputError


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_table(tmp_path, name):
    path = fer2013.unpacked(place(tmp_path, name, FORMS[name]), tmp_path / "scratch")
    table = fer2013.read(path)
    assert table.pixels.dtype == np.uint8
    assert np.array_equal(table.pixels, FACES)
    assert table.emotion.tolist() == EMOTION
    assert table.usage == USAGE


def spoilt(find, put):
    return official().replace(find.encode(), put.encode(), 1)


def locked(content):
    """A zip of which the first member is said to have a password: zipfile's RuntimeError."""
    place = content.index(b"PK\1\2") + 8  # the flag, in the central directory
    return content[:place] + b"\1" + content[place + 1 :]


THIRD = words(FACES[2])
REST = " " + THIRD.split(" ", 1)[1]
LEVELS = " row 2: expected 2304 grey levels 0 to 255, found "
HEAD = ": expected the columns emotion, pixels and Usage, found "
TABLE = "fer2013.csv"
ARRAYS = "fer2013.npz"
BAD = [
    (TABLE, spoilt(THIRD, THIRD.rsplit(" ", 1)[0]), LEVELS + "2303 of them"),
    (TABLE, spoilt(THIRD, ""), LEVELS + "0 of them"),
    (TABLE, spoilt(THIRD, "12 x7 " + THIRD), LEVELS + "'x7'"),
    (TABLE, spoilt(THIRD, "256" + REST), LEVELS + "'256'"),
    (TABLE, spoilt(THIRD, "9" * 40 + REST), LEVELS + f"'{'9' * 20}'"),
    (TABLE, spoilt(THIRD, "-1" + REST), LEVELS + "'-1'"),
    (TABLE, spoilt(",PublicTest", ""), " row 2: expected Training, .* in column usage, found ''"),
    (TABLE, spoilt(",PublicTest", ",PublicTest,3"), ": expected a csv in UTF-8 of the columns emo"),
    (TABLE, spoilt("\n6,", "\n7,"), " row 1: expected 0 to 6 in column emotion, found '7'"),
    (TABLE, spoilt("\n6,", "\n=6,"), " row 1: expected 0 to 6 in column emotion, found '=6'"),
    (TABLE, spoilt("\n6,", "\n+6,"), " row 1: expected 0 to 6 in column emotion, found '\\+6'"),
    (TABLE, b"emotion,pixels\n3,0\n", HEAD + "'emotion,pixels' without usage"),
    (TABLE, b"", HEAD + "'' without"),
    (TABLE, bytes(range(256)), ": expected (a csv in UTF-8 of )?the columns emotion, pixels and"),
    (TABLE, b"emotion,pixels,Usage\n", ": expected rows below the header, found none"),
    (ARRAYS, npz()[:9000], ": expected a complete .npz of plain arrays, found a damaged"),
    (ARRAYS, npz(usage=None), ": expected the arrays .*, found pixels, emotion without usage"),
    (ARRAYS, npz(pixels=FACES[:, :, :47]), r": expected pixels .* found uint8 \[5, 48, 47\]"),
    (ARRAYS, npz(pixels=FACES / 255), r": expected pixels .* found float64 \[5, 48, 48\]"),
    (ARRAYS, npz(pixels=np.array(7)), r": expected pixels .* found int64 \[\]"),
    (ARRAYS, npz(usage=np.array([0, 0, 1, 3, 2])), ": .* 0 to 2 .* found 3 in row 3"),
    (ARRAYS, npz(emotion=np.array([0, 1, -1, 2, 3])), ": .* 0 to 6 .* found -1 in row 2"),
    (ARRAYS, npz(pixels=np.array([{"code": 1}])), ": .*found a damaged, truncated or pickled one"),
    (ARRAYS, zipped({"pixels.npy": b"\x80\x04cposix\nsystem\n."}), ": .*the magic string is not"),
    (ARRAYS, locked(npz()), r": .*\(a password\)"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD)
def test_a_bad_file_is_explained_in_one_line(tmp_path, name, content, message):
    path = place(tmp_path, name, content)
    advice = "; (fetch it again|make it again|take .*)$"
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}{message}.*{advice}"):
        fer2013.read(path)


@pytest.mark.parametrize("name", [TABLE, ARRAYS])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(InputError, match=f"{name}: expected a file, found none"):
        fer2013.read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("fer2013.tar.gz", tar({"fer2013/README": b"read me"}), "fer2013/README; fetch it again"),
        ("archive.zip", zipped({}), "nothing; fetch it again"),
    ],
)
def test_an_archive_without_the_table_says_what_it_holds(tmp_path, name, content, found):
    expected = f"{name}: expected fer2013.csv or icml_face_data.csv inside, found {found}"
    with pytest.raises(InputError, match=expected):
        fer2013.unpacked(place(tmp_path, name, content), tmp_path / "scratch")


def test_a_tar_that_kaggle_serves_in_a_zip(tmp_path):
    inner = tar({"fer2013/fer2013.csv": official()})
    path = place(tmp_path, "fer2013.tar.gz", zipped({"fer2013.tar.gz": inner, "train.csv": b"no"}))
    table = fer2013.read(fer2013.unpacked(path, tmp_path / "scratch"))
    assert np.array_equal(table.pixels, FACES)


def test_an_npz_that_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(fer2013, "LARGEST", 10_000)
    with pytest.raises(InputError, match=r"[\d,]+ bytes unpacked, more than 10,000"):
        fer2013.read(place(tmp_path, ARRAYS, npz()))


def test_a_damaged_zip_is_found_and_explained(tmp_path):
    path = place(tmp_path, "archive.zip", FORMS["archive.zip"][:9000])
    assert fer2013.find(tmp_path) == path
    with pytest.raises(InputError, match="found a damaged or truncated one"):
        fer2013.unpacked(path, tmp_path / "scratch")


def test_find_prefers_the_documented_order(tmp_path):
    assert fer2013.find(tmp_path) is None
    assert fer2013.find(tmp_path / "nowhere") is None
    below = tmp_path / "below"
    below.mkdir()
    place(tmp_path, "photos.zip", zipped({"a.jpg": b"a"}))
    assert fer2013.find(tmp_path) is None
    for name in ("archive.zip", *reversed(fer2013.FORMS)):
        for folder in (below, tmp_path):
            path = place(folder, name, FORMS[name])
            assert fer2013.find(tmp_path) == path


def test_what_a_mac_puts_beside_a_file_is_not_taken_for_it(tmp_path):
    for name in ("__MACOSX/fer2013.csv", "._fer2013.csv", ".trash/fer2013.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        place(tmp_path, name, b"junk")
    place(tmp_path, "a.zip", zipped({"__MACOSX/fer2013.csv": b"junk"}))
    assert fer2013.find(tmp_path) is None
    packed = zipped({"fer2013.csv": official(), "__MACOSX/fer2013.csv": b"junk"})
    path = place(tmp_path, "b.ZIP", packed)
    assert fer2013.find(tmp_path) == path
    table = fer2013.read(fer2013.unpacked(path, tmp_path / "scratch"))
    assert np.array_equal(table.pixels, FACES)
