"""Figure 8's points, as the figure `k` draws them."""

from collections.abc import Mapping
from typing import Any

MODULES = {"K_FM (CLFM)": "clfm", "K_BS (CLBS)": "clbs"}
BEST = {("clfm", 4), ("clbs", 7)}  # in the paper


def record(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Module, number of clusters and accuracy of one entry of the result."""
    module, k = MODULES[entry["label"][0]], int(entry["label"][1])
    accuracy = {key: entry["accuracy"][key] for key in ("mean", "std", "ci95")}
    return {"module": module, "k": k, **accuracy, "paper_best": (module, k) in BEST}
