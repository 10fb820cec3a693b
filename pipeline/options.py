"""Options that several commands have. Help and completion import this file: it must stay light."""

from pathlib import Path
from typing import Annotated

import typer

Models = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|NAME|URL",
        help="A model (.safetensors, .onnx); several are averaged. The newest one if left out.",
    ),
]
Detect = Annotated[
    bool, typer.Option("--detect/--no-detect", help="Or take pictures as face crops.")
]
Weights = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="SCRFD's weights; or $CLFER_DETECTOR.", dir_okay=False),
]
Device = Annotated[
    str | None, typer.Option(envvar="CLFER_DEVICE", help="cpu or cuda; a GPU if there is one.")
]
