import gzip
import io
import os
import stat
import tarfile
import zipfile

import numpy as np
import pytest

from clfer.errors import InputError
from clfer.sources import unpack as module
from clfer.sources.unpack import unpack

FILES = {
    "faces/happy/ein Gesicht.jpg": b"happy" * 50_000,
    "faces/sad/ü.JPG": b"sad" * 7,
    "labels.csv": b"",
}
KINDS = ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "A.ZIP", "A.TAR.GZ"]


def tar(path, members):
    """members: TarInfo, or name -> content."""
    mode = "w" if path.name.lower().endswith(".tar") else "w:gz"
    with tarfile.open(path, mode) as archive:
        for info, content in members:
            if isinstance(info, str):
                info = tarfile.TarInfo(info)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def zipped(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for info, content in members:
            archive.writestr(info, content, method)
    return path


def packed(path, members):
    return (zipped if path.suffix.lower() == ".zip" else tar)(path, members)


def tree(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def refused(archive, **bounds):
    """The line with which an archive is refused, after which there is nothing but the archive."""
    beside = {path: path.stat().st_mtime_ns for path in archive.parent.iterdir()}
    with pytest.raises(InputError) as told:
        unpack(archive, archive.parent / "out", **bounds)
    assert {path: path.stat().st_mtime_ns for path in archive.parent.iterdir()} == beside
    line = str(told.value)
    assert line.startswith(str(archive))
    assert line.isprintable()
    return line


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_gives_its_files(tmp_path, name):
    archive = packed(tmp_path / name, FILES.items())
    assert unpack(archive, tmp_path / "deep" / "out") == 3
    assert tree(tmp_path / "deep" / "out") == FILES
    assert os.listdir(tmp_path / "deep") == ["out"]


def test_folders_and_points_in_names(tmp_path):
    folder = tarfile.TarInfo("./empty")
    folder.type = tarfile.DIRTYPE
    root = tarfile.TarInfo("./")
    root.type = tarfile.DIRTYPE
    members = [(root, b""), (folder, b""), ("./a/../b"[:4] + "b.csv", b"x")]
    unpack(tar(tmp_path / "a.tar", members), tmp_path / "out")
    assert tree(tmp_path / "out") == {"a/b.csv": b"x"}
    assert (tmp_path / "out/empty").is_dir()
    zipped(tmp_path / "a.zip", [("empty/", b""), ("a\\b.csv", b"x")])
    unpack(tmp_path / "a.zip", tmp_path / "too")
    assert tree(tmp_path / "too") == {"a/b.csv": b"x"}
    assert (tmp_path / "too/empty").is_dir()


@pytest.mark.parametrize("name", KINDS[:3])
@pytest.mark.parametrize(
    ("member", "found"),
    [
        ("/etc/evil", "an absolute path"),
        ("\\evil", "an absolute path"),
        ("C:\\evil", "an absolute path"),
        ("c:evil", "an absolute path"),
        ("../evil", "one that leads elsewhere"),
        ("a/../../evil", "one that leads elsewhere"),
        ("a\\..\\..\\evil", "one that leads elsewhere"),
        ("..", "one that leads elsewhere"),
        (".", "a file without a name"),
    ],
)
def test_no_path_leads_outside(tmp_path, name, member, found):
    archive = packed(tmp_path / name, [*FILES.items(), (member, b"evil")])
    line = refused(archive)
    assert f"the member {member!r}, {found}; do not trust this archive" in line
    assert not list(tmp_path.parent.rglob("evil"))


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.GNUTYPE_SPARSE,
    ],
)
@pytest.mark.parametrize("name", ["a.tar", "a.tgz"])
def test_a_tar_brings_no_links_and_devices(tmp_path, kind, name):
    info = tarfile.TarInfo("inside/link")
    info.type, info.linkname = kind, "labels.csv"
    line = refused(tar(tmp_path / name, [*FILES.items(), (info, b"")]))
    assert "the member 'inside/link', a link or a device" in line


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_a_zip_brings_none_either(tmp_path, kind):
    info = zipfile.ZipInfo("link")
    info.external_attr = (kind | 0o777) << 16
    line = refused(zipped(tmp_path / "a.zip", [*FILES.items(), (info, b"/etc/passwd")]))
    assert "the member 'link', a link or a device" in line


def test_a_link_cannot_be_written_through(tmp_path):
    info = tarfile.TarInfo("door")
    info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path)
    refused(tar(tmp_path / "a.tar", [(info, b""), ("door/evil", b"evil")]))


@pytest.mark.parametrize("name", KINDS[:3])
def test_more_bytes_than_the_bound(tmp_path, name):
    archive = packed(tmp_path / name, FILES.items())
    total = sum(map(len, FILES.values()))
    line = refused(archive, limit=total - 1)
    assert f"at most {total - 1:,} bytes unpacked, found more by its member 'faces/sad" in line
    assert unpack(archive, tmp_path / "out", limit=total) == 3


def test_the_usual_bound_grows_with_the_archive(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LEAST", 1000)
    zeros = packed(tmp_path / "a.zip", [("zeros", bytes(1 << 22))])
    assert "expected at most" in refused(zeros)
    noise = np.random.default_rng(0).bytes(1 << 16)
    assert unpack(packed(tmp_path / "b.zip", [("noise", noise)]), tmp_path / "out") == 1


def test_a_zip_that_declares_less_than_it_holds(tmp_path):
    archive = zipped(tmp_path / "a.zip", [("bomb", bytes(1 << 22))])
    content = bytearray(archive.read_bytes())
    for start, size in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = content.index(start) + size
        content[place : place + 4] = (10).to_bytes(4, "little")
    archive.write_bytes(content)
    refused(archive, limit=1 << 20)


def test_one_content_under_many_names(tmp_path):
    """As in bombs whose members overlap."""
    archive = zipped(tmp_path / "a.zip", [("zeros", bytes(1 << 20))])
    with zipfile.ZipFile(archive, "a") as opened:
        first = opened.infolist()[0]
        for number in range(20):
            copy = zipfile.ZipInfo(f"zeros{number}")
            for name in ("header_offset", "compress_size", "file_size", "CRC", "compress_type"):
                setattr(copy, name, getattr(first, name))
            opened.filelist.append(copy)
        opened._didModify = True
    refused(archive, limit=1 << 22)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_header_that_fills_the_memory(tmp_path, kind):
    info = tarfile.TarInfo("name")
    info.type = kind
    line = refused(tar(tmp_path / "a.tgz", [(info, bytes(1 << 22)), *FILES.items()]))
    assert "a header of 4,194,304 bytes" in line


@pytest.mark.parametrize("name", KINDS[:3])
def test_more_members_than_the_bound(tmp_path, name):
    archive = packed(tmp_path / name, [(f"{number}/", b"") for number in range(11)])
    assert "at most 10 files and folders, found more" in refused(archive, members=10)


def test_a_password_is_told(tmp_path):
    archive = zipped(tmp_path / "a.zip", FILES.items())
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag, in the central directory
    archive.write_bytes(content)
    assert "found a password on its member 'faces/happy/ein Gesicht.jpg'" in refused(archive)


@pytest.mark.parametrize("name", KINDS[:4])
@pytest.mark.parametrize("part", np.linspace(0, 0.999, 12))
def test_no_truncation_goes_unnoticed(tmp_path, name, part):
    archive = packed(tmp_path / name, FILES.items())
    content = archive.read_bytes()
    if name == "a.tar":  # without the zeros with which tarfile fills it up
        content = content.rstrip(b"\0") + bytes(1024)
        archive.write_bytes(content)
        assert unpack(archive, tmp_path / "once") == 3
        content = content[:-1024]
    archive.write_bytes(content[: int(len(content) * part)])
    assert "found a damaged or truncated one" in refused(archive)


@pytest.mark.parametrize("name", ["a.tar", "a.tgz"])
def test_a_tar_cut_between_two_members(tmp_path, name):
    archive = tar(tmp_path / "whole.tar", [("a", b"1" * 512), ("b", b"2" * 512)])
    cut = archive.read_bytes()[:1024]
    archive = tmp_path / name
    archive.write_bytes(cut if name == "a.tar" else gzip.compress(cut))
    assert "found a damaged or truncated one (it has no end)" in refused(archive)


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]


@pytest.mark.parametrize("method", METHODS)
def test_a_changed_byte_inside_a_zip(tmp_path, method):
    archive = zipped(tmp_path / "a.zip", [("a", np.random.default_rng(0).bytes(5000))], method)
    content = bytearray(archive.read_bytes())
    content[3000] ^= 0xFF
    archive.write_bytes(content)
    assert "found a damaged or truncated one" in refused(archive)


@pytest.mark.parametrize("name", KINDS[:3])
def test_whatever_byte_is_wrong_it_is_told_or_does_not_matter(tmp_path, name):
    random = np.random.default_rng(0)
    archive = packed(tmp_path / name, {"a/b.csv": b"abc" * 9, "c": b"0"}.items())
    content = archive.read_bytes()
    content = content.rstrip(b"\0") + bytes(1024) if name == "a.tar" else content
    for number in range(400):
        changed = bytearray(content)
        for place in random.integers(len(content), size=random.integers(1, 4)):
            changed[place] = random.integers(256)
        archive.write_bytes(changed)
        try:
            unpack(archive, tmp_path / f"out{number}")
        except InputError as told:
            assert str(told).isprintable()  # noqa: PT017
            assert not (tmp_path / f"out{number}").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_zip_with_a_member_without_a_name(tmp_path):
    archive = zipped(tmp_path / "a.zip", [("x", b"evil")])
    archive.write_bytes(archive.read_bytes().replace(b"x", b"\0"))  # zipfile cuts names at zero
    assert "the member '', a file without a name" in refused(archive)


def test_a_member_that_cannot_be_written(tmp_path):
    line = refused(zipped(tmp_path / "a.zip", [("n" * 300, b"x")]))
    assert "File name too long; make room, or repack it under other names" in line
    line = refused(zipped(tmp_path / "b.zip", [("a", b"x"), ("a/b", b"x")]))
    assert "expected to write its member 'a/b', found" in line


def test_an_archive_that_is_none(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>sorry</html>")
    assert "found a damaged or truncated one" in refused(tmp_path / "a.zip")
    assert "expected an archive, found no file" in refused(tmp_path / "b.zip")


def test_a_folder_that_is_there_stays(tmp_path):
    archive = zipped(tmp_path / "a.zip", FILES.items())
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"out: expected to unpack .*a\.zip there, found it; rem"):
        unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {"mine": b"mine"}


def test_what_a_killed_process_left_does_not_stay(tmp_path):
    left = tmp_path / ".out.unpacking" / "faces"
    left.mkdir(parents=True)
    (left / "half.jpg").write_bytes(b"half")
    unpack(zipped(tmp_path / "a.zip", FILES.items()), tmp_path / "out")
    assert tree(tmp_path) == {"a.zip": (tmp_path / "a.zip").read_bytes()} | {
        f"out/{name}": content for name, content in FILES.items()
    }
