"""Safe extraction of .zip, .tar, .tar.gz and .tgz.

`tarfile.data_filter` came with Python 3.11.4, so names, links and devices are checked here.
"""

import errno
import gzip
import io
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from clfer.errors import InputError

KINDS = (".zip", ".tar", ".tar.gz", ".tgz")
# zipfile bounds what these unpack to at a time; 4 kB of bzip2 may become 4 GB at once
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
LEAST, TIMES = 1 << 30, 20  # bytes, and times the archive's size, that an archive may unpack to
MEMBERS = 5_000_000  # files and folders; AffectNet has a million images
CHUNK = 1 << 16
HEADER = 1 << 20  # bytes of a tar's header: tarfile reads one at once
BEHIND = 1 << 28  # bytes of padding behind the end of a tar
UTF8 = 0x800  # the flag of a zip's member whose name is UTF-8

DAMAGE = (
    EOFError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # zipfile: an unknown version, patch or encryption
    OverflowError,  # numbers that no file has
    RecursionError,  # tarfile: headers of headers
    UnicodeDecodeError,
)


class Member(NamedTuple):
    """A file, or a folder, which has no `content`."""

    name: str
    content: io.BufferedIOBase | None


def stem(name: str) -> str | None:
    """The name without the suffix of an archive; None where it has no such suffix."""
    kind = next((kind for kind in KINDS if name.lower().endswith(kind)), None)
    return name[: -len(kind)] if kind else None


def is_damage(error: Exception) -> bool:
    """Whether an error raised while an archive is read means that its bytes are wrong."""
    # bz2 raises an OSError without a number; zipfile may seek to before the start of the file
    of_bytes = isinstance(error, OSError) and error.errno in (None, errno.EINVAL)
    return of_bytes or isinstance(error, DAMAGE)


def extract(archive: Path, folder: Path, limit: int | None = None, members: int = MEMBERS) -> int:
    """Extract all of an archive into `folder`, which must not exist; the number of files.

    limit: bytes unpacked; None: TIMES the archive's size, at least LEAST
    InputError: the archive is missing, damaged, encrypted or larger than the bounds, or has a
    member that is a link, a device or outside of the folder. The folder does not exist then.
    """
    if not archive.is_file():
        raise InputError(f"{archive}: expected an archive, found no file; put it there")
    if folder.exists():
        raise InputError(f"{folder}: expected to unpack {archive} there, found it; remove it")
    limit = limit or max(LEAST, TIMES * archive.stat().st_size)
    folder.mkdir(parents=True)
    try:
        with _complete(archive):
            return _write(archive, folder, limit, members)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def _complete(path: Path) -> Iterator[None]:
    """InputError where reading `path` in the block shows damage."""
    try:
        yield
    except (*DAMAGE, OSError, ValueError) as error:
        if isinstance(error, InputError) or (isinstance(error, OSError) and not is_damage(error)):
            raise
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: expected a complete archive, found a damaged or truncated one "
            f"({reason[:200] or type(error).__name__}); fetch it again"
        ) from error


def _write(archive: Path, folder: Path, limit: int, members: int) -> int:
    with archive.open("rb") as file:
        magic = file.read(2)
    is_zip = magic == b"PK" or archive.name.lower().endswith(".zip")
    content = _zip(archive) if is_zip else _tar(archive, gzipped=magic == b"\x1f\x8b")
    left, files = limit, 0
    for number, member in enumerate(content):
        if number >= members:
            raise InputError(
                f"{archive}: expected at most {members:,} files and folders, found more; "
                "fetch it again"
            )
        place = folder / _inside(archive, member)
        try:
            left -= _place(member.content, place, left)
        except OSError as error:
            if is_damage(error):
                raise
            raise InputError(
                f"{archive}: expected to write its member {member.name!r}, found "
                f"{error.strerror}; make room, or repack it under other names"
            ) from error
        if left < 0:
            raise InputError(
                f"{archive}: expected at most {limit:,} bytes unpacked, found more by its member "
                f"{member.name!r}; fetch it again"
            )
        files += member.content is not None
    return files


def _inside(archive: Path, member: Member) -> Path:
    """Where a member belongs below the folder. `\\` divides like `/`."""
    path = PureWindowsPath(member.name)
    if path.anchor:
        raise _refused(archive, member.name, "an absolute path")
    if ".." in path.parts or "\0" in member.name:
        raise _refused(archive, member.name, "one that leads elsewhere")
    if member.content and not path.parts:
        raise _refused(archive, member.name, "a file without a name")
    return Path(*path.parts)


def _place(content: io.BufferedIOBase | None, place: Path, left: int) -> int:
    """Write a member, up to one chunk more than `left` bytes of it; the bytes written."""
    if content is None:
        place.mkdir(parents=True, exist_ok=True)
        return 0
    place.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with place.open("wb") as file:
        while written <= left and (chunk := content.read(CHUNK)):
            written += file.write(chunk)
    return written


def _refused(archive: Path, name: str, found: str) -> InputError:
    return InputError(
        f"{archive}: expected files within one folder, found the member {name[:200]!r}, {found}; "
        "do not trust this archive"
    )


def _zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename
            if not member.flag_bits & UTF8:
                with suppress(UnicodeError):  # some programs write UTF-8 without its flag
                    name = name.encode("cp437").decode("utf-8")
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(path, name, "a link or a device")
            if member.flag_bits & 1:
                raise InputError(
                    f"{path}: expected an open archive, found a password on its member "
                    f"{name[:200]!r}; unpack it by hand"
                )
            if member.compress_type not in METHODS:
                raise InputError(
                    f"{path}: expected a zip of deflated files, found {name[:200]!r} by method "
                    f"{member.compress_type}; repack it"
                )
            if name.endswith("/"):
                yield Member(name, None)
            else:
                with archive.open(member) as content:
                    assert isinstance(content, io.BufferedIOBase)
                    yield Member(name, content)


def _tar(path: Path, gzipped: bool) -> Iterator[Member]:
    with gzip.open(path) if gzipped else path.open("rb") as file:
        blocks = _Blocks(file)
        with tarfile.open(fileobj=blocks, mode="r:") as archive:
            last = -1
            while member := archive.next():
                if member.size < 0 or member.offset <= last:  # there would be no end
                    raise tarfile.ReadError("members that lie in one another")
                last = member.offset
                if member.issparse() or not (member.isfile() or member.isdir()):
                    raise _refused(path, member.name, "a link or a device")
                content = archive.extractfile(member)
                assert content is None or isinstance(content, io.BufferedIOBase)
                yield Member(member.name, content)
                archive.members.clear()  # type: ignore[attr-defined]  # a million fill the memory
        # tarfile takes damage between two members for the end, which is a block of zeros
        if blocks.last != bytes(tarfile.BLOCKSIZE):
            raise EOFError("it has no end")
        end = file.tell()
        while file.read(CHUNK):  # gzip compares the checksum at its end
            if file.tell() - end > BEHIND:
                raise tarfile.ReadError(f"more than {BEHIND:,} bytes behind its end")


class _Blocks(io.RawIOBase):
    """A tar's bytes, at most HEADER at once. `last`: what was read last"""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self.file, self.last = file, b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        self.last = self.file.read(size)
        return self.last

    def seek(self, place: int, whence: int = 0) -> int:
        return self.file.seek(place, whence)

    def tell(self) -> int:
        return self.file.tell()
