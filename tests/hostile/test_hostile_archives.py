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
from clfer.sources.unpack import unpack
from image_trees import encoded, fetched, plant
from watched import told

from clfer.datasets import folder
from clfer.errors import InputError

MB, GB = 1 << 20, 1 << 30
UNPACK = ("from clfer.sources.unpack import unpack", "unpack(path, path.parent / 'out')")
FER2013 = ("from clfer.datasets.fer2013 import reader", "reader.read(path)")
IN_PLACE = (
    "from clfer.datasets.listing import listing\n"
    "from clfer.datasets.content import digest",
    "[digest(path.parent, file.path) for file in listing(path.parent).files]",
)


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


@pytest.fixture(scope="module")
def deflated(tmp_path_factory):
    """5 MB that become more than a gigabyte."""
    bomb = zeros(tmp_path_factory.mktemp("bomb") / "fer2013.zip", "fer2013.csv", 1100 * MB)
    assert bomb.stat().st_size < 6 * MB
    return bomb


@pytest.mark.parametrize(
    ("read", "found"),
    [
        (UNPACK, "bytes unpacked, found more by its member 'fer2013.csv'; fetch it again"),
        (FER2013, "bytes unpacked, found 1,153,433,600; fetch it again"),
        (IN_PLACE, "bytes in a file, found 1,153,433,600 in 'fer2013.csv'; fetch it again"),
    ],
)
def test_a_bomb_of_megabytes_that_unpacks_to_gigabytes(deflated, read, found):
    line, grown, _ = told(*read, deflated)
    assert line == f"{deflated}: expected at most 1,073,741,824 {found}"
    assert grown < 100 * MB
    assert only(deflated)


@pytest.fixture(scope="module")
def bzip2(tmp_path_factory):
    """300 bytes that become 300 million."""
    compressed = bz2.compress(bytes(300 * MB))
    assert len(compressed) < 400
    bomb = tmp_path_factory.mktemp("bomb") / "fer2013.zip"
    with zipfile.ZipFile(bomb, "w") as archive:
        archive.writestr("fer2013.csv", compressed)
    content = bytearray(bomb.read_bytes())
    for start, method, size in ((b"PK\3\4", 8, 22), (b"PK\1\2", 10, 24)):
        place = content.index(start)
        struct.pack_into("<H", content, place + method, zipfile.ZIP_BZIP2)
        struct.pack_into("<I", content, place + size, 300 * MB)
    bomb.write_bytes(content)
    return bomb


@pytest.mark.parametrize("read", [UNPACK, FER2013, IN_PLACE])
def test_a_bomb_of_bzip2_that_zipfile_would_unpack_at_once(bzip2, read):
    """Whoever asks for 64 kB of it would have 300 MB in memory."""
    line, grown, _ = told(*read, bzip2)
    assert line == (
        f"{bzip2}: expected a zip of deflated files, found 'fer2013.csv' by method 12; repack it"
    )
    assert grown < 100 * MB
    assert only(bzip2)


@pytest.mark.parametrize(
    ("place", "value", "found"),
    [(6, 99, "zip file version 9.9"), (8, 0x20, "patched data"), (8, 0x40, "strong encryption")],
)
@pytest.mark.parametrize("read", [UNPACK, FER2013])
def test_a_zip_that_zipfile_does_not_know_how_to_unpack(tmp_path, read, place, value, found):
    strange = tmp_path / "fer2013.zip"
    with zipfile.ZipFile(strange, "w") as archive:
        archive.writestr("fer2013.csv", "emotion,pixels,Usage\n")
    content = bytearray(strange.read_bytes())
    struct.pack_into("<H", content, content.index(b"PK\1\2") + place, value)
    strange.write_bytes(content)
    line, _, _ = told(*read, strange)
    assert line.startswith(f"{strange}: expected ")
    assert found in line


@pytest.mark.parametrize("read", [UNPACK, FER2013])
def test_a_name_of_a_gigabyte(tmp_path, read):
    bomb = tmp_path / "fer2013.tar.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(header("name", GB, tarfile.GNUTYPE_LONGNAME))
        for _ in range(1024):
            file.write(bytes(MB))
    line, grown, _ = told(*read, bomb)
    assert "found a damaged or truncated one (a header of 1,073,741,824 bytes)" in line
    assert grown < 100 * MB
    assert only(bomb)


@pytest.mark.parametrize("read", [UNPACK, FER2013])
def test_members_that_lie_in_one_another(tmp_path, read):
    """With -512 bytes a member ends where it begins, and tarfile comes to it again and again."""
    bomb = tmp_path / "fer2013.tar.gz"
    block = bytearray(header("again", 0))
    block[124:136] = (-512 & ((1 << 96) - 1)).to_bytes(12, "big")
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    bomb.write_bytes(gzip.compress(bytes(block) + bytes(1024)))
    line, grown, seconds = told(*read, bomb)
    assert "found a damaged or truncated one (members that lie in one another)" in line
    assert grown < 100 * MB
    assert seconds < 60
    assert only(bomb)


def test_a_hundred_thousand_members_in_front_of_the_table(tmp_path):
    bomb = tmp_path / "fer2013.tar.gz"
    block = header("n", 0)
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        for _ in range(50):
            file.write(block * 2000)
        file.write(bytes(1024))
    line, grown, _ = told(*FER2013, bomb)
    assert line == (
        f"{bomb}: expected fer2013.csv or icml_face_data.csv inside, found n, n, n, n, n, ...; "
        "fetch it again"
    )
    assert grown < 20 * MB


def test_headers_of_headers(tmp_path):
    bomb = tmp_path / "a.tar"
    bomb.write_bytes(header("x", 0, tarfile.GNUTYPE_LONGNAME) * 5000 + bytes(1024))
    line, _, _ = told(*UNPACK, bomb)
    assert line.startswith(f"{bomb}: expected a complete archive, found a damaged or truncated one")
    assert only(bomb)


def test_zeros_without_end_behind_the_end(tmp_path):
    bomb = tmp_path / "a.tgz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(header("a", 0) + bytes(1024))
        for _ in range(600):
            file.write(bytes(MB))
    line, grown, _ = told(*UNPACK, bomb)
    assert "(more than 268,435,456 bytes behind its end)" in line
    assert grown < 100 * MB
    assert only(bomb)


@pytest.mark.parametrize("name", ["../evil.png", "train/../../evil.png", "/tmp/evil-clfer.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_path_that_leads_out(tmp_path, name, kind):
    there = tmp_path / "there"
    there.mkdir()
    archive = there / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr(name, encoded(0))
    else:
        with tarfile.open(archive, "w") as opened:
            info = tarfile.TarInfo(name)
            info.size = len(encoded(0))
            opened.addfile(info, io.BytesIO(encoded(0)))
    with pytest.raises(InputError, match="do not trust this archive"):
        unpack(archive, there / "out")
    if kind == "zip":
        with pytest.raises(InputError, match=r"expected files below the zip, found .*evil"):
            fetched(folder, there, tmp_path / "raw")
    assert only(archive)
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]


def test_a_zip_that_says_less_than_it_holds_gives_no_more_than_it_says(tmp_path):
    there = plant(tmp_path / "there", {})
    there.mkdir()
    zeros(there / "train.zip", "happy/1.png", 64 * MB)
    content = bytearray((there / "train.zip").read_bytes())
    place = content.index(b"PK\1\2")
    struct.pack_into("<I", content, place + 24, 100)
    (there / "train.zip").write_bytes(content)
    _, grown, _ = told(*IN_PLACE, there / "train.zip")
    assert grown < 50 * MB


def test_pickles_in_an_npz_are_never_opened(tmp_path):
    """Of objects that would leave a file behind were they unpickled."""
    mark = tmp_path / "mark"

    class Evil:
        def __reduce__(self):
            return (open, (str(mark), "w"))

    array = np.array([Evil()], dtype=object)
    np.savez(tmp_path / "fer2013.npz", pixels=array, emotion=array, usage=array)
    line, _, _ = told(*FER2013, tmp_path / "fer2013.npz")
    assert "found a damaged, truncated or pickled one (a pickled array); fetch it again" in line
    assert not mark.exists()


def test_a_pickle_under_an_arrays_name_and_a_password(tmp_path):
    """numpy gives the bytes of what is no .npy, and a RuntimeError over a password."""
    path = tmp_path / "fer2013.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("pixels", "emotion", "usage"):
            archive.writestr(f"{name}.npy", b"\x80\x04cposix\nsystem\n.")
    line, _, _ = told(*FER2013, path)
    assert "(the magic string is not correct" in line
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    assert "(a password); fetch it again" in told(*FER2013, path).line


def test_an_array_that_declares_a_terabyte(tmp_path):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|u1", "fortran_order": False, "shape": (1 << 28, 48, 48)}
    )
    path = tmp_path / "fer2013.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("pixels", "emotion", "usage"):
            archive.writestr(f"{name}.npy", file.getvalue())
    line, grown, _ = told(*FER2013, path)
    assert "(0 bytes for an array [268435456, 48, 48] of uint8); fetch it again" in line
    assert grown < 50 * MB
