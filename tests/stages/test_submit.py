"""Cells as jobs, through submitit's local executor: real processes, one of them killed."""

import json
import os
import time

import psutil
import pytest
from checkouts import change, checkout, done, refused
from recipes import PARAMS

CELLS = "cells/demo"
WORDS = (
    *("experiment", "comparison", "--dataset", "demo", "--variants", "baseline,msr,broken"),
    *("--seeds", "0-1", "--submit", "local.yaml"),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = checkout(tmp_path_factory.mktemp("submit"), epochs=40)
    rows = {**PARAMS["variants"], "broken": {"recipe": {"lr": 1e30}}}
    change(folder, variants=rows)
    (folder / "local.yaml").write_text("cluster: local\ncells: 2\ntimeout_min: 30\n")
    return folder


def jobs(place):
    return json.loads((place / CELLS / ".jobs/jobs.json").read_text())


def heading(said):
    return next(line for line in said.splitlines() if " cells: " in line)


def test_jobs_are_submitted_looked_at_and_resubmitted_where_they_were_killed(place):
    assert heading(done(place, *WORDS)) == (
        "6 cells: 0 there, 0 in a job, 0 failed, 6 submitted now"
    )
    first = {one["job"] for one in jobs(place).values()}
    assert len(first) == 3
    victim = next(one["job"] for one in jobs(place).values() if one["cell"] == "msr/1")
    process = psutil.Process(int(victim))
    for one in (*process.children(recursive=True), process):
        one.kill()
    psutil.wait_procs([process])
    said = heading(done(place, *WORDS))
    assert " 2 submitted now" in said
    again = {one["cell"]: one["job"] for one in jobs(place).values()}
    assert again["msr/1"] != victim
    deadline = time.monotonic() + 900
    while " 0 in a job" not in said:
        assert time.monotonic() < deadline, said
        time.sleep(2)
        said = done(place, *WORDS)
    assert heading(said) == "6 cells: 4 there, 0 in a job, 2 failed, 0 submitted now"
    assert "broken/0 failed: training: the loss is not a number from epoch 1" in said
    assert "delete cells/demo/.jobs/jobs.json" in said
    whole = [word.replace(",broken", "") for word in WORDS]
    assert "tables/demo/comparison.md" in done(place, *whole)  # all there: tabulated


def test_a_file_that_is_no_such_file_is_said(place):
    for text, expected in (
        ("cells: 0\n", "cells: input should be greater than or equal to 1; found 0"),
        ("- a\n", "expected YAML|should be a valid dictionary"),
        ("a: [", "expected YAML"),
        ("cluster: slum\n", "doesn't know any executor named slum"),
        ("cluster: local\ntimeout_mins: 5\n", "in parameter 'timeout_mins'"),
        ("cluster: local\ntimeout_min: long\n", "expected type <class 'int'>"),
        ("cluster: slurm\n", "are you indeed on a slurm cluster"),
    ):
        (place / "wrong.yaml").write_text(text)
        line = refused(place, *WORDS[:-1], "wrong.yaml", "--cells", "wrong")
        assert any(one in line for one in expected.split("|")), line
    assert "found no none.yaml" in refused(place, *WORDS[:-1], "none.yaml")


def test_what_slurm_says_of_a_job(place, monkeypatch):
    tools = {"srun": "", "sbatch": "echo Submitted batch job 12", "sacct": "cat accounts"}
    for name, does in tools.items():
        (place / "bin" / name).parent.mkdir(exist_ok=True)
        (place / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (place / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place / 'bin'}:{os.environ['PATH']}")
    (place / "slurm.yaml").write_text("name: faces\n")
    words = (*WORDS[:4], "--variants", "baseline", "--seeds", "0", "--cells", "queued")
    words += ("--submit", "slurm.yaml")
    said, state = [], "JobID|State|NodeList\n"
    for line in ("", "", "12|PENDING|n\n", "12|CANCELLED by 0|n\n"):  # at first it knows nothing
        (place / "accounts").write_text(state + line)
        said.append(heading(done(place, *words)).partition("failed, ")[2])
    assert said == [f"{count} submitted now" for count in (1, 0, 0, 1)]
    (place / "queued/.jobs/jobs.json").write_text("[]")
    assert "jobs.json: expected JSON, found it damaged" in refused(place, *words)
