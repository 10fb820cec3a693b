"""Stage align: every image's face, upright and of one size, in one array."""

from __future__ import annotations

import os
import shutil
from contextlib import nullcontext
from datetime import timedelta

from clfer.errors import InputError
from clfer.files import fingerprint, locked_folder, replacing, sha256
from clfer.progress import silent
from clfer.team import ALONE, Team, started
from pipeline import app, options, paths, shards
from pipeline.console import say, track
from pipeline.params import check_there, dataset, settings

LABELS = ("row", "name", "landmarks", "box")
PATIENCE = timedelta(days=7)  # one process's share may be done long before another's


def align(
    name: options.Dataset, processes: options.Processes = 1, shard: shards.Option = None
) -> None:
    """Detect, align and pack the faces of a dataset into data/faces/DATASET.npy.

    Shards leave their faces in data/faces/DATASET-shards; the same command without --shard puts
    them together.
    """
    check_there("datasets", name)
    part = shards.parsed(shard) if shard else None
    if app.launched(processes):
        return
    if not started():
        _align(name, ALONE, part)
        return
    import torch  # seconds to import, and not needed by one process

    from clfer import distributed

    with distributed.joined(torch.device("cpu"), PATIENCE):
        team = distributed.team()
        here = int(os.environ["LOCAL_WORLD_SIZE"])  # set by torchrun
        if team.size != here:
            raise InputError(
                f"align: expected processes of one machine, which write into one mapped file; "
                f"found {team.size}, {here} of them here; start it on one machine alone"
            )
        _align(name, team, part)


def _align(name: str, team: Team, part: shards.Shard | None) -> None:
    """The same in this process, which may be one of several: the leader holds the work, brings it
    together and speaks.
    """
    import numpy as np
    import polars as pl

    from clfer.datasets.labels import GROUP
    from clfer.download import UnavailableError
    from clfer.faces import packing
    from clfer.faces.alignment import Alignment
    from clfer.faces.detectors import NAMES, open_detector
    from clfer.figures import dataset as figures
    from pipeline import stored

    shown = track if team.leads else silent
    with team.leader_first():
        module = dataset(name)
        alignment = settings(Alignment, "datasets", name, "faces")
        raw = paths.existing(paths.raw(name), f"download {name}")
        labels = paths.labels(name)
        rows = stored.Rows(labels, f"relabel {name}", LABELS)
        find, weights = None, ""
        if alignment.detector in NAMES:
            named = alignment.weights and paths.BASE / alignment.weights
            option = f"datasets.{name}.faces.weights"
            try:
                find = open_detector(named, alignment, shown, option, alignment.detector)
            except UnavailableError as error:
                raise InputError(
                    f"{error}; where every picture is a cropped face, do without: set "
                    f"datasets.{name}.faces.detector to none"
                ) from error
            weights = f"{find.weights.name} {sha256(find.weights)}"
        pictures = module.pictures(raw, paths.BASE)
    array, parts = paths.faces(name), paths.face_shards(name)
    work = fingerprint(packing.FORMAT, name, alignment.model_dump(), weights, sha256(labels))
    wanted = range(len(rows))
    scratch, chosen = paths.scratch(work), array
    if part:
        wanted, done = part.part(len(rows)), shards.place(parts, work, part, ".parquet")
        chosen = done.with_suffix(".npy")
        scratch = paths.scratch(f"{work}-{part.number}-of-{part.of}")
        if done.exists():
            say([], f"already there: {done}")
            return
    there = [] if part else shards.complete(parts, work, ".parquet", f"clfer align {name}")
    with locked_folder(scratch, f"aligning {name}") if team.leads else nullcontext():
        if there:
            table = packing.join(there, array) if team.leads else None
        else:
            table = packing.pack(
                pictures, packing.Part(rows, wanted), alignment, find, chosen, scratch, shown, team
            )
        if table is None:
            return
        if part:
            with replacing(done) as temporary:  # it says that the shard is there
                table.with_columns(pl.col("row", "face") + wanted.start).sink_parquet(temporary)
            say([], f"{len(wanted):,} images: {chosen}")
            return
        with replacing(array.with_suffix(".parquet")) as temporary:
            table.sink_parquet(temporary, metadata={"detector": weights}, row_group_size=GROUP)
            outcomes = packing.outcomes(pl.scan_parquet(temporary))
            worst = figures.worst(pl.scan_parquet(temporary))
        with replacing(array.with_suffix(".png")) as temporary:
            seen = pictures(rows.at(worst["row"]))
            figures.draw_contact_sheet(seen, worst, np.load(array, mmap_mode="r"), temporary)
    size = f"{alignment.size} x {alignment.size} x {alignment.channels}"
    lines = [f"{len(rows):,} images, faces of {size}", *outcomes]
    say([*lines, f"to look at: {array.with_suffix('.png')}"], f"align {name}: {array}")
    if there:
        shutil.rmtree(parts)
