"""Broken files for readers: a valid one with things done to it, or bytes at random.

CLFER_FUZZ=seconds runs every reader for that long, on other inputs each time; without it the same
few are tried each time.
"""

import os
import re
import resource
import signal
import time
from contextlib import contextmanager

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from clfer.errors import InputError
from clfer.pictures import UnreadableError

SECONDS = float(os.environ.get("CLFER_FUZZ", 0))
ROUND = 500  # inputs of one seed, where there is time for several
LONGEST = 20  # seconds that one input may take
MEMORY = 500 << 20

TOKENS = [
    b"\0", b"\n", b"\r", b"\r\n", b"\t", b"\x0b", b"\x1c", b"\x85", b" ", b",", b";", b":", b"'",
    b'"', b"/", b"\\", b"..", b"-", b"?", b"&a ", b"*a", b"!!", b"<<: ", b"{", b"[", b"]",
    b"[" * 3000, b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", "\u0663".encode(),
    "\u00b2".encode(), "\u2028".encode(), "\u202e".encode(), b"\x1b[2J", b"=1+1", b"-1", b"1.5",
    b"1e309", b"-1e308", b"nan", b"inf", b"0x10", b"1_0", b"9" * 25, b"9" * 5000, b"null", b"true",
    b"2001-99-99", b"!!python/object/apply:os.system [id]", b"a" * 70_000,
]  # fmt: skip
NUMBERS = [0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 62, (1 << 64) - 1]


def _overwrite(content, place, size, number, token):
    value = NUMBERS[number % len(NUMBERS)]
    width = 4 if value >> 32 == 0 and size % 2 else 8
    number = value.to_bytes(width, "little" if size % 3 else "big")
    return content[:place] + number + content[place + width :]


def _field(content, place, size, number, token):
    """Another word where one is."""
    if found := re.compile(rb"[^\s,;:{}\[\]\"']+").search(content, place):
        return content[: found.start()] + token + content[found.end() :]
    return content + token


def _swap(content, place, size, number, token):
    first, second = sorted((place, number * 7919 % len(content)))
    a, b = content[first : first + size], content[second : second + size]
    return content[:first] + b + content[first + size : second] + a + content[second + size :]


# (content, place, size, number, token) -> content
KINDS = [
    lambda c, p, s, n, t: c[:p] + bytes([c[p] ^ (1 << n % 8)]) + c[p + 1 :],  # a bit flips
    lambda c, p, s, n, t: c[:p] + c[p + s :],  # some bytes go
    lambda c, p, s, n, t: c[:p],  # all behind them too
    lambda c, p, s, n, t: c[:p] + t + c[p:],  # a token comes
    lambda c, p, s, n, t: c[:p] + c[p : p + s] * (n % 50) + c[p:],  # some bytes again and again
    *(_overwrite, _swap, _field, _field, _field),
]
RARE = [
    lambda c, p, s, n, t: c.replace(b"\n", [b"\r\n", b"\r", b"\n\n", b"\0\n"][n % 4]),
    lambda c, p, s, n, t: c.decode("latin-1").encode(["utf-16", "utf-8-sig", "utf-32"][n % 3]),
]
STEP = st.tuples(
    st.sampled_from([*KINDS * 3, *RARE]),
    st.integers(0, 0xFFFF),
    st.integers(0, 24) | st.integers(0, 3000),
    st.integers(0, 0xFFFF),
    st.sampled_from(TOKENS) | st.binary(max_size=6),
)


def _mutated(content, steps, reach):
    for kind, place, size, number, token in steps:
        if content:
            content = kind(content, place * min(reach, len(content)) >> 16, size, number, token)
    return content


def mutated(*valid, reach=1 << 40):
    """Valid contents with one to four things done to them within their first `reach` bytes."""
    return st.builds(
        _mutated, st.sampled_from(valid), st.lists(STEP, min_size=1, max_size=4), st.just(reach)
    )


def broken(*valid, reach=1 << 40):
    """Nine times of ten `mutated`, or bytes at random, also behind the start of a valid one."""
    start = st.sampled_from([*(content[:16] for content in valid), b"", b""])
    noise = st.builds(lambda a, b: a + b, start, st.binary(max_size=400))
    return st.one_of(*[mutated(*valid, reach=reach)] * 9, noise)


class Hang(BaseException):
    """Not to be taken for what a reader may raise."""


@contextmanager
def _timed():
    def stop(*_):
        raise Hang(f"longer than {LONGEST} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def attack(name, inputs, read, examples, memory=MEMORY):
    """Read every input; only results, InputError and UnreadableError may come of it.

    read:   takes an input. What it raises otherwise is the test's failure, shrunk by hypothesis
    memory: bytes by which all inputs together may raise the peak
    """
    refused, start = 0, time.monotonic()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def one(content):
        nonlocal refused
        message = "nothing"
        try:
            with _timed():
                read(content)
        except (InputError, UnreadableError) as error:
            refused += 1
            message = str(error)
        assert 0 < len(message) < 2000

    quick = {
        "deadline": None,
        "database": None,
        "derandomize": False,
        "suppress_health_check": list(HealthCheck),
        "phases": [Phase.explicit, Phase.generate, Phase.shrink],
    }
    seed(0)(settings(max_examples=examples, **quick)(given(inputs)(one)))()
    number = int(time.time())
    while time.monotonic() - start < SECONDS:
        number += 1
        seed(number)(settings(max_examples=ROUND, **quick)(given(inputs)(one)))()
    assert refused > 0, name
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < memory
