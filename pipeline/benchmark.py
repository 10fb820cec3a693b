"""Tool benchmark: what the method costs in time and memory, on this machine."""

import json
import platform
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.console import say, table, track

VARIANTS = ("baseline", "msr", "clbs", "clfm", "ours")
BARE = "torchvision alone"
SIZES = (64, 112, 224)  # of the input pipeline
SMALL = 112  # largest side with the small stem
CPUINFO = Path("/proc/cpuinfo")


def benchmark(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
    size: Annotated[int, typer.Option(help="Side of the input in pixels.")] = 224,
    batch: Annotated[int, typer.Option(min=2, help="Images in a batch.")] = 32,
    rounds: Annotated[int, typer.Option(min=7, help="Steps of each, in turn.")] = 11,
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    backbone: Annotated[
        str | None, typer.Option(help="Default: train.backbone, or the paper's.")
    ] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Set train.compile.")] = False,
) -> None:
    """Time training steps of the baseline, each added module and ours, in turn; the input pipeline;
    peak memory.
    """
    import torch

    from clfer import benchmark as measure
    from clfer.model.backbone import check_input
    from clfer.training.machine import device, resolved_precision
    from pipeline import cell

    there = device()
    over = {"weights": "none", "batch_size": batch, "precision": precision, "compile": compiled}
    over |= {"backbone": backbone} if backbone else {}
    recipe = cell.paper(over | _window(size))
    check_input(recipe.crop, recipe.stem)
    variants = {name: cell.modules(name) for name in VARIANTS}
    memory = {v: measure.peak_memory(variants[v], recipe, there) for v in ("baseline", "ours")}
    subjects = {v: measure.training_step(row, recipe, there) for v, row in variants.items()}
    subjects[BARE] = measure.bare_step(recipe, there)
    seconds = measure.medians(subjects, rounds, there, track)
    found: dict[str, Any] = {
        "ratio": seconds["ours"] / seconds["baseline"],
        "step_ms": {name: 1000 * value for name, value in seconds.items()},
        "images_per_second": {name: batch / value for name, value in seconds.items()},
        "peak_memory_mib": memory,
        "input": {},
        "setting": {
            "device": torch.cuda.get_device_name(there) if there.type == "cuda" else _processor(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "backbone": recipe.backbone,
            "stem": recipe.stem,
            "size": size,
            "batch": batch,
            "rounds": rounds,
            "precision": resolved_precision(recipe, there),
            "compile": compiled,
        },
    }
    for side in SIZES:
        times = measure.input_times(cell.paper(over | _window(side)), rounds, there, track)
        made: dict[str, Any] = {"baseline_step_ms": 1000 * times["step"]}
        for source in ("resident", "streamed"):
            rate, share = batch / times[source], times[source] / times["step"]
            made[source] = {"images_per_second": rate, "share_of_step": share}
        found["input"][str(side)] = made
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


def show(found: dict[str, Any]) -> None:
    """The same in three tables."""
    setting, seconds, rate = found["setting"], found["step_ms"], found["images_per_second"]
    say(
        [
            f"{setting['backbone']}, {setting['size']} px, batch {setting['batch']}, "
            f"{setting['precision']}, {setting['threads']} threads, PyTorch {setting['torch']}",
            f"median of {setting['rounds']} training steps each, in turn"
            + (", contrastive losses compiled" if setting["compile"] else ""),
            f"ours / baseline: {found['ratio']:.3f}",
        ],
        f"benchmark on {setting['device']}",
    )
    table(
        "training step",
        ["", "ms", "x baseline", "images/s"],
        [
            [name, f"{ms:.1f}", f"{ms / seconds['baseline']:.3f}", f"{rate[name]:.1f}"]
            for name, ms in seconds.items()
        ],
    )
    rows = []
    for side, made in found["input"].items():
        times = (made["resident"], made["streamed"])
        pairs = ((one["images_per_second"], 100 * one["share_of_step"]) for one in times)
        rows.append([side, *(text for a, b in pairs for text in (f"{a:.0f}", f"{b:.1f}"))])
    table(
        "loading and augmentation of 48 px faces",
        ["to px", "on the device: images/s", "% of a step", "streamed: images/s", "% of a step"],
        rows,
    )
    memory = [[name, f"{mib:.0f}"] for name, mib in found["peak_memory_mib"].items()]
    table("peak memory", ["", "MiB"], memory)


def _window(side: int) -> dict[str, Any]:
    """Recipe entries for an input of this side, enlarged as the paper enlarges (256 for 224)."""
    stem = "small" if side <= SMALL else "full"
    return {"crop": side, "resize": round(side * 8 / 7), "stem": stem}


def _processor() -> str:
    """What the processor calls itself."""
    text = CPUINFO.read_text(encoding="utf-8") if CPUINFO.exists() else ""
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
