"""Archives, arrays and tables that explode, are as good as endless or lie in one another."""

import bz2
import gzip
import io
import struct
import tarfile
import zipfile

import pytest
from fer2013_forms import zipped
from numpy.lib import format as npy
from watched import watched

MB, GB = 1 << 20, 1 << 30
EXTRACT = ("from clfer.archives import extract", "extract(path, path.parent / 'out')")
FER2013 = ("from clfer.datasets import fer2013", "fer2013.read(path)")
LAYOUT = ("from clfer.datasets import votes", "votes.read_layout(path)")
LISTS = ("from clfer.datasets import source", "list(source.lines(path.parents[1], path.name))")
TORN = "expected a complete archive, found a damaged or truncated one ("


def header(name, size, kind=tarfile.REGTYPE):
    """The block of a tar in front of a member."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def streamed(file, size):
    """Zeros, a megabyte at a time."""
    for _ in range(size // MB):
        file.write(bytes(MB))


def zeros(path):
    """Megabytes that unpack to gigabytes."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("fer2013.csv", "w", force_zip64=True) as member,
    ):
        streamed(member, 1100 * MB)
    assert path.stat().st_size < 6 * MB


def bzip2(path):
    """300 bytes that become 300 million: whoever asks for 64 kB of it would have them in memory."""
    content = bytearray(zipped({"a.csv": bz2.compress(bytes(300 * MB))}, zipfile.ZIP_STORED))
    for start, method, size in ((b"PK\3\4", 8, 22), (b"PK\1\2", 10, 24)):
        place = content.index(start)
        struct.pack_into("<H", content, place + method, zipfile.ZIP_BZIP2)
        struct.pack_into("<I", content, place + size, 300 * MB)
    path.write_bytes(content)


def unknown(place, value):
    """A zip that zipfile does not know how to unpack."""

    def make(path):
        content = bytearray(zipped({"fer2013.csv": b"emotion,pixels,Usage\n"}))
        struct.pack_into("<H", content, content.index(b"PK\1\2") + place, value)
        path.write_bytes(content)

    return make


def long_name(path):
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header("name", GB, tarfile.GNUTYPE_LONGNAME))
        streamed(file, GB)


def in_one_another(path):
    """With -512 bytes a member ends where it begins, and tarfile comes to it again and again."""
    block = bytearray(header("again", 0))
    block[124:136] = (-512 & ((1 << 96) - 1)).to_bytes(12, "big")
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    path.write_bytes(gzip.compress(bytes(block) + bytes(1024)))


def headers(path):
    """Headers of headers."""
    path.write_bytes(header("x", 0, tarfile.GNUTYPE_LONGNAME) * 5000 + bytes(1024))


def behind(path):
    """Zeros without end behind the end."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header("a", 0) + bytes(1024))
        streamed(file, 600 * MB)


def array(path):
    """An .npz whose arrays declare a terabyte."""
    file = io.BytesIO()
    declared = {"descr": "|u1", "fortran_order": False, "shape": (1 << 28, 48, 48)}
    npy.write_array_header_1_0(file, declared)
    names = ("pixels", "emotion", "usage")
    path.write_bytes(zipped({f"{name}.npy": file.getvalue() for name in names}))


def field(start):
    """A table with a field of a thousand million zeros; as a sparse file it takes no room."""

    def make(path):
        (path.parents[1] / "folder.txt").write_text("there\n")
        with path.open("wb") as file:
            file.write(start)
            file.truncate(len(start) + 10**9)
            file.seek(0, 2)
            file.write(b",Training\n")

    return make


@pytest.mark.parametrize(
    ("read", "name", "make", "found"),
    [
        (EXTRACT, "a.zip", zeros, "at most 1,073,741,824 bytes unpacked, found more by its member"),
        (EXTRACT, "a.zip", bzip2, "found the member 'a.csv', compressed by method 12; unpack it"),
        (EXTRACT, "a.zip", unknown(6, 99), "zip file version 9.9"),
        (EXTRACT, "a.zip", unknown(8, 0x20), "patched data"),
        (EXTRACT, "a.zip", unknown(8, 0x40), "strong encryption"),
        (EXTRACT, "a.tgz", long_name, f"{TORN}a header of 1,073,741,824 bytes)"),
        (EXTRACT, "a.tgz", in_one_another, f"{TORN}members that lie in one another)"),
        (EXTRACT, "a.tar", headers, TORN),
        (EXTRACT, "a.tgz", behind, f"{TORN}more than 268,435,456 bytes behind its end)"),
        (
            FER2013,
            "fer2013.npz",
            array,
            "expected a complete .npz of plain arrays, found a damaged",
        ),
        (FER2013, "fer2013.csv", field(b"emotion,pixels,Usage\n0,"), "at most 536,870,912 bytes"),
        (LAYOUT, "label.csv", field(b"a.png,"), "expected at most 536,870,912 bytes"),
        (LISTS, "training.csv", field(b"1/a.jpg,"), "line 1: expected a row of a list, found a"),
    ],
)
def test_it_is_refused_in_a_line_soon_and_in_little_memory(read, name, make, found, tmp_path):
    path = tmp_path / "labels" / name
    path.parent.mkdir()
    make(path)
    before = sorted(tmp_path.rglob("*"))
    line, grown, seconds = watched(*read, path)
    assert found in line
    assert line.isprintable()
    assert len(line) < 1000
    assert grown < (100 if read is EXTRACT else 50 if make is array else 20) * MB
    assert seconds < 60
    assert sorted(tmp_path.rglob("*")) == before


def test_a_hundred_thousand_members(tmp_path):
    many = tmp_path / "a.tgz"
    block = header("n", 0, tarfile.DIRTYPE)
    with gzip.open(many, "wb", compresslevel=1) as file:
        for _ in range(50):
            file.write(block * 2000)
        file.write(bytes(1024))
    line, grown, _ = watched(*EXTRACT, many)
    assert line == "nothing"
    assert grown < 20 * MB
