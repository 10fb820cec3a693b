"""Which archives there are by their names, and how damage to one shows while it is read."""

import errno
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clfer.errors import InputError

TARS = (".tar", ".tar.gz", ".tgz")
KINDS = (".zip", *TARS)
HEADER = 1 << 20  # bytes; names and attributes of a member, which tarfile reads at once
# zipfile bounds what these unpack to at a time; 4 kB of bzip2 may become 4 GB at once
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}

DAMAGE = (
    EOFError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # zipfile, of a version, a patch or an encryption unknown to it
    OverflowError,  # numbers that no file has
    RecursionError,  # tarfile, of headers of headers
    UnicodeDecodeError,
)


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Damage that shows while the archive `path` is read is an InputError."""
    try:
        yield
    except (*DAMAGE, OSError) as error:
        if not is_damage(error):
            raise
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: expected a complete archive, found a damaged or truncated one "
            f"({reason[:200] or type(error).__name__}); fetch it again"
        ) from error


def is_damage(error: Exception) -> bool:
    """Whether this error, while an archive is read, comes of its bytes."""
    # bz2 raises an OSError without a number, and one seeks before the start for zipfile
    of_bytes = isinstance(error, OSError) and error.errno in (None, errno.EINVAL)
    return of_bytes or isinstance(error, DAMAGE)


def stem(name: str) -> str | None:
    """The name without what makes it an archive's; None where nothing does."""
    kind = next((kind for kind in KINDS if name.lower().endswith(kind)), None)
    return name[: -len(kind)] if kind else None


def is_tar(path: Path) -> bool:
    """Whether the name is that of a tar file, gzipped or not."""
    return path.name.lower().endswith(TARS)


def is_gzipped(path: Path) -> bool:
    """Whether the name is that of a gzipped tar file."""
    return path.name.lower().endswith(TARS[1:])


def check_method(path: Path, member: zipfile.ZipInfo) -> None:
    """InputError unless the member of a zip is compressed in one of METHODS."""
    if member.compress_type not in METHODS:
        raise InputError(
            f"{path}: expected a zip of deflated files, found {member.filename[:200]!r} by method "
            f"{member.compress_type}; repack it"
        )


def members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of a tar, each forgotten when the next is asked for: a million fill the memory.

    tarfile.ReadError: one has fewer than no bytes, or lies before another, and there would be no
    end.
    """
    last = -1
    while member := archive.next():
        if member.size < 0 or member.offset <= last:
            raise tarfile.ReadError("members that lie in one another")
        last = member.offset
        yield member
        archive.members.clear()  # type: ignore[attr-defined]


class Blocks(io.RawIOBase):
    """The bytes of a tar file, of which no reader gets more than HEADER at once.

    last: what was read last
    """

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
