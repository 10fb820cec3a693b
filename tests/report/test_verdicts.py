"""Verdicts say no more than the numbers allow: each kind of them as it was agreed upon."""

import pytest
from test_golden import same

from clfer.report.published import rule_with_verdicts
from clfer.report.verdicts import note, verdict

ENTRY = {
    "a": "ours",
    "b": "baseline",
    "metric": "accuracy",
    "test": "paired t",
    "primary": True,
    "seeds": [0, 1, 2],
    "difference": 0.012,
    "ci95": [0.008, 0.016],
    "ci95_images": [0.006, 0.018],
    "p": 0.004,
    "p_holm": 0.008,
    "smallest_detectable": 0.0052,
    "margin": 0.01,
    "p_equivalent_holm": None,
    "per_seed": [],
}
UNTESTED = {"p": None, "p_holm": None, "ci95": None}
SINGLE = [
    {"seed": 0, "only_a_right": 3012, "only_b_right": 1112, "p": 0.0001},
    {"seed": 1, "only_a_right": 1, "only_b_right": 30, "p": 0.008},
    {"seed": 2, "only_a_right": 21, "only_b_right": 20, "p": 1.0},
]
KINDS = {
    "better": {},
    "worse": {"difference": -0.012, "ci95": [-0.016, -0.008], "ci95_images": [-0.018, -0.006]},
    "better on these images alone": {"ci95_images": [-0.002, 0.026]},
    "no claim": {"p": 0.2, "p_holm": 0.4, "ci95": [-0.01, 0.034]},
    "no claim for Holm's correction": {"p": 0.03, "p_holm": 0.2},
    "no claim, and equal within the margin": {
        "p": 0.2,
        "p_holm": 0.4,
        "ci95": [-0.002, 0.006],
        "difference": 0.002,
        "p_equivalent_holm": 0.008,
    },
    "one seed": {"seeds": [4], **UNTESTED},
    "two seeds": {"seeds": [0, 1], **UNTESTED},
    "no seed": {"seeds": [], "difference": None, **UNTESTED},
    "no spread": UNTESTED,
    "no difference": {"difference": 0.0, **UNTESTED},
    "not primary": {"primary": False, "metric": "macro_f1", "p_holm": None},
    "single models": {
        "test": "exact McNemar",
        "primary": False,
        "p": None,
        "p_holm": None,
        "per_seed": SINGLE,
    },
}


def test_every_kind_of_verdict() -> None:
    said = {kind: verdict({**ENTRY, **more}, 0.05, True, "val") for kind, more in KINDS.items()}
    said["drawn, chosen on test"] = verdict(ENTRY, 0.05, False, "test")
    for name in ("raf_db", "ferplus", "sfew", "affectnet"):
        (rule,) = rule_with_verdicts(name, None)
        said[f"the paper's rule on {name}"] = rule["verdict"]
    same("verdicts.md", "\n\n".join(f"## {kind}\n\n{text}" for kind, text in said.items()) + "\n")


@pytest.mark.parametrize("alpha", [0.05, 0.001])
@pytest.mark.parametrize("p", [None, 0.0005, 0.01, 0.2])
def test_only_a_corrected_p_below_alpha_makes_a_claim(alpha: float, p: float | None) -> None:
    text = verdict({**ENTRY, "p": p, "p_holm": p}, alpha, True, "val")
    assert text.startswith("ours is better than") is (p is not None and p < alpha)


def test_what_could_not_be_compared() -> None:
    seeds = {"baseline": {"seeds": [0, 1, 2]}, "ours": {"seeds": [1, 2, 5]}, "msr": {"seeds": [7]}}
    assert note({"baseline": seeds["baseline"]}, "baseline") is None
    text = str(note(seeds, "baseline"))
    assert "ours and baseline have different seeds; only [1, 2] are in both" in text
    assert "msr and baseline have different seeds; only none are in both" in text
    assert "no run of cl, so" in str(note(seeds, "cl"))
