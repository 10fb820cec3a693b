"""Published archives: whatever their bytes are, files within one folder or one clear line."""

import gzip
import io
import os
import shutil
import tarfile
import zipfile

import pytest
from image_trees import encoded
from mutations import attack, broken

from clfer.archives import extract
from clfer.errors import InputError

FILES = {
    f"{split}/{label}/1.png": encoded(number)
    for number, (split, label) in enumerate([
        ("train", "happy"), ("train", "sad"), ("test", "happy"), ("test", "sad")
    ])
}  # fmt: skip


def zipped(method):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    return file.getvalue()


def tar(form):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, content in {"ü" * 60 + "/" + "n" * 120: b"long", **FILES}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue().rstrip(b"\0") + bytes(1024)


ZIPS = [zipped(method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]
TARS = [tar(form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)[1:]]
INPUTS = {
    "a.zip": broken(*ZIPS),
    "end.zip": broken(*(content[::-1] for content in ZIPS), reach=600).map(lambda end: end[::-1]),
    "a.tar": broken(*TARS),
    "start.tar": broken(*TARS, reach=2000),
    "a.tgz": broken(*(gzip.compress(content) for content in TARS)),
    "tar.tgz": broken(*TARS, reach=2000).map(lambda content: gzip.compress(content, 1)),
}


@pytest.mark.parametrize("name", INPUTS)
def test_extraction(name, tmp_path):
    def read(content):
        (tmp_path / name).write_bytes(content)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        try:
            extract(tmp_path / name, tmp_path / "out", limit=1 << 20)
        except InputError:
            assert os.listdir(tmp_path) == [name]
            raise
        assert sorted(os.listdir(tmp_path)) == sorted([name, "out"])

    attack(f"extract {name}", INPUTS[name], read, 120)
