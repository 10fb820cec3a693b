"""Tool export: a trained model as ONNX, which runs where PyTorch is not, checked on real faces."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clfer.errors import InputError
from clfer.files import replacing, sha256, write_bytes
from clfer.team import cores
from pipeline import paths
from pipeline.console import say, table, track

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8

    from clfer.export.parity import Int8Cost, Material
    from clfer.inference.engines import Engine
    from clfer.model.bundle import Card

ROUNDS = {1: 31, 32: 9}  # repetitions for a median, by the faces in a batch
MB = 1_000_000
README, ONNX = "README.md", "model.onnx"  # as a hub, and `--model hf:owner/name`, look for them
CARD = "library_name: clfer"  # in every model card


def export(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]", help="A .safetensors; default: one trained here on real faces."
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="A .onnx; or a folder for a hub, with the model and its card. Default: beside the "
            "model; for one in runs/, in exports/.",
        ),
    ] = None,
    faces: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Face crops to check on. Default: validation images of the model's dataset.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Faces to check on, at most.")] = 1000,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write one in eight bits, FILE.int8.onnx.")
    ] = False,
) -> None:
    """Write a model as ONNX if it agrees with PyTorch on real faces; time both."""
    from clfer.export.onnx_model import OPSET, converted, quantised, write
    from clfer.export.parity import LIMIT, check_parity, folder_material, int8_cost
    from clfer.inference.engines import Exported, Trained
    from clfer.model.bundle import load
    from pipeline.models import default_model

    path = model or default_model()
    if path.suffix != ".safetensors":
        raise InputError(f"export: expected the name of a .safetensors, found {path}")
    network, card = load(path)
    target, pushed = to or paths.exported(path), {}
    if target.suffix != ".onnx":
        pushed = {README: _readme(path, card, target).encode(), paths.MODEL: path.read_bytes()}
        target /= ONNX
    if faces:
        material = folder_material(faces, card.cut, count, int8, track)
    else:
        material = _dataset(path, card, count)
    made = converted(network, card)
    trained = Trained(path, "cpu")
    with replacing(target) as temporary:
        write(made, temporary)
        engines: dict[str, Engine] = {"PyTorch": trained, "onnxruntime": Exported(temporary)}
        parity = check_parity(path, engines, material.faces, track)
    lines = [
        f"opset {OPSET}, {_size(target)}: faces uint8 [N, {card.cut.size}, {card.cut.size}, "
        f"{card.cut.channels}] -> probability float32 [N, {len(card.classes)}]",
        f"checked on {material.description}: largest difference of a probability "
        f"{parity.difference:.1e}, the same label for {_share(parity.same, parity.faces)}"
        + (f", the others tie within {LIMIT:g}" if parity.tied else ""),
    ]
    say(lines, f"export {path}: {target}")
    if int8:
        small = target.with_suffix(".int8.onnx")
        smaller = quantised(made, card, material.calibration, track)
        with replacing(small) as temporary:
            write(smaller, temporary)
            engines["onnxruntime, int8"] = Exported(temporary)
        calibrated = f"{_size(small)}, calibrated on {len(material.calibration):,} faces"
        cost = int8_cost(material, engines["onnxruntime"], engines["onnxruntime, int8"], track)
        say([calibrated, _cost(cost)], f"in eight bits: {small}")
    for name, content in pushed.items():
        write_bytes(target.with_name(name), content)
    if pushed:
        say([], f"to push as it is, with {' and '.join(pushed)}: {target.parent}")
    _timed(engines, material.faces)


def _readme(path: Path, card: Card, folder: Path) -> str:
    """The page of a model that `clfer evaluate` wrote, for a folder to push. InputError where there
    is none, or the folder has another.
    """
    known = card.provenance
    cell = f"{known.get('dataset')}/{known.get('variant')}/{known.get('seed')}"
    page, there = Path("results", cell, "model_card.md"), folder / README
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    if sha256(path) not in text:
        raise InputError(
            f"{page}: expected the card of {path}, found {'that of another' if text else 'none'}; "
            f"`clfer evaluate {cell.replace('/', ' ')}` writes it; or name a .onnx by --to"
        )
    if there.exists() and CARD not in there.read_text(encoding="utf-8", errors="replace"):
        raise InputError(f"{there}: expected a folder for a model, found another page there")
    return text.replace(f"runs/{cell}/{paths.MODEL}", ONNX)


def _dataset(path: Path, card: Card, count: int) -> Material:
    """Validation images of the dataset that the model was trained on, and training images to
    calibrate by: never test images.
    """
    from clfer.datasets import labels
    from clfer.export.onnx_model import CALIBRATION
    from clfer.export.parity import Material, spread
    from pipeline.cell import cached, examples

    name = card.provenance.get("dataset")
    if not isinstance(name, str) or not name.isidentifier():
        raise InputError(
            f"{path}: expected a card that names its dataset, found none; give face crops to check "
            "on by --faces FOLDER"
        )
    for file in (paths.split(name), paths.faces(name)):
        if not file.exists():
            raise InputError(
                f"{file} is missing, and faces are needed to check on; give a folder of face crops "
                f"by --faces FOLDER, or let `clfer split {name}` and what goes before it make them"
            )
    split, stored = cached(name)
    shape = (card.cut.size, card.cut.size, card.cut.channels)
    if stored.shape[1:] != shape or labels.classes(split) != card.classes:
        raise InputError(
            f"{paths.faces(name)}: expected faces {list(shape)} of {', '.join(card.classes)}, as "
            f"{path} was trained on; found {list(stored.shape[1:])} of "
            f"{', '.join(labels.classes(split))}; give face crops by --faces FOLDER"
        )
    val, train = (examples(split, part).face.numpy() for part in ("val", "train"))
    chosen = val[spread(len(val), count)]
    same = sha256(paths.split(name)) == card.provenance.get("split_sha256")
    return Material(
        stored[chosen],
        f"{len(chosen):,} of {len(val):,} validation images of {name}"
        + ("" if same else " (divided otherwise since: some may have been trained on)"),
        stored[val],
        examples(split, "val").label.numpy(),
        stored[train[spread(len(train), CALIBRATION)]],
    )


def _cost(cost: Int8Cost) -> str:
    """What eight bits cost, in words."""
    same = f"the same label for {_share(cost.same, cost.faces)}, "
    same += f"largest difference of a probability {cost.difference:.3f}"
    if cost.test is None:
        return f"against float, on the faces it was not calibrated on: {same}"
    whole, small = cost.accuracy
    return (
        f"against float, on all {cost.faces:,} validation images: accuracy {small:.4f} "
        f"against {whole:.4f}, difference {small - whole:+.4f} (right in float "
        f"alone {cost.test.only_a_right}, in int8 alone {cost.test.only_b_right}, McNemar's p "
        f"{cost.test.p:.2g}); {same}"
    )


def _timed(engines: dict[str, Engine], faces: UInt8[np.ndarray, "N S S C"]) -> None:
    """A table of how long each takes from faces to probabilities."""
    import numpy as np
    import torch

    from clfer.benchmark import medians

    times = {}
    for size, rounds in ROUNDS.items():
        batch = np.resize(faces, (size, *faces.shape[1:]))
        steps = {name: partial(engine, batch) for name, engine in engines.items()}
        times[size] = medians(steps, rounds, torch.device("cpu"), track)
    table(
        f"ms a batch on this CPU, threads: {torch.get_num_threads()} of PyTorch, {cores()} of "
        f"onnxruntime; medians of {' and '.join(map(str, ROUNDS.values()))} in turn",
        ["", *(f"batch {size}" for size in ROUNDS)],
        [[name, *(f"{1000 * times[size][name]:.1f}" for size in ROUNDS)] for name in engines],
    )


def _share(part: int, of: int) -> str:
    return f"{part:,} of {of:,} ({100 * part / of:.4g} %)"


def _size(path: Path) -> str:
    return f"{path.stat().st_size / MB:.1f} MB"
