"""What `fetch` does for every dataset that the user has as a folder of images."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from clfer.datasets.tree import index, lists
from clfer.datasets.tree.listing import Listing, closed, listing
from clfer.datasets.tree.names import is_image, remark
from clfer.errors import InputError
from clfer.progress import Track
from clfer.sources.obtain import Address, bring


class Source(Address):
    """Where the user put the dataset, and the archive to download where nothing is there."""

    folder: Path


class Wanted(NamedTuple):
    """What a dataset looks for in its folder.

    layout:  what should be there, for people
    request: where to get it, for people
    is_list: whether a path is a list of labels, which is copied
    is_note: whether a path is a file about one image, which is gathered
    check:   raises InputError unless the images lie where they should; takes their paths and those
             of lists and notes
    """

    name: str
    layout: str
    request: str
    is_list: Callable[[str], bool]
    is_note: Callable[[str], bool]
    check: Callable[[Sequence[str], Sequence[str]], None]


def fetch(source: Source, base: Path, raw: Path, track: Track, wanted: Wanted) -> list[str]:
    """Index the images of `base / source.folder` in `raw` and copy their labels there; what was
    downloaded, what was found and what was left out, for people.

    InputError: the folder, its images or its labels are missing, a zip in it cannot be read, or
    there is nothing at the address.
    """
    folder = base / source.folder
    brought = bring(folder, source.url, source.sha256, track)
    if not folder.is_dir():
        raise missing(wanted, folder, "no such folder")
    found = listing(folder)
    images = found.images
    if not images:
        raise missing(wanted, folder, _instead(found))
    kept = [file.path for file in found.files if not is_image(file.path)]
    copied = [path for path in kept if wanted.is_list(path)]
    gathered = [path for path in kept if wanted.is_note(path)]
    try:
        wanted.check([file.path for file in images], [*copied, *gathered])
    except LookupError as lacking:
        raise missing(wanted, folder, str(lacking.args[0])) from None
    lists.copy(raw, folder, copied)
    lists.gather(raw, folder, gathered, track)
    damaged = index.write(raw, source.folder, folder, images, track)
    return [
        *brought,
        f"images: {len(images):,}, {sum(file.size for file in images):,} bytes, read in place from "
        f"{folder}",
        *([f"labels: {', '.join(copied[:5])}"] if copied else []),
        *([f"files about one image each: {len(gathered):,}"] if gathered else []),
        *([f"images that cannot be read, to be set aside: {damaged:,}"] if damaged else []),
        *_ignored(found, {*copied, *gathered}),
        *found.remarks,
    ]


def missing(wanted: Wanted, folder: Path, found: str) -> InputError:
    """What to say where something is not there: what was expected, and where to get it."""
    return InputError(
        f"{folder}: expected {wanted.name} there as {wanted.layout}; found {found}; "
        f"{wanted.request}"
    )


def _instead(found: Listing) -> str:
    """What there is in place of images."""
    if archives := closed(found.files):
        kind = archives[0].rpartition(".")[2]
        return f"no image but {archives[0]}: unpack it there, a .{kind} is not read in place"
    if not found.files:
        return "an empty folder"
    return f"{len(found.files):,} files, none of them an image (first: {found.files[0].path})"


def _ignored(found: Listing, used: set[str]) -> list[str]:
    archives = closed(found.files)
    others = [
        file.path
        for file in found.files
        if not is_image(file.path) and file.path not in used and file.path not in archives
    ]
    return [
        *remark("archives that are not read in place; unpack what belongs to it", archives),
        *remark("files that are neither images nor labels, ignored", others),
    ]
