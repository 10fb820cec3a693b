"""Five faces in every form in which FER2013 is handed around."""

import io
import tarfile
import zipfile

import numpy as np

from clfer.datasets import fer2013

RNG = np.random.default_rng(0)
FACES = RNG.integers(0, 256, (5, 48, 48), np.uint8)
EMOTION = [0, 6, 3, 3, 1]
USAGE = ["Training", "Training", "PublicTest", "PrivateTest", "PrivateTest"]


def words(face):
    return " ".join(str(level) for level in face.ravel())


def official(faces=FACES):
    rows = [f"{e},{words(f)},{u}" for e, f, u in zip(EMOTION, faces, USAGE, strict=True)]
    return "\n".join(["emotion,pixels,Usage", *rows, ""]).encode()


def icml():
    rows = [f"{e},{u},{words(f)}" for e, f, u in zip(EMOTION, FACES, USAGE, strict=True)]
    return "\r\n".join(["emotion, Usage, pixels", *rows, ""]).encode()


def quoted():
    """With a byte order mark, two blanks between levels, and zeros before them."""
    rows = [
        f'"{e}","{words(f).replace(" ", "  00")}","{u}"'
        for e, f, u in zip(EMOTION, FACES, USAGE, strict=True)
    ]
    return "\n".join(['\ufeff"emotion","pixels","Usage"', *rows]).encode()


def tar(members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def zipped(members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def npz(**changed):
    packed = io.BytesIO()
    usage = np.array([fer2013.USAGE.index(use) for use in USAGE], np.uint8)
    arrays = {"pixels": FACES, "emotion": np.array(EMOTION, np.int8), "usage": usage} | changed
    np.savez(packed, **{name: array for name, array in arrays.items() if array is not None})
    return packed.getvalue()


FORMS = {
    "fer2013.csv": official(),
    "icml_face_data.csv": icml(),
    "copy.csv": quoted(),
    "fer2013.tar.gz": tar({"fer2013/README": b"read me", "fer2013/fer2013.csv": official()}),
    "fer2013.tgz": tar({"fer2013.csv": official(), "later.txt": b"x" * 5000}),
    "archive.zip": zipped({"fer2013/fer2013.csv": official()}),
    "both.zip": zipped({"train.csv": b"no", "icml_face_data.csv": icml(), "test.csv": b"no"}),
    "fer2013.npz": npz(),
}


def place(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path
