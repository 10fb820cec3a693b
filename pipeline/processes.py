"""One command in several processes of this machine, as torchrun starts them."""

import logging
import os
import sys
from collections.abc import Sequence
from uuid import uuid4

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from clfer.errors import STATUS
from clfer.team import cores


def launch(processes: int, arguments: Sequence[str]) -> None:
    """Run `clfer ARGUMENTS` in so many processes that know each other, and wait for them.

    Where one fails, the others are ended, and this process exits with its status; it has said why
    itself. Interrupted, this process ends them all.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(cores() // processes, 1)))
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("torch.distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # a page on every failure
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        run_id=uuid4().hex,
        max_restarts=0,
        monitor_interval=0.5,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "pipeline", *arguments)
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        status = failure.exitcode
        if status < 0:  # a signal's number; nothing has been said
            print(f"error: one of {processes} processes was killed ({-status})", file=sys.stderr)
            status = STATUS - status
        sys.exit(status)
    except SignalException as error:
        sys.exit(STATUS + error.sigval)
