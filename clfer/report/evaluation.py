"""What `clfer evaluate` says of one model on a terminal."""

from collections.abc import Mapping
from typing import Any

from clfer.report.numbers import between, percent, plural


def confusion_table(
    title: str, scores: Mapping[str, Any]
) -> tuple[str, list[str], list[list[str]]]:
    """Title, head and rows; headings of four letters, so that eight fit a terminal of 80."""
    classes = scores["classes"]
    rows = [
        [name, *map(str, counts), percent(scores["per_class"][name]["recall"], 0)]
        for name, counts in zip(classes, scores["confusion"], strict=True)
    ]
    head = ["", *(name[:4] for name in classes), "recall, %"]
    return f"{title}: rows are the actual class, columns the predicted one", head, rows


def score_lines(scores: Mapping[str, Any], on: str | None) -> list[str]:
    """The scores, and on the test images of another dataset `on` what was left out."""
    lines = [
        f"accuracy {percent(scores['accuracy'])} {between(scores['accuracy_ci95'])} %, "
        f"{plural(scores['images'], 'image')}",
        f"UAR {percent(scores['uar'])} %, macro-F1 {percent(scores['macro_f1'])} %, "
        f"ECE {percent(scores['ece'])} %",
    ]
    if scores["top2"] is not None:
        lines.append(
            f"raters' first or second choice {percent(scores['top2'])} %, "
            f"KL divergence from their votes {scores['kl']:.3f} nats"
        )
    return [*lines, *(left_out(scores["transfer"], on) if on else [])]


def left_out(transfer: Mapping[str, Any], on: str) -> list[str]:
    """Classes that only the dataset or only the model has."""
    lines = []
    if transfer["left_out_of_data"]:
        lines.append(
            f"{plural(transfer['images_left_out'], 'image')} of {on} left out, whose class the "
            f"model does not have: {', '.join(transfer['left_out_of_data'])}"
        )
    if transfer["left_out_of_model"]:
        lines.append(
            f"not to be chosen, since {on} does not have it: "
            f"{', '.join(transfer['left_out_of_model'])} (the model's first choice in "
            f"{percent(transfer['preferred_another'], 1)} % of the images)"
        )
    return lines
