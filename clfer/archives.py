"""Which archives there are by their names, and how damage to one shows while it is read."""

import errno
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clfer.errors import InputError

TARS = (".tar", ".tar.gz", ".tgz")
KINDS = (".zip", *TARS)

DAMAGE = (
    EOFError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # zipfile, of a compression that it does not know
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
        raise InputError(
            f"{path}: expected a complete archive, found a damaged or truncated one "
            f"({error or type(error).__name__}); fetch it again"
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
