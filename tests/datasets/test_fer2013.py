import gzip
import io
import re
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clfer.datasets import archives, fer2013, fer2013_csv
from clfer.errors import InputError

RNG = np.random.default_rng(0)
FACES = RNG.integers(0, 256, (5, 48, 48), np.uint8)
EMOTION = [0, 6, 3, 3, 1]
USAGE = ["Training", "Training", "PublicTest", "PrivateTest", "PrivateTest"]


def words(face):
    return " ".join(str(level) for level in face.ravel())


def official(faces=FACES):
    rows = [f"{e},{words(f)},{u}" for e, f, u in zip(EMOTION, faces, USAGE, strict=True)]
    return "\n".join(["emotion,pixels,Usage", *rows, ""]).encode()


def icml(faces=FACES):
    rows = [f"{e},{u},{words(f)}" for e, f, u in zip(EMOTION, faces, USAGE, strict=True)]
    return "\r\n".join(["emotion, Usage, pixels", *rows, ""]).encode()


def quoted():
    rows = [f'"{e}","{words(f)}","{u}"' for e, f, u in zip(EMOTION, FACES, USAGE, strict=True)]
    return "\n".join(['\ufeff"emotion","pixels","Usage"', *rows]).encode()


def tar(members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def zipped(members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def npz(**changed):
    packed = io.BytesIO()
    usage = np.array([fer2013.USAGE.index(use) for use in USAGE], np.uint8)
    arrays = {"pixels": FACES, "emotion": np.array(EMOTION, np.int8), "usage": usage} | changed
    np.savez(packed, **{name: array for name, array in arrays.items() if array is not None})
    return packed.getvalue()


FORMS = {
    "fer2013.csv": official(),
    "icml_face_data.csv": icml(),
    "copy.csv": quoted(),
    "fer2013.tar.gz": tar({"fer2013/README": b"read me", "fer2013/fer2013.csv": official()}),
    "fer2013.tgz": tar({"fer2013.csv": official(), "later.txt": b"x" * 5000}),
    "archive.zip": zipped({"fer2013/fer2013.csv": official()}),
    "both.zip": zipped({"train.csv": b"no", "icml_face_data.csv": icml(), "test.csv": b"no"}),
    "fer2013.npz": npz(),
}


def place(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_table(tmp_path, name):
    table = fer2013.read(place(tmp_path, name, FORMS[name]))
    assert table.pixels.dtype == np.uint8
    assert np.array_equal(table.pixels, FACES)
    assert table.emotion.tolist() == EMOTION
    assert table.usage == USAGE
    assert np.array_equal(fer2013.faces(tmp_path / name), FACES)


def test_nothing_is_unpacked_beside_an_archive(tmp_path):
    fer2013.faces(place(tmp_path, "fer2013.tar.gz", FORMS["fer2013.tar.gz"]))
    assert [path.name for path in tmp_path.iterdir()] == ["fer2013.tar.gz"]


@given(seed=st.integers(0, 2**32), blanks=st.integers(1, 3), zeros=st.integers(0, 2))
def test_a_row_reads_back_what_was_written(seed, blanks, zeros):
    face = np.random.default_rng(seed).integers(0, 256, (48, 48), np.uint8)
    cell = (" " * blanks).join("0" * zeros + str(level) for level in face.ravel())
    table = fer2013_csv.parse(io.BytesIO(f"emotion,pixels,usage\n3,{cell},Training".encode()), "x")
    assert np.array_equal(table.pixels[0], face)


def spoilt(find, put):
    return official().replace(find.encode(), put.encode(), 1)


THIRD = words(FACES[2])
ROW_2 = r"row 2 \(line 4\)"
BAD_TABLES = [
    (
        spoilt(THIRD, THIRD.rsplit(" ", 1)[0]),
        ROW_2 + ": expected 2304 pixels, found 2303",
    ),
    (spoilt(THIRD, THIRD + " 7"), ROW_2 + ": expected 2304 pixels, found 2305"),
    (spoilt(THIRD, ""), ROW_2 + ": expected 2304 pixels, found 0"),
    (
        spoilt(THIRD, "12 x7 " + THIRD),
        ROW_2 + ": expected grey levels 0 to 255, found 'x7' as pixel 1",
    ),
    (
        spoilt(THIRD, "256 " + THIRD.split(" ", 1)[1]),
        ROW_2 + ": expected grey levels 0 to 255, found '256' as pixel 0",
    ),
    (
        spoilt(THIRD, "9" * 40 + " " + THIRD.split(" ", 1)[1]),
        ROW_2 + ": expected grey levels 0 to 255, found '99999999999999999999' as pixel 0",
    ),
    (
        spoilt(THIRD, "-1 " + THIRD.split(" ", 1)[1]),
        ROW_2 + ": expected grey levels 0 to 255, found '-1' as pixel 0",
    ),
    (
        spoilt(THIRD, "1.5 " + THIRD.split(" ", 1)[1]),
        ROW_2 + ": expected grey levels 0 to 255, found '1.5' as pixel 0",
    ),
    (
        spoilt("PublicTest", "Validation"),
        ROW_2 + ": expected the usage Training, PublicTest, PrivateTest, found 'Validation'",
    ),
    (spoilt(",PublicTest", ""), ROW_2 + ": expected 3 columns, found 2"),
    (spoilt("\n6,", "\n7,"), r"row 1 \(line 3\): expected an emotion 0 to 6, found '7'"),
    (spoilt("\n6,", "\n,"), r"row 1 \(line 3\): expected an emotion 0 to 6, found ''"),
    (
        spoilt("emotion,pixels,Usage", "emotion,pixels"),
        "expected the columns emotion, pixels and Usage, found 'emotion,pixels' without usage",
    ),
    (b"", "expected the columns emotion, pixels and Usage, found '' without"),
    (bytes(range(256)), "expected the columns emotion, pixels and Usage"),
    (b"emotion,pixels,Usage\n", "expected rows below the header, found none"),
]


@pytest.mark.parametrize(("content", "message"), BAD_TABLES)
def test_a_bad_table_is_told_in_one_line(tmp_path, content, message):
    path = place(tmp_path, "fer2013.csv", content)
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}:? {message}") as told:
        fer2013.faces(path)
    assert "\n" not in str(told.value)
    assert re.search("; (fetch it again|take )", str(told.value))


def broken(content):
    """Compressed bytes with one of them changed near the end of what they hold."""
    place = len(content) * 3 // 4
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def wrong_checksum(content):
    """A gzip file whose checksum, in the last eight bytes, is another's."""
    return content[:-8] + bytes(4) + content[-4:]


DAMAGED = [
    ("fer2013.tar.gz", FORMS["fer2013.tar.gz"][:9000]),
    ("fer2013.tar.gz", FORMS["fer2013.tar.gz"][:-6]),
    ("fer2013.tar.gz", wrong_checksum(FORMS["fer2013.tar.gz"])),
    ("fer2013.tar.gz", b"no archive at all"),
    ("fer2013.tar.gz", b""),
    ("fer2013.tar.gz", gzip.compress(b"no tar inside" * 100)),
    ("archive.zip", FORMS["archive.zip"][:9000]),
    ("archive.zip", broken(FORMS["archive.zip"])),
    ("archive.zip", b"no archive at all"),
    ("fer2013.npz", FORMS["fer2013.npz"][:9000]),
    ("fer2013.npz", b"no archive at all"),
    ("fer2013.npz", b""),
]


@pytest.mark.parametrize(("name", "content"), DAMAGED)
def test_a_damaged_archive_is_told_in_one_line(tmp_path, name, content):
    path = place(tmp_path, name, content)
    with pytest.raises(InputError, match=r"; fetch it again$") as told:
        fer2013.faces(path)
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("size", range(0, len(FORMS["fer2013.tgz"]), 1777))
def test_no_truncation_goes_unnoticed(tmp_path, size):
    with pytest.raises(InputError, match="damaged or truncated"):
        fer2013.faces(place(tmp_path, "fer2013.tgz", FORMS["fer2013.tgz"][:size]))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fer2013.tar.gz", tar({"fer2013/README": b"read me"})),
        ("archive.zip", zipped({"fer2013/README": b"read me"})),
    ],
)
def test_an_archive_without_the_table_says_what_it_holds(tmp_path, name, content):
    expected = f"{name}: expected fer2013.csv or icml_face_data.csv inside, found fer2013/README"
    with pytest.raises(InputError, match=expected):
        fer2013.faces(place(tmp_path, name, content))


@pytest.mark.parametrize("name", ["fer2013.tgz", "archive.zip", "fer2013.npz"])
def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(archives, "LIMIT", 10_000)
    with pytest.raises(InputError, match=r"expected at most 10,000 bytes unpacked, found [\d,]+"):
        fer2013.faces(place(tmp_path, name, FORMS[name]))


@pytest.mark.parametrize("name", ["fer2013.csv", "fer2013.tar.gz", "archive.zip", "fer2013.npz"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(InputError, match=f"{name}: expected a file, found none"):
        fer2013.faces(tmp_path / name)


BAD_ARRAYS = [
    ({"usage": None}, "expected the arrays pixels, emotion, usage, found pixels, emotion without"),
    ({"pixels": FACES[:, :, :47]}, r"found uint8 \[5, 48, 47\]"),
    ({"pixels": FACES / 255}, r"found float64 \[5, 48, 48\]"),
    ({"pixels": np.array(7)}, r"found int64 \[\]"),
    ({"usage": np.array([0, 0, 1, 3, 2])}, "usage as whole numbers 0 to 2 .* found 3 in row 3"),
    ({"usage": np.array([0, 0, 1])}, r"found int64 \[3\]"),
    ({"emotion": np.array([0, 1, -1, 2, 3])}, "emotion .* 0 to 6 .* found -1 in row 2"),
    ({"pixels": np.array([{"code": 1}])}, "found a damaged, truncated or pickled one"),
]


@pytest.mark.parametrize(("changed", "message"), BAD_ARRAYS)
def test_bad_arrays_are_told_in_one_line(tmp_path, changed, message):
    with pytest.raises(InputError, match=message) as told:
        fer2013.faces(place(tmp_path, "fer2013.npz", npz(**changed)))
    assert str(told.value).startswith(f"{tmp_path / 'fer2013.npz'}: expected ")
    assert "\n" not in str(told.value)


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


def test_the_real_arrays(real_npz):
    table = fer2013.read(real_npz)
    assert table.pixels.shape == (35_887, 48, 48)
    assert [table.usage.count(use) for use in fer2013.USAGE] == [28_709, 3_589, 3_589]
    counts = [4_953, 547, 5_121, 8_989, 6_077, 4_002, 6_198]
    assert np.bincount(table.emotion).tolist() == counts


@pytest.mark.slow
def test_the_real_csv_equals_the_real_arrays(real_fer2013, real_npz, tmp_path):
    path = tmp_path / "fer2013.csv"
    subprocess.run([sys.executable, real_fer2013 / "unpack.py", path], check=True)
    assert path.stat().st_size == 301_081_971  # the published file's
    for ours, expected in zip(fer2013.read(path), fer2013.read(real_npz), strict=True):
        assert np.array_equal(ours, expected)
