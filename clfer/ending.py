"""How a command that is interrupted ends."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STATUS = 128  # and the signal's number, as shells have it


@contextmanager
def orderly() -> Iterator[None]:
    """Within the block INT, TERM and HUP end the process by an exception, so that what is half done
    is cleared away; a second one while that happens is not heard.

    A signal that is ignored stays ignored: `nohup` and a shell's `&` ask for that. Where the
    exception is lost, as in a callback of other code, the process ends with its status all the
    same, at the end of the block.
    """
    asked: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)
        asked.append(number)
        sys.exit(STATUS + number)

    signals = [one for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if _heard(one)]
    before = {one: signal.signal(one, end) for one in signals}
    try:
        yield
        if asked:
            sys.exit(STATUS + asked[0])
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _heard(one: signal.Signals) -> bool:
    return signal.getsignal(one) is not signal.SIG_IGN
