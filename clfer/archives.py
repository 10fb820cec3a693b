"""Safe extraction of .zip, .tar, .tar.gz and .tgz.

`tarfile.data_filter` came with Python 3.11.4, so names, links and devices are checked here.
"""

import errno
import gzip
import io
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PureWindowsPath
from typing import IO

from clfer.errors import InputError, in_one_line
from clfer.files import writing

KINDS = (".zip", ".tar", ".tar.gz", ".tgz")
# zipfile bounds what these unpack to at a time; 4 kB of bzip2 may become 4 GB at once
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
LEAST, TIMES = 1 << 30, 20  # bytes, and times the archive's size, that an archive may unpack to
MEMBERS = 5_000_000  # files and folders; AffectNet has a million images
CHUNK = 1 << 16
HEADER = 1 << 20  # bytes of a tar's header: tarfile reads one at once
BEHIND = 1 << 28  # bytes of padding behind the end of a tar
UTF8 = 0x800  # the flag of a zip's member whose name is UTF-8

# what reading damaged bytes raises, besides OSError and ValueError
DAMAGE = (
    EOFError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # zipfile: an unknown version, patch or encryption
    OverflowError,  # numbers that no file has
    RecursionError,  # tarfile: headers of headers
)


def stem(name: str) -> str | None:
    """The name without the suffix of an archive; None where it has no such suffix."""
    kind = next((kind for kind in KINDS if name.lower().endswith(kind)), None)
    return name[: -len(kind)] if kind else None


def extract(archive: Path, folder: Path, limit: int | None = None, members: int = MEMBERS) -> None:
    """Extract all of an archive into `folder`, which must not exist.

    limit: bytes unpacked; None: TIMES the archive's size, at least LEAST
    InputError: the archive is missing, damaged, encrypted or larger than the bounds, or has a
    member that is a link, a device or outside of the folder. The folder does not exist then.
    """
    if not archive.is_file():
        raise InputError(f"{archive}: expected an archive, found no file; put it there")
    if folder.exists():
        raise InputError(f"{folder}: expected to unpack {archive} there, found it; remove it")
    folder.mkdir(parents=True)
    try:
        _write(archive, folder, limit or max(LEAST, TIMES * archive.stat().st_size), members)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        # gzip raises an OSError without a number; zipfile may seek to before the start of the file
        of_bytes = isinstance(error, OSError) and error.errno in (None, errno.EINVAL)
        of_bytes |= isinstance(error, (*DAMAGE, ValueError)) and not isinstance(error, InputError)
        if not of_bytes:
            raise
        raise InputError(
            f"{archive}: expected a complete archive, found a damaged or truncated one "
            f"({in_one_line(error)}); fetch it again"
        ) from error


def _write(archive: Path, folder: Path, limit: int, members: int) -> None:
    with archive.open("rb") as file:
        magic = file.read(2)
    is_zip = magic == b"PK" or archive.name.lower().endswith(".zip")
    left = limit
    content = _zip(archive) if is_zip else _tar(archive, gzipped=magic == b"\x1f\x8b")
    for number, (name, member) in enumerate(content):
        if number >= members:
            raise InputError(
                f"{archive}: expected at most {members:,} files and folders, found more; "
                "fetch it again"
            )
        place = folder / _inside(archive, name, member is not None)
        with writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            if member is None:
                place.mkdir(exist_ok=True)
                continue
            with place.open("wb") as file:
                while left >= 0 and (chunk := member.read(CHUNK)):
                    left -= file.write(chunk)
        if left < 0:
            raise InputError(
                f"{archive}: expected at most {limit:,} bytes unpacked, found more by its member "
                f"{name!r}; fetch it again"
            )


def _inside(archive: Path, name: str, is_file: bool) -> Path:
    """Where a member belongs below the folder. `\\` divides like `/`."""
    path = PureWindowsPath(name)
    if path.anchor or ".." in path.parts or "\0" in name:
        raise _refused(archive, name, "a path that leads elsewhere")
    if is_file and not path.parts:
        raise _refused(archive, name, "a file without a name")
    return Path(*path.parts)


def _refused(archive: Path, name: str, found: str) -> InputError:
    return InputError(
        f"{archive}: expected plain files within one folder, found the member {name[:200]!r}, "
        f"{found}; unpack it by hand if you trust it"
    )


def _zip(path: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Names, and contents of files; None for a folder."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename
            if not member.flag_bits & UTF8:
                with suppress(UnicodeError):  # some programs write UTF-8 without its flag
                    name = name.encode("cp437").decode("utf-8")
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(path, name, "a link or a device")
            if member.flag_bits & 1:
                raise _refused(path, name, "with a password")
            if member.compress_type not in METHODS:
                raise _refused(path, name, f"compressed by method {member.compress_type}")
            yield name, None if name.endswith("/") else archive.open(member)


def _tar(path: Path, gzipped: bool) -> Iterator[tuple[str, IO[bytes] | None]]:
    """The same of a tar, up to its end."""
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
                yield member.name, archive.extractfile(member)
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
        self.seek, self.tell = file.seek, file.tell  # type: ignore[method-assign]

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        self.last = self.file.read(size)
        return self.last
