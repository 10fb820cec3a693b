"""Figure 8's points, as the figure `k` draws them."""

from collections.abc import Mapping, Sequence
from typing import Any

MODULES = {"K_FM (CLFM)": "clfm", "K_BS (CLBS)": "clbs"}
BEST = {("clfm", 4), ("clbs", 7)}  # in the paper


def points(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Module, number of clusters and accuracy of each entry of the result."""
    found = []
    for entry in entries:
        module, k = MODULES[entry["label"][0]], int(entry["label"][1])
        accuracy = {key: entry["accuracy"][key] for key in ("mean", "std", "ci95")}
        found.append({"module": module, "k": k, **accuracy, "paper_best": (module, k) in BEST})
    return found
