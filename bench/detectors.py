"""YuNet beside SCRFD: `python -m bench.detectors FER2013.npz PHOTOS YUNET.onnx SCRFD.onnx`.

On the pictures in PHOTOS: faces that each finds, that one alone does, and how far the line between
the eyes follows where a photo is turned. On FER2013's 35,887 faces of 48 px: those in which a face
is found, how far the landmarks of both are apart, faces a second on one core, and the accuracy of
the model in the package on FERPlus' test images as they are stored and aligned by either; FERPlus
is prepared in this checkout. Writes docs/results/detectors.json.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from clfer.faces.alignment import align, coloured, places
from clfer.faces.detection import Detections, Detector, principal
from clfer.faces.detectors import open_detector
from clfer.files import sha256, write_json
from clfer.inference.engines import Exported
from clfer.inference.frames import read
from clfer.inference.models import SHIPPED
from clfer.progress import silent
from pipeline.cell import cached, examples

NAMES = ("yunet", "insightface")
RESULT = Path("docs/results/detectors.json")
TURNS = (10, 20, 30, 40)  # degrees
OVERLAP = 0.3  # intersection over union from which two boxes are one face


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    both = np.prod(np.clip(high - low, 0, None))
    return float(both / (np.prod(a[2:]) + np.prod(b[2:]) - both))


def alone(found: Detections, other: Detections) -> int:
    """Faces of the first that the second has not."""
    return sum(all(overlap(one, two) < OVERLAP for two in other.box) for one in found.box)


def photos(detectors: dict[str, Detector], folder: Path) -> dict[str, Any]:
    pictures = {path.name: read(path) for path in sorted(folder.iterdir()) if path.suffix != ".md"}
    found = {
        name: {file: detector(picture) for file, picture in pictures.items()}
        for name, detector in detectors.items()
    }
    yunet, scrfd = (found[name] for name in NAMES)
    return {
        "pictures": len(pictures),
        "faces": {name: sum(len(one.score) for one in found[name].values()) for name in NAMES},
        "solvay": {
            name: len(one.score)
            for name in NAMES
            for file, one in found[name].items()
            if "solvay" in file
        },
        "alone": {
            "yunet": sum(alone(yunet[file], scrfd[file]) for file in pictures),
            "insightface": sum(alone(scrfd[file], yunet[file]) for file in pictures),
        },
        "tilt": {name: tilt(detectors[name], pictures) for name in NAMES},
    }


def tilt(detector: Detector, pictures: dict[str, np.ndarray]) -> dict[str, float]:
    """By how many degrees the line between the eyes turns, median over the photos' largest faces,
    where the photo is turned by so many.
    """
    followed: dict[str, list[float]] = {str(turn): [] for turn in TURNS}
    for picture in pictures.values():
        height, width = picture.shape[:2]
        middle = np.array([width, height]) / 2
        upright = detector(picture)
        if not len(upright.score):
            continue
        best = principal(upright, middle)
        centre = upright.box[best, :2] + upright.box[best, 2:] / 2
        for turn in TURNS:
            matrix = cv2.getRotationMatrix2D(centre.tolist(), turn, 1.0)
            turned = detector(
                cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
            )
            if len(turned.score):
                near = np.linalg.norm(turned.box[:, :2] + turned.box[:, 2:] / 2 - centre, axis=1)
                one = turned.landmarks[int(near.argmin())]
                followed[str(turn)].append(angle(one) - angle(upright.landmarks[best]))
    return {turn: float(np.median(values)) for turn, values in followed.items()}


def angle(landmarks: np.ndarray) -> float:
    """Of the line between the eyes in degrees, counter-clockwise."""
    across, down = landmarks[1] - landmarks[0]
    return float(np.degrees(np.arctan2(-down, across)))


def crops(detectors: dict[str, Detector], pixels: np.ndarray) -> tuple[dict[str, Any], dict]:
    landmarks, numbers = {}, {}
    for name, detector in detectors.items():
        begun = time.perf_counter()
        found = [detector(face) for face in pixels]
        seconds = time.perf_counter() - begun
        middle = np.array(pixels.shape[1:]) / 2
        landmarks[name] = [
            one.landmarks[principal(one, middle)] if len(one.score) else None for one in found
        ]
        with_face = sum(one is not None for one in landmarks[name])
        numbers[name] = {"found": with_face, "faces_per_second": len(pixels) / seconds}
    apart = np.array(
        [
            np.linalg.norm(one - two, axis=1).mean() / np.linalg.norm(two[1] - two[0])
            for one, two in zip(*(landmarks[name] for name in NAMES), strict=True)
            if one is not None and two is not None
        ]
    )
    numbers["apart"] = {"median": float(np.median(apart)), "p95": float(np.quantile(apart, 0.95))}
    return {"faces": len(pixels), **numbers}, landmarks


def accuracy(landmarks: dict[str, list[np.ndarray | None]], pixels: np.ndarray) -> dict[str, Any]:
    """Of the model in the package on the test images of FERPlus in which both find a face."""
    split, stored = cached("ferplus")
    test = examples(split, "test")
    rows, label = test.face.numpy(), test.label.numpy()
    kept = [all(landmarks[name][row] is not None for name in NAMES) for row in rows]
    rows, label = rows[kept], label[kept]
    model = Exported(SHIPPED["ferplus"])
    cut = model.card.cut
    faces = {"stored": stored[rows]} | {
        name: np.array(
            [
                coloured(align(pixels[row], landmarks[name][row], places(cut), cut.size), 1)
                for row in rows
            ]
        )
        for name in NAMES
    }
    return {
        "images": len(rows),
        **{
            name: float(
                np.mean(
                    np.concatenate(
                        [model(some[i : i + 64]).argmax(1) for i in range(0, len(some), 64)]
                    )
                    == label
                )
            )
            for name, some in faces.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.detectors", description=__doc__)
    for name in ("fer2013", "photos", *NAMES):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    weights = [getattr(given, name) for name in NAMES]
    cv2.setNumThreads(1)
    cut = Exported(SHIPPED["ferplus"]).card.cut
    detectors = {
        name: open_detector(file, cut, silent) for name, file in zip(NAMES, weights, strict=True)
    }
    pixels = np.load(given.fer2013)["pixels"]
    numbers, landmarks = crops(detectors, pixels)
    document = {
        "weights": {name: sha256(file) for name, file in zip(NAMES, weights, strict=True)},
        "opencv": cv2.__version__,
        "photos": photos(detectors, given.photos),
        "fer2013": numbers,
        "accuracy": accuracy(landmarks, pixels),
    }
    write_json(RESULT, document)
    print(document)


if __name__ == "__main__":
    main()
