"""Extraction: the archive's files within one folder, or one line and nothing."""

import gzip
import io
import stat
import tarfile
import zipfile

import numpy as np
import pytest

from clfer import archives
from clfer.archives import extract
from clfer.errors import InputError

FILES = {
    "faces/happy/ein Gesicht.jpg": b"happy" * 50_000,
    "faces/sad/ü.JPG": b"sad" * 7,
    "labels.csv": b"",
}
KINDS = ["a.zip", "a.tar", "a.tgz"]


def tar(path, members):
    """members: TarInfo or name, and content."""
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
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def refused(archive, **bounds):
    """The line with which an archive is refused, after which there is nothing but the archive."""
    beside = {path: path.stat().st_mtime_ns for path in archive.parent.iterdir()}
    with pytest.raises(InputError) as told:
        extract(archive, archive.parent / "out", **bounds)
    assert {path: path.stat().st_mtime_ns for path in archive.parent.iterdir()} == beside
    line = str(told.value)
    assert line.startswith(str(archive))
    assert line.isprintable()
    return line


@pytest.mark.parametrize("name", [*KINDS, "a.tar.gz", "A.ZIP", "A.TAR.GZ"])
def test_every_kind_gives_its_files(tmp_path, name):
    archive = packed(tmp_path / name, FILES.items())
    extract(archive, tmp_path / "deep" / "out")
    assert tree(tmp_path / "deep" / "out") == FILES


def test_folders_dots_and_backslashes_in_names(tmp_path):
    members = []
    for name in ("./", "./empty"):
        info = tarfile.TarInfo(name)
        info.type = tarfile.DIRTYPE
        members.append((info, b""))
    extract(tar(tmp_path / "a.tar", [*members, ("./a/b.csv", b"x")]), tmp_path / "out")
    extract(zipped(tmp_path / "a.zip", [("empty/", b""), ("a\\b.csv", b"x")]), tmp_path / "too")
    for folder in (tmp_path / "out", tmp_path / "too"):
        assert tree(folder) == {"a/b.csv": b"x"}
        assert (folder / "empty").is_dir()


def test_utf_8_in_a_zip_without_its_flag(tmp_path):
    archive = zipped(tmp_path / "a.zip", [("ü.csv", b"x")])
    content = archive.read_bytes()
    for start, flag in ((b"PK\3\4", 7), (b"PK\1\2", 9)):
        place = content.index(start) + flag
        content = content[:place] + b"\0" + content[place + 1 :]
    archive.write_bytes(content)
    extract(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {"ü.csv": b"x"}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "member", ["/etc/evil", "C:\\evil", "c:evil", "a/../../evil", "a\\..\\..\\evil", "..", "."]
)
def test_no_path_leads_outside(tmp_path, name, member):
    archive = packed(tmp_path / name, [*FILES.items(), (member, b"evil")])
    found = "a file without a name" if member == "." else "a path that leads elsewhere"
    assert f"the member {member!r}, {found}; unpack it by hand if you trust" in refused(archive)
    assert not list(tmp_path.parent.rglob("evil"))


SPECIAL = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]


@pytest.mark.parametrize("kind", [*SPECIAL, tarfile.GNUTYPE_SPARSE])
def test_a_tar_brings_no_links_and_devices(tmp_path, kind):
    info = tarfile.TarInfo("inside/link")
    info.type, info.linkname = kind, "labels.csv"
    line = refused(tar(tmp_path / "a.tgz", [*FILES.items(), (info, b"")]))
    assert "the member 'inside/link', a link or a device" in line


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_a_zip_brings_none_either(tmp_path, kind):
    info = zipfile.ZipInfo("link")
    info.external_attr = (kind | 0o777) << 16
    line = refused(zipped(tmp_path / "a.zip", [*FILES.items(), (info, b"/etc/passwd")]))
    assert "the member 'link', a link or a device" in line


@pytest.mark.parametrize("name", KINDS)
def test_more_bytes_or_members_than_the_bound(tmp_path, name):
    archive = packed(tmp_path / name, FILES.items())
    total = sum(map(len, FILES.values()))
    line = refused(archive, limit=total - 1)
    assert f"at most {total - 1:,} bytes unpacked, found more by its member 'faces/sad" in line
    assert "at most 2 files and folders, found more" in refused(archive, members=2)
    extract(archive, tmp_path / "out", limit=total, members=3)
    assert tree(tmp_path / "out") == FILES


def test_the_usual_bound_grows_with_the_archive(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LEAST", 1000)
    assert "expected at most" in refused(packed(tmp_path / "a.zip", [("zeros", bytes(1 << 22))]))
    noise = np.random.default_rng(0).bytes(1 << 16)
    extract(packed(tmp_path / "b.zip", [("noise", noise)]), tmp_path / "out")


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


def test_a_password_is_told(tmp_path):
    archive = zipped(tmp_path / "a.zip", FILES.items())
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag, in the central directory
    archive.write_bytes(content)
    assert "the member 'faces/happy/ein Gesicht.jpg', with a password; unpack" in refused(archive)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.9, 0.999])
def test_no_truncation_goes_unnoticed(tmp_path, name, part):
    archive = packed(tmp_path / name, FILES.items())
    content = archive.read_bytes()
    if name == "a.tar":  # without the zeros with which tarfile fills it up
        content = content.rstrip(b"\0") + bytes(1024)
        archive.write_bytes(content)
        extract(archive, tmp_path / "once")
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


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_changed_byte_inside_a_zip(tmp_path, method):
    archive = zipped(tmp_path / "a.zip", [("a", np.random.default_rng(0).bytes(5000))], method)
    content = bytearray(archive.read_bytes())
    content[3000] ^= 0xFF
    archive.write_bytes(content)
    assert "found a damaged or truncated one" in refused(archive)


def test_a_wrong_checksum_at_the_end_of_a_gzip(tmp_path):
    archive = tar(tmp_path / "a.tgz", FILES.items())
    content = archive.read_bytes()
    archive.write_bytes(content[:-8] + bytes(4) + content[-4:])
    assert "found a damaged or truncated one (CRC check failed" in refused(archive)


def test_a_zip_with_a_member_without_a_name(tmp_path):
    archive = zipped(tmp_path / "a.zip", [("x", b"evil")])
    archive.write_bytes(archive.read_bytes().replace(b"x", b"\0"))  # zipfile cuts names at zero
    assert "the member '', a file without a name" in refused(archive)


def test_a_member_that_cannot_be_written(tmp_path):
    for members in ([("n" * 300, b"x")], [("a", b"x"), ("a/b", b"x")]):
        archive = zipped(tmp_path / "a.zip", members)
        with pytest.raises(
            InputError, match=r"out/.*: expected a place to read and write, found: "
        ):
            extract(archive, tmp_path / "out")
        assert [*tmp_path.iterdir()] == [archive]


def test_no_archive_and_a_folder_in_its_place(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>sorry</html>")
    assert "found a damaged or truncated one" in refused(tmp_path / "a.zip")
    assert "expected an archive, found no file" in refused(tmp_path / "b.zip")
    archive = zipped(tmp_path / "c.zip", FILES.items())
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"out: expected to unpack .*c\.zip there, found it; rem"):
        extract(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {"mine": b"mine"}


def test_a_zip_whose_directory_would_lie_before_its_start(tmp_path):
    """zipfile seeks there, and the system refuses."""
    archive = zipped(tmp_path / "a.zip", [("a.png", b"image")])
    content = bytearray(archive.read_bytes())
    content[-10:-6] = (0x7FFFFFFF).to_bytes(4, "little")  # the size of the directory
    archive.write_bytes(content)
    assert "found a damaged or truncated one" in refused(archive)
