"""Table VIII's rule, on the paper's own numbers and on ours."""

from collections.abc import Mapping
from typing import Any

from clfer.experiments.plan import DATASETS
from clfer.report import published as beside
from clfer.scoring import published


def said(dataset: str, accuracy: Mapping[str, Any]) -> list[str]:
    """A sentence for each dataset of the paper, and one for ours where the paper names a
    competitor; `accuracy` is the spread of our seeds.
    """
    told = [
        f"On {DATASETS[name]}: {found['verdict']}"
        for name in DATASETS
        for found in beside.paper_rule(name, [])
    ]
    competitor = published.ruled(dataset)
    if competitor is None or accuracy["std"] is None:
        return told
    ours = beside.applied(published.OURS, accuracy["mean"], accuracy["std"], competitor)
    return [*told, f"On {DATASETS[dataset]}: {ours['verdict']}"]
