"""Archives that leave their folder, explode or never end."""

import bz2
import gzip
import io
import os
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from watched import watched

MB, GB = 1 << 20, 1 << 30
EXTRACT = ("from clfer.archives import extract", "extract(path, path.parent / 'out')")
FER2013 = ("from clfer.datasets import fer2013", "fer2013.read(path)")


def only(archive):
    """Whether nothing came to lie beside it."""
    return os.listdir(archive.parent) == [archive.name]


def zeros(path, name, size):
    """A zip with a file of that many zeros, written as a stream."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        for _ in range(size // MB):
            member.write(bytes(MB))
    return path


def header(name, size, kind=tarfile.REGTYPE):
    """The block of a tar in front of a member."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def test_a_bomb_of_megabytes_that_unpacks_to_gigabytes(tmp_path):
    bomb = zeros(tmp_path / "a.zip", "fer2013.csv", 1100 * MB)
    assert bomb.stat().st_size < 6 * MB
    line, grown, _ = watched(*EXTRACT, bomb)
    assert line == (
        f"{bomb}: expected at most 1,073,741,824 bytes unpacked, found more by its member "
        "'fer2013.csv'; fetch it again"
    )
    assert grown < 100 * MB
    assert only(bomb)


def test_a_bomb_of_bzip2_that_zipfile_would_unpack_at_once(tmp_path):
    """300 bytes that become 300 million: whoever asks for 64 kB of it would have them in memory."""
    compressed = bz2.compress(bytes(300 * MB))
    bomb = tmp_path / "a.zip"
    with zipfile.ZipFile(bomb, "w") as archive:
        archive.writestr("fer2013.csv", compressed)
    content = bytearray(bomb.read_bytes())
    for start, method, size in ((b"PK\3\4", 8, 22), (b"PK\1\2", 10, 24)):
        place = content.index(start)
        struct.pack_into("<H", content, place + method, zipfile.ZIP_BZIP2)
        struct.pack_into("<I", content, place + size, 300 * MB)
    bomb.write_bytes(content)
    line, grown, _ = watched(*EXTRACT, bomb)
    assert line == (
        f"{bomb}: expected plain files within one folder, found the member 'fer2013.csv', "
        "compressed by method 12; unpack it by hand if you trust it"
    )
    assert grown < 100 * MB
    assert only(bomb)


@pytest.mark.parametrize(
    ("place", "value", "found"),
    [(6, 99, "zip file version 9.9"), (8, 0x20, "patched data"), (8, 0x40, "strong encryption")],
)
def test_a_zip_that_zipfile_does_not_know_how_to_unpack(tmp_path, place, value, found):
    strange = tmp_path / "a.zip"
    with zipfile.ZipFile(strange, "w") as archive:
        archive.writestr("fer2013.csv", "emotion,pixels,Usage\n")
    content = bytearray(strange.read_bytes())
    struct.pack_into("<H", content, content.index(b"PK\1\2") + place, value)
    strange.write_bytes(content)
    line, _, _ = watched(*EXTRACT, strange)
    assert line.startswith(f"{strange}: expected ")
    assert found in line


def test_a_name_of_a_gigabyte(tmp_path):
    bomb = tmp_path / "a.tgz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(header("name", GB, tarfile.GNUTYPE_LONGNAME))
        for _ in range(1024):
            file.write(bytes(MB))
    line, grown, _ = watched(*EXTRACT, bomb)
    assert "found a damaged or truncated one (a header of 1,073,741,824 bytes)" in line
    assert grown < 100 * MB
    assert only(bomb)


def test_members_that_lie_in_one_another(tmp_path):
    """With -512 bytes a member ends where it begins, and tarfile comes to it again and again."""
    bomb = tmp_path / "a.tgz"
    block = bytearray(header("again", 0))
    block[124:136] = (-512 & ((1 << 96) - 1)).to_bytes(12, "big")
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    bomb.write_bytes(gzip.compress(bytes(block) + bytes(1024)))
    line, grown, seconds = watched(*EXTRACT, bomb)
    assert "found a damaged or truncated one (members that lie in one another)" in line
    assert grown < 100 * MB
    assert seconds < 60
    assert only(bomb)


def test_a_hundred_thousand_members(tmp_path):
    bomb = tmp_path / "a.tgz"
    block = header("n", 0, tarfile.DIRTYPE)
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        for _ in range(50):
            file.write(block * 2000)
        file.write(bytes(1024))
    line, grown, _ = watched(*EXTRACT, bomb)
    assert line == "nothing"
    assert grown < 20 * MB


def test_headers_of_headers(tmp_path):
    bomb = tmp_path / "a.tar"
    bomb.write_bytes(header("x", 0, tarfile.GNUTYPE_LONGNAME) * 5000 + bytes(1024))
    line, _, _ = watched(*EXTRACT, bomb)
    assert line.startswith(f"{bomb}: expected a complete archive, found a damaged or truncated one")
    assert only(bomb)


def test_zeros_without_end_behind_the_end(tmp_path):
    bomb = tmp_path / "a.tgz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(header("a", 0) + bytes(1024))
        for _ in range(600):
            file.write(bytes(MB))
    line, grown, _ = watched(*EXTRACT, bomb)
    assert "(more than 268,435,456 bytes behind its end)" in line
    assert grown < 100 * MB
    assert only(bomb)


def test_pickles_in_an_npz_are_never_opened(tmp_path):
    """Of objects that would leave a file behind were they unpickled."""
    mark = tmp_path / "mark"

    class Evil:
        def __reduce__(self):
            return (open, (str(mark), "w"))

    array = np.array([Evil()], dtype=object)
    np.savez(tmp_path / "fer2013.npz", pixels=array, emotion=array, usage=array)
    line, _, _ = watched(*FER2013, tmp_path / "fer2013.npz")
    assert "found a damaged, truncated or pickled one (Object arrays cannot be loaded" in line
    assert not mark.exists()


def test_a_pickle_under_an_arrays_name_and_a_password(tmp_path):
    """numpy gives the bytes of what is no .npy, and a RuntimeError over a password."""
    path = tmp_path / "fer2013.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("pixels", "emotion", "usage"):
            archive.writestr(f"{name}.npy", b"\x80\x04cposix\nsystem\n.")
    line, _, _ = watched(*FER2013, path)
    assert "(the magic string is not correct" in line
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    assert "(a password); fetch it again" in watched(*FER2013, path).line


def test_an_array_that_declares_a_terabyte(tmp_path):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|u1", "fortran_order": False, "shape": (1 << 28, 48, 48)}
    )
    path = tmp_path / "fer2013.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("pixels", "emotion", "usage"):
            archive.writestr(f"{name}.npy", file.getvalue())
    line, grown, _ = watched(*FER2013, path)
    assert "expected a complete .npz of plain arrays, found a damaged" in line
    assert grown < 50 * MB
