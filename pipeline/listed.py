"""Options that are lists: names or numbers between commas."""

from collections.abc import Sequence

from clfer.errors import InputError


def words(option: str, given: str, known: Sequence[str]) -> list[str]:
    """Names between commas, each of them a known one."""
    names = [one.strip() for one in given.split(",") if one.strip()]
    for one in names:
        if one not in known:
            raise InputError(f"{option}: expected some of {', '.join(known)}; found '{one}'")
    if not names:
        raise InputError(f"{option}: expected some of {', '.join(known)}; found none")
    return list(dict.fromkeys(names))


def numbers(option: str, given: str) -> list[int]:
    """Whole numbers between commas, and ranges such as 0-9."""
    found: list[int] = []
    for part in given.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise InputError(f"{option}: expected numbers such as 0,1,2 or 0-9; found '{given}'")
        found += range(int(first), int(last or first) + 1)
    if not found:
        raise InputError(f"{option}: expected numbers such as 0,1,2 or 0-9; found '{given}'")
    return list(dict.fromkeys(found))
