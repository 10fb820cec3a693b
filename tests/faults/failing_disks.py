"""Disks that are full, or that nobody may write to, for the time of one command.

They are mounted in a namespace of the command's own and are gone with it; that takes root.
"""

import shutil
import subprocess
import sys

import pytest

PAGE = 4096

# a small disk at $1 with what lies there; all but $2 bytes of its room are taken
FULL = """
set -e
used=$(du -s --apparent-size -B1 "$1" | cut -f1); files=$(find "$1" | wc -l)
mkdir "$3"; cp -a "$1/." "$3"
mount -t tmpfs -o size=$((used + files * 4096 + 67108864)) none "$1"
cp -a "$3/." "$1"
free=$(($(stat -f -c %f "$1") * $(stat -f -c %S "$1")))
head -c $((free - $2)) /dev/zero > "$1/.fill"
at=$1; after=$4; shift 4
set +e; "$@"; status=$?; rm "$at/.fill"; cp -a "$at/." "$after"; exit $status
"""
READ_ONLY = """
set -e
mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"
shift; exec "$@"
"""
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""


def mountable():
    """Whether this process may mount in a namespace of its own."""
    if not shutil.which("unshare"):
        return False
    probe = 'd=$(mktemp -d); mount -t tmpfs -o size=1m none "$d"; s=$?; rmdir "$d" 2>&-; exit $s'
    return subprocess.run(["unshare", "-m", "sh", "-c", probe], capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not mountable(), reason="mounting takes root and unshare")


def full(folder, free, copies):
    """Command words before a command that finds the disk under `folder` full but for `free` bytes.

    copies: a new folder; its `before` and `after` hold what lay there before and after.
    """
    copies.mkdir()
    (copies / "after").mkdir()
    words = ["sh", "-c", FULL, "sh", folder, free, copies / "before", copies / "after"]
    return ["unshare", "-m", *map(str, words)]


def read_only(folder):
    """Command words before a command that finds the folder read-only."""
    return ["unshare", "-m", "sh", "-c", READ_ONLY, "sh", str(folder)]


def limited(size):
    """Command words before a command none of whose files may be larger than `size` bytes."""
    return [sys.executable, "-c", LIMITED, str(size)]


def pages(size):
    return -(-size // PAGE) * PAGE
