"""What is downloaded, unpacked and stored: whatever its bytes are, data or one clear line."""

import gzip
import io
import os
import shutil
import tarfile
import zipfile

import numpy as np
import polars as pl
import pytest
from fer2013_forms import FORMS, npz, official, tar, zipped
from image_trees import array, encoded, plant
from mutations import attack, broken
from PIL import Image

from clfer.archives import extract
from clfer.datasets import affectnet, fer2013, images, labels, raf_db, source
from clfer.datasets.fer2013 import PIXELS
from clfer.datasets.votes import HEADER, read_layout, read_votes
from clfer.errors import InputError
from clfer.pictures import LARGEST, decode
from clfer.progress import silent
from pipeline import stored

pytestmark = pytest.mark.slow

GREY = np.random.default_rng(0).integers(0, 256, (12, 10), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (12, 10, 3), dtype=np.uint8)
EXIF = Image.Exif()
EXIF[0x0112] = 6
VALID = {
    "PNG": [encoded(GREY, "PNG"), encoded(GREY.astype(np.uint16) * 257, "PNG", exif=EXIF)],
    "JPEG": [encoded(COLOUR, "JPEG", exif=EXIF), encoded(GREY, "JPEG", progressive=True)],
    "BMP": [encoded(COLOUR, "BMP"), encoded(GREY, "BMP")],
    "GIF": [encoded(GREY, "GIF"), encoded(COLOUR, "GIF", interlace=1)],
    "TIFF": [
        encoded(COLOUR, "TIFF"),
        encoded(COLOUR, "TIFF", compression="tiff_lzw"),
        encoded(GREY, "TIFF", compression="tiff_deflate"),
        encoded(GREY.astype(np.float32), "TIFF"),
    ],
    "WEBP": [encoded(COLOUR, "WEBP", exif=EXIF), encoded(COLOUR, "WEBP", lossless=True)],
}


@pytest.mark.parametrize("form", VALID)
@pytest.mark.parametrize("reach", [1 << 40, 60])
def test_pictures(form, reach):
    def read(content):
        found = decode(content)
        assert found.dtype == np.uint8
        assert found.ndim == 2 or found.shape[2:] == (3,)
        assert found.shape[0] * found.shape[1] <= LARGEST

    name = form if reach > 60 else f"{form}, its start"
    attack(name, broken(*VALID[form], reach=reach), read, 120)


FILES = {f"{part}/{label}/1.png": b"image" * 9 for part in ("train", "test") for label in "ab"}


def bare(form):
    """A tar without the zeros that tarfile puts behind its end."""
    members = {"ü" * 60 + "/" + "n" * 120: b"long", **FILES}
    return tar(members, "w", format=form).rstrip(b"\0") + bytes(1024)


ZIPS = [zipped(FILES, method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]
TARS = [bare(form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)[1:]]
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


VOTES = (
    ",".join(HEADER)
    + "\nTraining,fer0000000.png,4,0,0,1,3,2,0,0,0,0\nPublicTest,,10,0,0,0,0,0,0,0,0,0\n"
    + 'PrivateTest,"fer0000002.png",6,0,1,1,0,0,0,0,1,1\n'
).encode()
LAYOUT = b'fer0000000.png,"(0, 0, 48, 48)",4,0,0,1,3,2,0,0,0,0\n' * 2
RAF_LIST = b"train_00001.jpg 5\ntrain_00002.jpg 1\ntest_0001.jpg 4\n"
POINTS = b"60.5\t52.25\n30\t50\n46 64\n58\t80\n33.5\t79\n1\n0\n3\n"
BOX = b"20 10 70.5 90\n"
MARKS = ";".join(str(10.5 + i * 7 % 90) for i in range(136))
AFFECTNET = (
    ",".join(affectnet.COLUMNS)
    + f"\n1/a.jpg,1,2,30,40,{MARKS},0,0.1,-0.2\n2/b.jpg,1,2,30,40,{MARKS},10,0.1,-0.2\n"
    + "3/c.jpg,NULL,NULL,NULL,NULL,null,3,0.1,-0.2\n"
).encode()
NPY = [array(3), array("3"), array(np.arange(136.0)), array(np.arange(136.0).astype(str))]


def uncompressed(**changed):
    """A fer2013.npz whose arrays can be reached by a change of a byte."""
    return npz(pixels=np.zeros((5, 48, 48), np.uint8), **changed)


def named(name, inputs):
    return inputs.map(lambda content: (name, content))


FER2013 = {
    "fer2013 csv": named("fer2013.csv", broken(official(), FORMS["icml_face_data.csv"])),
    "fer2013 csv, its start": named("a.csv", broken(official(), FORMS["copy.csv"], reach=300)),
    "fer2013 npz": named("a.npz", broken(FORMS["fer2013.npz"], uncompressed())),
    "fer2013 npz, its end": named(
        "a.npz", broken(uncompressed()[::-1], reach=1200).map(lambda end: end[::-1])
    ),
    "fer2013 npz, its start": named("a.npz", broken(uncompressed(), reach=300)),
}


@pytest.mark.parametrize("form", FER2013)
def test_fer2013(form, tmp_path):
    def read(given):
        name, content = given
        (tmp_path / name).write_bytes(content)
        fer2013.find(tmp_path)
        found = fer2013.read(tmp_path / name)
        rows = len(found.usage)
        assert found.pixels.shape == (rows, 48, 48)
        assert found.pixels.size == rows * PIXELS
        assert found.emotion.shape == (rows,)
        assert set(found.usage) <= set(fer2013.USAGE)
        assert not rows or 0 <= found.emotion.min() <= found.emotion.max() <= 6

    attack(form, FER2013[form], read, 80)


@pytest.mark.parametrize(("read", "valid"), [(read_votes, VOTES), (read_layout, LAYOUT)])
def test_votes(read, valid, tmp_path):
    def checked(content):
        (tmp_path / "votes.csv").write_bytes(content)
        votes = read(tmp_path / "votes.csv")["votes"].to_list()
        assert all(0 <= vote <= 10 for row in votes for vote in row)

    attack(read.__name__, broken(valid), checked, 300)


def raw(folder, files):
    """A folder as `fetch` leaves it, with these lists of labels in it."""
    plant(folder, {f"{source.COPIES}/{name}": content for name, content in files.items()})
    folder.mkdir(exist_ok=True)
    (folder / images.FOLDER).write_text("there\n")
    return folder


def finite(table):
    """Whether landmarks and boxes are numbers, where there are some."""
    places = [*table["landmarks"].drop_nulls(), *table["box"].drop_nulls()]
    return all(place.is_finite().all() for place in places)


def test_the_list_of_raf_db(tmp_path):
    def read(content):
        found = raf_db._listed(raw(tmp_path, {raf_db.LISTS[0]: content}))
        assert set(found["usage"]) <= {"train", "test"}
        assert not found["label"].null_count()

    attack("RAF-DB list", broken(RAF_LIST), read, 300)


@pytest.mark.parametrize(("ending", "valid"), [("_manu_attri", POINTS), ("_boundingbox", BOX)])
def test_the_annotations_of_raf_db(ending, valid, tmp_path):
    def read(content):
        folder = plant(tmp_path, {f"train_00001{ending}.txt": content})
        source.gather(raw(tmp_path / "raw", {}), folder, [f"train_00001{ending}.txt"], silent)
        assert finite(raf_db._annotations(tmp_path / "raw"))

    attack(f"RAF-DB {ending}", broken(valid), read, 200)


def test_the_lists_of_affectnet(tmp_path):
    def read(content):
        found = affectnet.read_lists(
            raw(tmp_path, {"training.csv": AFFECTNET, "validation.csv": content}), affectnet.LISTS
        )
        assert found["code"].is_between(0, 10).all()
        assert finite(found)

    attack("AffectNet csv", broken(AFFECTNET), read, 200)


@pytest.mark.parametrize("ending", ["_exp", "_lnd"])
def test_the_arrays_of_affectnet(ending, tmp_path):
    def read(content):
        files = {"_exp": array(3), "_lnd": array(np.arange(136.0)), ending: content}
        paths = [f"train_set/annotations/1{end}.npy" for end in files]
        plant(tmp_path, dict(zip(paths, files.values(), strict=True)))
        source.gather(raw(tmp_path / "raw", {}), tmp_path, paths, silent)
        found = affectnet.read_arrays(tmp_path / "raw")
        assert found["code"].is_between(0, 10).all()
        assert finite(found)

    attack(f"AffectNet {ending}.npy", broken(*NPY), read, 200)


ROWS = 40


def split(**how):
    """The bytes of a split's table."""
    random = np.random.default_rng(0)
    target = random.random((ROWS, 3), dtype=np.float32)
    rows = pl.DataFrame({
        "row": pl.Series(range(ROWS), dtype=pl.Int64),
        "face": pl.Series([None if row % 9 == 8 else row for row in range(ROWS)], dtype=pl.Int64),
        "label": pl.Series(["calm", "glad"] * (ROWS // 2), dtype=pl.Enum(("calm", "glad"))),
        "target": pl.Series(target, dtype=pl.Array(pl.Float32, 3)),
        "split": ["train", "val", "test", None] * (ROWS // 4),
        "landmarks": pl.Series([[1.5] * 10, None] * (ROWS // 2), dtype=labels.LANDMARKS),
    })  # fmt: skip
    file = io.BytesIO()
    rows.write_parquet(file, metadata={"protocol": "by hand", "evidence": "false"}, **how)
    return file.getvalue()


TABLES = [split(), split(compression="uncompressed"), split(compression="snappy", row_group_size=9)]


def npy(array, **how):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **how)
    return file.getvalue()


FACES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
ARRAYS = [npy(FACES), npy(np.asfortranarray(FACES)), npy(FACES, version=(3, 0))]


@pytest.mark.parametrize("end", [1, -1])
def test_a_table(end, tmp_path):
    """Its start, or its end, where its schema is and what it says of itself."""

    def read(content):
        (tmp_path / "demo.parquet").write_bytes(content[::end])
        columns = ("row", "label", "target")
        table = stored.table(tmp_path / "demo.parquet", "split demo", columns)
        assert {*columns} <= {*table.columns}
        assert {*labels.about(tmp_path / "demo.parquet")} == {"protocol", "evidence"}
        rows = stored.Rows(tmp_path / "demo.parquet", "split demo", ("row", "label", "landmarks"))
        rows[5:30].to_dicts()
        rows.at(pl.Series([39, 2])).to_dicts()

    reach = 1 << 40 if end == 1 else 900
    attack("parquet", broken(*(table[::end] for table in TABLES), reach=reach), read, 300)


def test_the_index_of_the_images(tmp_path):
    (tmp_path / "there").mkdir()
    files = [images.File(f"{number}.jpg", 9) for number in range(ROWS)]
    images.index(tmp_path, tmp_path, tmp_path / "there", files, silent)
    valid = (tmp_path / images.INDEX).read_bytes()

    def read(content):
        (tmp_path / images.INDEX).write_bytes(content)
        assert {*map(type, images.indexed(tmp_path))} <= {str}

    attack("index of images", broken(valid), read, 300)

    def look(content):
        (tmp_path / images.INDEX).write_bytes(content)
        images.pictures(tmp_path, tmp_path)(pl.DataFrame({"name": ["3.jpg", None, "30.jpg"]}))

    attack("sizes of images", broken(valid), look, 300)


@pytest.mark.parametrize(("name", "reach"), [("faces.npy", 1 << 20), ("faces.npy, its start", 128)])
def test_faces(name, reach, tmp_path):
    def read(content):
        (tmp_path / "faces.npy").write_bytes(content)
        found = stored.array(tmp_path / "faces.npy", "align demo")
        assert found.dtype == np.uint8
        assert found.ndim == 4
        found.sum()

    attack(name, broken(*ARRAYS, reach=reach), read, 300)
