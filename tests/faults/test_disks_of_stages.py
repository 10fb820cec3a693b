"""Each command where its disk is full or read-only: one line, and what stood there stays."""

import shutil
from fnmatch import fnmatch

import pytest
from checkouts import SMALL, change, checkout, clfer, files, half, orphans
from failing_disks import PAGE, full, limited, needs_mounts, pages, read_only

pytestmark = pytest.mark.slow

SOURCE = {"train": 80, "val": 40, "test": 40, "duplicates": 0.0, "seed": 2024}
CELL = ("demo", "ours", "0")
RUN, RESULTS = "runs/demo/ours/0", "results/demo/ours/0"
CHAIN = (
    ("download", "demo"),
    ("relabel", "demo"),
    ("align", "demo"),
    ("split", "demo"),
    ("train", *CELL),
    ("evaluate", *CELL),
    ("significance",),
    ("audit", "demo"),
    ("figure", "confusion", "--dataset", "demo"),
    ("report", "--out", "page/report.html"),
    (
        *("experiment", "comparison", "--dataset", "demo", "--variants", "baseline"),
        *("--seeds", "0", "--to", "compared/grid"),
    ),
)
FEW = 8 * PAGE
# command, the folder that is full, the file it stops at, and what still has room before it
CASES = (
    (CHAIN[0], "data/raw", "data/raw/.demo.*", ()),
    (CHAIN[1], "data/labels", "data/labels/demo.parquet", ()),
    (CHAIN[2], ".scratch", ".scratch/*/lock", ()),
    (CHAIN[2], ".scratch", ".scratch/*/faces.npy", (FEW,)),
    (CHAIN[2], "data/faces", "data/faces/demo.npy", ()),
    (CHAIN[3], "data/splits", "data/splits/demo.parquet", ()),
    (CHAIN[4], ".scratch", ".scratch/*/lock", ()),
    (CHAIN[4], ".scratch", ".scratch/*/state.pt", (FEW,)),
    (CHAIN[4], RUN, f"{RUN}/history.csv", ()),
    (CHAIN[4], RUN, f"{RUN}/features.safetensors", ("history.csv",)),
    (CHAIN[4], RUN, f"{RUN}/model.safetensors", ("features.safetensors",)),
    (CHAIN[5], RESULTS, f"{RESULTS}/predictions.parquet", ()),
    (CHAIN[5], RESULTS, f"{RESULTS}/confusion.png", ("predictions.parquet",)),
    (CHAIN[6], "metrics", "metrics/summary.md", ()),
    (CHAIN[6], "plots", "plots/accuracy.png", ()),
    (CHAIN[7], "data/audit", "data/audit/demo.json", ()),
    (CHAIN[7], "data/audit", "data/audit/demo.png", ("demo.json",)),
    (CHAIN[8], "figures/demo", "figures/demo/confusion.png", ()),
    (CHAIN[9], "page", "page/report.html", ()),
    (CHAIN[10], "compared", "compared/grid-curves.png", ()),
)
NAMES = [f"{words[0]}-{file}" for words, _, file, _ in CASES]
PLACES = {folder: words for words, folder, _, _ in CASES}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Everything that the commands write, once, where there is room."""
    folder = checkout(tmp_path_factory.mktemp("study"))
    change(
        folder,
        recipe={**SMALL, "epochs": 1},
        source=SOURCE,
        run={"datasets": ["demo"], "variants": ["ours"], "seeds": [0]},
        significance={"alpha": 0.05, "margin": 0.01, "baseline": "ours"},
    )
    for words in CHAIN:
        done = clfer(folder, *words)
        assert done.returncode == 0, done.stderr
    return folder


def refused(done):
    """The line with which a command refuses, after what it says of its progress."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert done.stderr.rstrip().endswith(lines[0])
    return lines[0].removeprefix("error: ")


@needs_mounts
@pytest.mark.parametrize(("words", "place", "file", "fitting"), CASES, ids=NAMES)
def test_a_full_disk(words, place, file, fitting, study, tmp_path):
    shutil.rmtree(study / ".scratch", ignore_errors=True)  # what the case before it had done
    sizes = (n if n == FEW else (study / place / n).stat().st_size for n in fitting)
    free = max(map(pages, sizes), default=0)
    (study / place).mkdir(exist_ok=True)
    before = files(study, place)
    done = clfer(study, *words, prefix=full(study / place, free, tmp_path / "copies"))
    said = refused(done)
    expected = (
        ": expected room to write it, found the disk full; make room and run it again: "
        "what stood there before is untouched"
    )
    assert fnmatch(said, file + expected), said
    assert half(tmp_path / "copies/after") == []
    after = {
        f"{place}/{name}": content
        for name, content in files(tmp_path / "copies/after", ".").items()
    }
    if place == ".scratch":
        assert all(name.endswith(("/lock", "/holder")) for name in after)
    else:
        assert after.keys() == before.keys()
        # written anew before it; the same command writes the same bytes
        assert {name: after[name] for name in before} == before
    assert half(study) == []
    assert orphans(study) == []


@pytest.mark.parametrize("words", [CHAIN[0], CHAIN[1], CHAIN[2], CHAIN[4], CHAIN[5], CHAIN[6]])
def test_a_limit_on_the_size_of_a_file(words, study):
    parts = ("data", "runs", "results", "metrics", "plots")
    before = files(study, *parts)
    said = refused(clfer(study, *words, prefix=limited(3000)))
    assert "a limit on the size of a file (ulimit -f); make room" in said
    assert files(study, *parts).keys() == before.keys()
    assert half(study) == []


@needs_mounts
@pytest.mark.parametrize("place", PLACES)
def test_a_folder_that_is_read_only(place, study):
    (study / place).mkdir(exist_ok=True)
    before = files(study, place)
    said = refused(clfer(study, *PLACES[place], prefix=read_only(study / place)))
    assert said.startswith(place)
    assert said.endswith(
        ": expected a place to read and write, found: read-only file system; "
        "fix that and run it again"
    )
    assert files(study, place) == before
    assert orphans(study) == []


@pytest.mark.parametrize("place", ["data/labels", "runs/demo/ours", "results/demo/ours", "metrics"])
def test_a_file_where_a_folder_should_be(place, study):
    words = {"runs/demo/ours": CHAIN[4], "results/demo/ours": CHAIN[5], **PLACES}[place]
    aside = study / place
    away = aside.rename(study / "aside")
    aside.write_text("a file")
    try:
        said = refused(clfer(study, *words))
        assert said.startswith(place)
        assert aside.read_text() == "a file"
    finally:
        aside.unlink()
        away.rename(aside)
