import hashlib
import os
import signal
import subprocess
import sys
import time
from math import ceil

import numpy as np
import pytest
from closure import ROOT
from serving import endless, file, moved, serving, status

from clfer.errors import InputError
from clfer.progress import silent
from clfer.sources.attempt import CHUNK, amount
from clfer.sources.http import UnavailableError, download
from clfer.sources.patience import Patience

CONTENT = np.random.default_rng(0).bytes(5 * CHUNK + 123)
OTHER = np.random.default_rng(1).bytes(5 * CHUNK + 123)
HALF = 2 * CHUNK + 1000
QUICK = Patience(attempts=3, connect=5, stall=0.3, pause=0.01, longest=0.02)


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with serving() as site:
        yield site


@pytest.fixture
def target(tmp_path):
    return tmp_path / "placed" / "faces.tar.gz"


def fetch(url, target, content=CONTENT, track=silent, limit=None):
    download(
        url,
        target,
        None if content is None else digest(content),
        track,
        limit=limit,
        patience=QUICK,
    )


def files(target):
    return sorted(path.name for path in target.parent.glob("*"))


def interrupted(site, target):
    """The address of a file whose first HALF bytes are there from an earlier call."""
    url = site.put("/a", file(CONTENT, upto=HALF), status(404))
    with pytest.raises(UnavailableError):
        fetch(url, target)
    assert files(target) == ["faces.tar.gz.part", "faces.tar.gz.part.json"]
    site.asked.clear()
    return url


def whole(target, content=CONTENT):
    """The file is there, right, and alone."""
    assert target.read_bytes() == content
    assert files(target) == [target.name]
    return True


@pytest.mark.parametrize(
    "answer",
    [
        file(CONTENT),
        file(CONTENT, tag=None),
        file(CONTENT, length=False),
        file(CONTENT, chunked=True),
        file(CONTENT, Content_Encoding="gzip"),  # as servers say of a .gz, which it shall stay
    ],
    ids=["tag", "no tag", "no length", "chunked", "said to be encoded"],
)
@pytest.mark.parametrize("known", [CONTENT, None], ids=["pinned", "not pinned"])
def test_a_file_arrives(site, target, answer, known):
    fetch(site.put("/a", answer), target, known)
    assert whole(target)
    assert site.ranges() == [None]


def test_an_empty_file_arrives(site, target):
    fetch(site.put("/a", file(b"")), target, b"")
    assert whole(target, b"")


def test_a_redirection_is_followed(site, target):
    site.put("/there", file(CONTENT))
    fetch(site.put("/a", moved("/there")), target)
    assert whole(target)


@pytest.mark.parametrize("cut", [1, HALF, len(CONTENT) - 1])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_breaks_off_is_continued(site, target, cut, chunked):
    fetch(site.put("/a", file(CONTENT, upto=cut, chunked=chunked), file(CONTENT)), target)
    assert whole(target)
    assert site.ranges() == [None, f"bytes={cut}-"]


def test_a_stall_is_continued(site, target):
    fetch(site.put("/a", file(CONTENT, upto=HALF, stalls=True), file(CONTENT)), target)
    assert whole(target)
    first, second = site.ranges()
    assert first is None
    assert HALF - CHUNK < int(second.removeprefix("bytes=").removesuffix("-")) <= HALF


def test_by_its_date_too(site, target):
    answers = [file(CONTENT, tag=None, modified=60, upto=HALF)]
    answers.append(file(CONTENT, tag=None, modified=60))
    fetch(site.put("/a", *answers), target)
    assert whole(target)
    assert site.ranges() == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize(
    "unsure",
    [{"tag": None}, {"tag": 'W/"weak"'}, {"tag": None, "modified": 0}],
    ids=["nothing", "a weak tag", "a date of this second"],
)
def test_what_may_have_changed_starts_again(site, target, unsure):
    fetch(site.put("/a", file(CONTENT, upto=HALF, **unsure), file(CONTENT, **unsure)), target)
    assert whole(target)
    assert site.ranges() == [None, None]


def test_a_server_without_ranges_starts_again(site, target):
    fetch(site.put("/a", file(CONTENT, upto=HALF), file(CONTENT, honours=())), target)
    assert whole(target)
    assert site.ranges() == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize(
    "honours", [("Range", "If-Range"), ("Range",)], ids=["compares tags", "does not compare"]
)
@pytest.mark.parametrize("pinned", [True, False])
def test_two_files_are_never_glued(site, target, honours, pinned):
    changed = file(OTHER, tag='"two"', honours=honours)
    fetch(site.put("/a", file(CONTENT, upto=HALF), changed), target, OTHER if pinned else None)
    assert whole(target, OTHER)
    assert site.ranges()[:2] == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize(
    "span", [f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}", f"bytes {HALF}-9/9", "nonsense", ""]
)
def test_a_part_from_elsewhere_in_the_file_is_not_taken(site, target, span):
    answers = [file(CONTENT, upto=HALF), file(CONTENT, span=span or "bytes */1"), file(CONTENT)]
    fetch(site.put("/a", *answers), target, None)
    assert whole(target)
    assert site.ranges() == [None, f"bytes={HALF}-", None]


def test_a_file_that_became_shorter_starts_again(site, target):
    short = CONTENT[:CHUNK]
    answers = [file(CONTENT, upto=HALF), file(short, honours=("Range",)), file(short)]
    fetch(site.put("/a", *answers), target, short)
    assert whole(target, short)
    assert site.ranges() == [None, f"bytes={HALF}-", None]


def test_bytes_spoilt_on_the_disk_are_fetched_anew(site, target):
    """As after a loss of power: the right tag, the right size, other bytes."""
    interrupted(site, target)
    part = target.with_name(target.name + ".part")
    part.write_bytes(bytes(part.stat().st_size))
    fetch(site.put("/a", file(CONTENT)), target)
    assert whole(target)
    assert site.ranges() == [f"bytes={HALF}-", None]


def test_a_part_of_another_address_is_not_continued(site, target):
    interrupted(site, target)
    fetch(site.put("/b", file(OTHER)), target, OTHER)
    assert whole(target, OTHER)
    assert site.asked == [("/b", None)]


@pytest.mark.parametrize("code", [500, 502, 503, 504, 408, 429])
def test_what_passes_is_waited_for(site, target, code):
    fetch(site.put("/a", status(code), status(code), file(CONTENT)), target)
    assert whole(target)


def test_the_server_may_ask_for_a_pause_within_bounds(site, target):
    fetch(site.put("/a", status(429, Retry_After="86400"), file(CONTENT)), target)
    assert whole(target)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_what_stays_is_told_at_once(site, target, code):
    url = site.put("/a", status(code))
    with pytest.raises(UnavailableError) as told:
        fetch(url, target)
    assert str(told.value) == (
        f"faces.tar.gz: expected a download from {url}, found HTTP {code}; "
        f"fetch it by hand and put it at {target}"
    )
    assert len(site.asked) == 1
    assert not target.parent.exists()


def test_patience_ends_and_the_part_is_kept(site, target):
    url = site.put("/a", file(CONTENT, upto=HALF), status(503))
    with pytest.raises(UnavailableError) as told:
        fetch(url, target)
    assert str(told.value) == (
        f"faces.tar.gz: expected a download from {url}, found HTTP 503, and nothing better in 3 "
        f"attempts ({amount(HALF)} are kept, and the next run continues behind them); fetch it by "
        f"hand and put it at {target}"
    )
    assert files(target) == ["faces.tar.gz.part", "faces.tar.gz.part.json"]
    fetch(site.put("/a", file(CONTENT)), target)
    assert whole(target)
    assert site.ranges() == [None, *[f"bytes={HALF}-"] * 3]


def test_patience_does_not_end_while_more_arrives(site, target):
    """Five times as many interruptions as attempts."""
    parts = [file(CONTENT, upto=CHUNK) for _ in range(5)]
    fetch(site.put("/a", *parts, file(CONTENT)), target)
    assert whole(target)


def test_a_server_that_always_breaks_off_at_the_same_place_ends(site, target):
    url = site.put("/a", file(CONTENT, upto=HALF, honours=()))
    with pytest.raises(UnavailableError, match="a connection that broke off, and nothing better"):
        fetch(url, target)
    assert len(site.asked) <= 4


@pytest.mark.parametrize("length", [True, False])
def test_other_bytes_leave_nothing(site, target, length):
    url = site.put("/a", file(OTHER, length=length))
    with pytest.raises(InputError) as told:
        fetch(url, target)
    assert str(told.value) == (
        f"{url}: expected SHA-256 {digest(CONTENT)}, found {digest(OTHER)}; "
        f"fetch it by hand and put it at {target}"
    )
    assert files(target) == []


def test_an_older_file_stays_until_the_new_one_is_right(site, target):
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(InputError):
        fetch(site.put("/a", file(OTHER)), target)
    assert whole(target, b"old")
    fetch(site.put("/a", file(CONTENT)), target)
    assert whole(target)


@pytest.mark.parametrize(
    ("answer", "found"), [(endless, "more"), (file(CONTENT), amount(len(CONTENT)))]
)
def test_an_endless_body_is_refused(site, target, answer, found):
    url = site.put("/a", answer)
    with pytest.raises(InputError) as told:
        fetch(url, target, limit=3 * CHUNK)
    assert str(told.value) == (
        f"{url}: expected at most 192.0 KiB, found {found}; fetch it by hand and put it at {target}"
    )
    assert files(target) == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/a", "faces.tar.gz", ""])
def test_only_http_is_spoken(target, url):
    with pytest.raises(UnavailableError, match="an address with neither http:// nor https://"):
        fetch(url, target)


def test_a_redirection_out_of_http_is_not_followed(site, target):
    with pytest.raises(UnavailableError, match=r"no connection \(InvalidSchema\); fetch"):
        fetch(site.put("/a", moved("file:///etc/hostname")), target)
    assert len(site.asked) == 1


def test_without_a_connection(dead_address, target):
    expected = r"no connection \(ConnectionError\), and nothing better in 3 attempts; fetch it by"
    with pytest.raises(UnavailableError, match=expected):
        fetch(f"{dead_address}/a", target)
    assert not target.parent.exists()


def test_a_server_that_never_answers(site, target):
    url = site.put("/a", lambda handler: site.closing.wait(20))
    with pytest.raises(UnavailableError, match=r"no byte for 0\.3 s, and nothing better in 3"):
        fetch(url, target)


def test_a_proxy_of_the_environment_is_used(site, target, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", site.address)
    site.put("http://nowhere.invalid/a", file(CONTENT))
    fetch("http://nowhere.invalid/a", target)
    assert whole(target)


def test_the_size_and_the_progress_are_shown(site, target):
    shown = []

    def track(items, description):
        for number in items:
            shown.append((len(items), description, number))
            yield number

    fetch(site.put("/a", file(CONTENT, upto=HALF), file(CONTENT)), target, track=track)
    chunks = ceil(len(CONTENT) / CHUNK)
    assert {text for _, text, _ in shown} == {f"faces.tar.gz, {amount(len(CONTENT))}"}
    assert {count for count, _, _ in shown} == {chunks}
    assert [number for _, _, number in shown][-chunks:] == list(range(chunks))
    assert whole(target)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (96_541_440, "92.1 MiB")],
)
def test_amounts_for_people(size, text):
    assert amount(size) == text


def test_a_place_where_nothing_can_be_written(site, target):
    target.parent.write_text("a file where the folder should be")
    with pytest.raises(InputError) as told:
        fetch(site.put("/a", file(CONTENT)), target)
    assert str(told.value).startswith(f"{target}: expected to write it, found: ")
    assert str(told.value).endswith("; make it a place that you may write to")


CHILD = """
import sys
from pathlib import Path
from clfer.progress import silent
from clfer.sources.http import download
download(sys.argv[1], Path(sys.argv[2]), None, silent)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_download_is_continued_where_it_was(site, target, end):
    url = site.put("/a", file(CONTENT, upto=HALF, stalls=True))
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, target],
        cwd=ROOT,
        env=os.environ | {"NO_PROXY": "*"},
        stderr=subprocess.DEVNULL,
    )
    part = target.with_name(target.name + ".part")
    until = time.monotonic() + 20
    while not (part.is_file() and part.stat().st_size == 2 * CHUNK) and time.monotonic() < until:
        time.sleep(0.01)
    child.send_signal(end)
    child.wait(10)
    assert child.returncode
    assert files(target) == ["faces.tar.gz.part", "faces.tar.gz.part.json"]
    fetch(site.put("/a", file(CONTENT)), target)
    assert whole(target)
    assert site.ranges() == [None, f"bytes={2 * CHUNK}-"]


def test_a_process_killed_after_the_last_byte_asks_for_none(site, target):
    url = interrupted(site, target)
    target.with_name(target.name + ".part").write_bytes(CONTENT)
    fetch(url, target)
    assert whole(target)
    assert site.asked == []
