"""How often and how long a download is tried: all such numbers stand here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple


class Patience(NamedTuple):
    """Times are in seconds."""

    attempts: int  # in a row that bring next to nothing
    connect: float  # for a connection
    stall: float  # between two bytes
    pause: float  # after the first failure, twice as long after each further one
    longest: float  # no pause is longer, whatever a server asks for

    def after(self, failures: int, asked: float) -> float:
        """The pause after so many failures in a row, `asked` being what the server wishes."""
        return min(max(self.pause * 2.0 ** (failures - 1), asked), self.longest)


PATIENCE = Patience(attempts=5, connect=10, stall=30, pause=1, longest=60)


def asked(headers: Mapping[str, str]) -> float:
    """The pause that a Retry-After asks for, given in seconds or as a date; 0 without one."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    when = date(value)
    return max((when - datetime.now(UTC)).total_seconds(), 0) if when else 0.0


def date(value: str) -> datetime | None:
    """A date of HTTP's; None where it is none."""
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
