"""Work divided among runs that know nothing of one another, as a SLURM array or a for-loop starts
them: a file for each shard, there whole or not at all. `3/8` is the third of eight.
"""

import re
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from clfer.errors import InputError

MOST = 100_000

Option = Annotated[
    str | None,
    typer.Option(metavar="I/N", help="Only the I-th of N parts, from 1; then once without."),
]


class Shard(NamedTuple):
    number: int  # from 1
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def part(self, total: int) -> range:
        """Its share of `total` things in order, all shares of nearly one size."""
        return range(total * (self.number - 1) // self.of, total * self.number // self.of)


def parsed(text: str) -> Shard:
    """Raises InputError unless it is I/N with 1 <= I <= N."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    shard = Shard(int(match[1]), int(match[2])) if match else Shard(0, 0)
    if not 1 <= shard.number <= shard.of <= MOST:
        raise InputError(f"--shard: expected I/N such as 1/8 with I up to N; found '{text}'")
    return shard


def place(folder: Path, work: str, shard: Shard, ending: str) -> Path:
    """The file of a shard. work: a fingerprint of all that it depends on."""
    return folder / f"{work}-{shard.number}-of-{shard.of}{ending}"


def complete(folder: Path, work: str, ending: str, again: str) -> list[Path]:
    """The files of all shards of this work, in order; none where there is no shard at all.

    Raises InputError naming the missing ones, or where all there are belong to other work. again:
    the command that makes one of them, without its --shard.
    """
    found = {}
    for path in folder.glob(f"*-of-*{ending}"):
        if match := re.fullmatch(r"([0-9a-f]+)-(\d+)-of-(\d+)", path.name.removesuffix(ending)):
            found[path] = match[1], Shard(int(match[2]), int(match[3]))
    own = {shard: path for path, (of, shard) in found.items() if of == work}
    if found and not own:
        raise InputError(
            f"{folder}: expected shards of these inputs and settings, found those of others; "
            "delete them, or name another folder"
        )
    if not own:
        return []
    counts = {shard.of for shard in own}
    if len(counts) > 1:
        raise InputError(
            f"{folder}: expected shards of one division, found some of "
            f"{' and '.join(map(str, sorted(counts)))}; delete those of one"
        )
    (count,) = counts
    wanted = [Shard(number, count) for number in range(1, count + 1)]
    if absent := [one for one in wanted if one not in own]:
        listed = ", ".join(map(str, absent[:20])) + (" ..." if len(absent) > 20 else "")
        raise InputError(
            f"{folder}: expected {count} shards, missing {len(absent)}: {listed}; make each by "
            f"`{again} --shard {absent[0]}`"
        )
    return [own[one] for one in wanted]
