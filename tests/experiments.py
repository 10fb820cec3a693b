"""A table of two rows and its runs, for the tests of filled-in tables and of their pages."""

from prediction_tables import table

from clfer.paper.tables import Plan, Row
from clfer.scoring.grid import Run

LABEL = [0, 1, 2] * 10
BASE = Row(("plain",), "baseline", {}, {"ferplus": 80.0, "raf_db": 70.0})
OURS = Row(("new",), "ours", {}, {"ferplus": 81.5}, against="baseline")


def run(variant, seed, wrong, **how):
    """A run on thirty images of which the first `wrong` are wrong."""
    predicted = [(y + 1) % 3 if i < wrong else y for i, y in enumerate(LABEL)]
    return Run("toy", variant, seed, table(LABEL, predicted, **how))


def plan(*rows, **how):
    return Plan("table8", rows, **how)


RUNS = [run("baseline", seed, 9 + seed) for seed in range(3)]
RUNS += [run("ours", seed, 6 + 2 * seed) for seed in range(3)]
