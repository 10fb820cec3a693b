"""What the page says of its models."""

from collections.abc import Mapping
from typing import Any

from clfer.inference.predictor import Predictor

PARTS = {"val": "validation", "test": "test", "train": "training"}
DRAWN = "demo"


def facts(predictor: Predictor) -> list[list[tuple[str, str]]]:
    """For each model, what its card knows of it: pairs of a heading and a few words."""
    pairs = zip(predictor.files, predictor.engines, strict=True)
    return [[("File", file.name), *_known(engine.card.provenance)] for file, engine in pairs]


def is_drawn(predictor: Predictor) -> bool:
    """Whether some model was trained on drawn faces, and knows nothing of people."""
    return any(one.card.provenance.get("dataset") == DRAWN for one in predictor.engines)


def _known(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [("Trained on", str(told.get("dataset", "unknown data")))]
    if "variant" in told:
        found.append(("Variant", str(told["variant"])))
    run = [f"{key} {told[key]}" for key in ("seed", "epoch") if key in told]
    if run:
        found.append(("Run", ", ".join(run)))
    accuracy = told.get("accuracy")
    for part, value in accuracy.items() if isinstance(accuracy, dict) else ():
        if isinstance(value, float):
            words = f"{100 * value:.1f} % of its {PARTS.get(part, part)} images"
            chosen = ", on which its epoch was chosen" if told.get("selected_on") == part else ""
            found.append(("Accuracy", words + chosen))
    return found
