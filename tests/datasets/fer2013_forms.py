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


def csv(header, row, ending="\n"):
    faces = zip(EMOTION, map(words, FACES), USAGE, strict=True)
    rows = [row.format(e=emotion, p=pixels, u=usage) for emotion, pixels, usage in faces]
    return ending.join([header, *rows, ""]).encode()


def official():
    return csv("emotion,pixels,Usage", "{e},{p},{u}")


def tar(members, mode="w:gz", **how):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode, **how) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def zipped(members, method=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def npz(**changed):
    packed = io.BytesIO()
    usage = np.array([fer2013.USAGE.index(use) for use in USAGE], np.uint8)
    arrays = {"pixels": FACES, "emotion": np.array(EMOTION, np.int8), "usage": usage} | changed
    np.savez(packed, **{name: array for name, array in arrays.items() if array is not None})
    return packed.getvalue()


ICML = csv("emotion, Usage, pixels", "{e},{u},{p}", "\r\n")
FORMS = {
    "fer2013.csv": official(),
    "icml_face_data.csv": ICML,
    "tabs.csv": official().replace(b" ", b"\t"),
    "copy.csv": csv('\ufeff"emotion","pixels","Usage"', '"{e}","{p}","{u}"').replace(b" ", b"  00"),
    "fer2013.tar.gz": tar({"fer2013/README": b"read me", "fer2013/fer2013.csv": official()}),
    "fer2013.tgz": tar({"fer2013.csv": official(), "later.txt": b"x" * 5000}),
    "archive.zip": zipped({"fer2013/fer2013.csv": official()}),
    "both.zip": zipped({"train.csv": b"no", "icml_face_data.csv": ICML, "test.csv": b"no"}),
    "fer2013.npz": npz(),
}


def place(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path
