"""The cells of an experiment as jobs of a cluster, by submitit.

`FOLDER/.jobs`, FOLDER being that of the cells, has the pack that jobs train from, submitit's logs,
and jobs.json: of each cell, by its fingerprint, the job that has it.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from pydantic import ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from submitit import AutoExecutor, LocalJob, SlurmJob
from submitit.core.utils import FailedJobError, UncompletedJobError
from submitit.helpers import DelayedSubmission

from clfer.errors import InputError, in_one_line
from clfer.files import write_json
from clfer.settings import Settings, explained
from clfer.training import cells as grid
from clfer.training import pack as packs
from clfer.training.cell import Cell
from clfer.training.machine import device
from pipeline import paths, stored
from pipeline.console import say
from pipeline.study import Study

ENDED = (
    *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED"),
    *("BOOT_FAIL", "DEADLINE", "REVOKED"),
)
LAG = 600  # seconds until which SLURM's accounting may not know a job yet
# what submitit raises over wrong settings, where there is no SLURM, and where sbatch refuses
REFUSALS = (ValueError, NameError, TypeError, AssertionError, RuntimeError)


class Cluster(Settings):
    """The file of --submit; other keys are submitit's, such as timeout_min or slurm_partition."""

    model_config = ConfigDict(frozen=True, extra="allow")

    cluster: str = "slurm"  # or local: processes of this machine
    cells: int = Field(1, ge=1)  # of a job


class Training:
    """A job: some cells of a pack, one after the other. Preempted, it is queued again and goes on
    from its last epoch.
    """

    def __init__(self, pack: Path, out: Path, names: Sequence[str]) -> None:
        self.pack, self.out, self.names = pack, out, names

    def __call__(self) -> dict[str, str]:
        """By name of the cells that failed: why."""
        data, cells = packs.read(self.pack, device())
        failed = {}
        for cell in cells:
            if (name := _name(cell)) in self.names:
                try:
                    grid.train_cells([cell], data, self.out)
                except InputError as error:
                    failed[name] = str(error)
        return failed

    def checkpoint(self) -> Any:
        """What submitit puts into the queue in place of a preempted job."""
        return DelayedSubmission(self)


def submit(studies: Sequence[Study], path: Path) -> bool:
    """Submit the cells that are neither there nor in a job, and say how all of them are; whether
    all are there.

    A cell that failed by its own settings is submitted again only with others.
    """
    given = _read(path)
    complete = [_submit(study, given) for study in studies]
    return all(complete)


def _submit(study: Study, given: Cluster) -> bool:
    place = study.folder / ".jobs"
    listed = place / "jobs.json"
    known = stored.document(listed, "experiment") if listed.exists() else {}
    absent = grid.missing(study.cells, study.data, study.folder)
    running, failed, wanted = [], {}, []
    for cell in absent:
        job = known.get(cell.fingerprint(study.data))
        if job and _alive(job["job"], given, place):
            running.append(_name(cell))
        elif job and (why := _reason(job["job"], given, place, _name(cell))):
            failed[_name(cell)] = why
        else:
            wanted.append(cell)
    if wanted:
        packs.write(study.data, study.cells, paths.faces(study.data.name), place / "pack")
        parts = [wanted[i : i + given.cells] for i in range(0, len(wanted), given.cells)]
        pack, out = (place / "pack").absolute(), study.folder.absolute()
        try:
            executor = AutoExecutor(folder=place / "log", cluster=given.cluster)
            executor.update_parameters(**{"name": "clfer", **(given.model_extra or {})})
            with executor.batch():
                jobs = [executor.submit(Training(pack, out, [*map(_name, one)])) for one in parts]
        except REFUSALS as error:
            raise InputError(
                f"--submit: expected a cluster that is here and settings of submitit's, found: "
                f"{in_one_line(error, 500)}"
            ) from error
        for part, job in zip(parts, jobs, strict=True):
            entry = {"job": job.job_id}
            known |= {one.fingerprint(study.data): {**entry, "cell": _name(one)} for one in part}
        write_json(listed, known)
    there = len(study.cells) - len(absent)
    lines = [f"{name} failed: {why}" for name, why in failed.items()]
    lines += [f"failed ones are not submitted again; delete {listed} to do so"] if failed else []
    lines += ["say the same command again to look"] if running or wanted else []
    heading = (
        f"{len(study.cells)} cells: {there} there, {len(running)} in a job, {len(failed)} failed, "
        f"{len(wanted)} submitted now"
    )
    say(lines, heading)
    return not absent


def _alive(job: str, given: Cluster, place: Path) -> bool:
    """Whether a job waits or runs."""
    if given.cluster != "slurm":
        try:
            process = psutil.Process(int(job))
            return process.status() != psutil.STATUS_ZOMBIE and any(
                "submitit" in word for word in process.cmdline()
            )
        except psutil.Error:
            return False
    found: Any = SlurmJob(place / "log", job)
    state = found.state.partition(" ")[0]  # CANCELLED by 1000
    if state == "UNKNOWN":
        submitted: Path = found.paths.submitted_pickle
        return submitted.exists() and time.time() - submitted.stat().st_mtime < LAG
    return state not in ENDED


def _reason(job: str, given: Cluster, place: Path, name: str) -> str | None:
    """Why a cell of a job that has ended failed; None where the job was interrupted."""
    kind = SlurmJob if given.cluster == "slurm" else LocalJob
    found: Any = kind(place / "log", job)
    if not found.paths.result_pickle.exists():
        return None
    try:
        why: str | None = found.result().get(name)
        return why
    except UncompletedJobError:
        return None
    except FailedJobError as error:
        return str(error).strip().split("\n")[-1]


def _read(path: Path) -> Cluster:
    try:
        return Cluster.model_validate(YAML(typ="safe", pure=True).load(path) or {})
    except FileNotFoundError:
        raise InputError(f"--submit: found no {path}") from None
    except ValidationError as error:
        raise InputError(explained(error, Cluster, str(path))) from error
    except (YAMLError, TypeError) as error:
        raise InputError(
            f"{path}: expected YAML such as `cluster: slurm`; found {in_one_line(error)}"
        ) from error


def _name(cell: Cell) -> str:
    return f"{cell.name}/{cell.seed}"
