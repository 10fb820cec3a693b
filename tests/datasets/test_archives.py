import gzip

import pytest
from fer2013_forms import FORMS, official, place, tar, zipped

from clfer.datasets.fer2013 import archives
from clfer.datasets import fer2013
from clfer.errors import InputError


def test_nothing_is_unpacked_beside_an_archive(tmp_path):
    fer2013.faces(place(tmp_path, "fer2013.tar.gz", FORMS["fer2013.tar.gz"]))
    assert [path.name for path in tmp_path.iterdir()] == ["fer2013.tar.gz"]


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


def test_a_password_is_told(tmp_path):
    content = bytearray(zipped({"fer2013.csv": official()}))
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag, in the central directory
    with pytest.raises(InputError, match=r"archive\.zip: .* found one with a password; repack it"):
        fer2013.faces(place(tmp_path, "archive.zip", content))


def test_a_damaged_zip_is_explained_rather_than_overlooked(tmp_path):
    path = place(tmp_path, "archive.zip", FORMS["archive.zip"][:9000])
    assert fer2013.find(tmp_path) == path
