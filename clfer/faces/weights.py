"""Where a detector's weights are: at a path, or in insightface's own folder."""

from pathlib import Path

from clfer.errors import InputError

FOLDER = Path(".insightface") / "models"  # below the home folder


def locate(weights: Path | None) -> Path:
    """The file with the weights: `weights` itself, or the first det_*.onnx in insightface's folder.

    InputError where there is none. insightface's models are for non-commercial research only.
    """
    if weights is not None:
        if not weights.is_file():
            raise InputError(
                f"faces.weights: expected an SCRFD detector (det_*.onnx); found no file {weights}"
            )
        return weights
    folder = Path.home() / FOLDER
    found = sorted(folder.glob("**/det_*.onnx"))
    if not found:
        raise InputError(
            f"faces.weights: no det_*.onnx under {folder}; put a pack of insightface there "
            "(non-commercial research only), or name a file, or set detector to given or none"
        )
    return found[0]
